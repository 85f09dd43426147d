"""Availability equals what looking at every vehicle gives, for any stock, question and audience."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.kit.errors import Problem
from inventory.availability import (
    Availability,
    AvailabilityQuery,
    DecodedQuery,
    Definition,
    Definitions,
    Nearest,
    answers,
)
from inventory.criteria import Criteria, SearchRequest, Sort
from inventory.index import EVERYTHING, Audience, StockIndex
from inventory.vehicle_row import VehicleRow
from tests.inventory.search_twin import Twin
from tests.inventory.stocks import TODAY, audiences, id_named, requests, rows

Told = Availability | tuple[Any, Problem]


def index_of(stock: list[VehicleRow]) -> StockIndex:
    index = StockIndex(secret=b"s", today=lambda: TODAY)
    index.load(stock, "1")
    return index


def told(
    stock: list[VehicleRow], asked: list[AvailabilityQuery], audience: Audience, definitions: Definitions | None = None
) -> list[Told]:
    """The answers, a refusal as its id and problem."""
    found: list[Told] = answers(
        asked, index_of(stock), audience, definitions or Definitions(), lambda id, problem: (id, problem)
    )
    return found


def counted(stock: list[VehicleRow], criteria: Criteria, audience: Audience) -> tuple[int, Nearest | None]:
    """By looking at every vehicle."""
    sort = [Sort("distance")] if criteria.near else []
    twin = Twin(stock, SearchRequest(criteria=criteria, sort=sort), audience, TODAY)
    rows = {row.id: row for row in stock}
    ids = twin.ordered()
    distance = twin.distance(rows[ids[0]]) if ids else None
    if distance is None:
        return len(ids), None
    return len(ids), Nearest(ids[0], rows[ids[0]].location_id, distance)


@settings(max_examples=100, deadline=None)
@given(rows(), st.lists(requests(), min_size=1, max_size=4), audiences())
def test_every_answer_is_that_of_the_twin(
    stock: list[VehicleRow], asked: list[SearchRequest], audience: Audience
) -> None:
    queries = []
    for at, request in enumerate(asked):
        given = {"id": at, "criteria": msgspec.to_builtins(request.criteria, str_keys=True)}
        if at % 2 and request.criteria.near is not None:  # as well beside the criteria
            given["near"] = given["criteria"].pop("near")
        if request.criteria.status is None:
            given["criteria"].pop("status", None)
        queries.append(msgspec.json.decode(msgspec.json.encode(given), type=DecodedQuery))
    for request, answer in zip(asked, told(stock, queries, audience), strict=True):
        assert isinstance(answer, Availability)
        count, nearest = counted(stock, request.criteria, audience)
        assert answer.available == count
        assert (answer.nearest is None) == (nearest is None)
        if answer.nearest is not None and nearest is not None:
            assert (answer.nearest.vehicle_id, answer.nearest.location_id) == (nearest.vehicle_id, nearest.location_id)
            assert abs(answer.nearest.distance_km - nearest.distance_km) < 0.001


def car(id: str, **more: Any) -> VehicleRow:
    return VehicleRow(id=id_named(id), version=1, listing_number=id, condition="NEW", status="IN_STOCK", **more)


ESCAPE = {"make": "Ford", "model": "Escape", "model_year": 2026}


def test_a_definition_leaves_open_what_it_does_not_say() -> None:
    stock = [
        car("a", **ESCAPE, trim="SE", drivetrain="AWD"),
        car("b", **ESCAPE, trim="SE", drivetrain="FWD"),
        car("c", **ESCAPE),
        car("d", **{**ESCAPE, "model_year": 2025}, trim="SE", drivetrain="AWD"),
    ]
    definitions = Definitions()
    names = ("body_style", "drivetrain", "fuel_type", "transmission")
    definition = Definition("D-1", "E-1", "Ford", "Escape", 2026, "SE", **dict.fromkeys(names))
    queries = [AvailabilityQuery(id=1, definition_id="d-1"), AvailabilityQuery(id=2, model_code="E-1")]
    assert definitions.lacking(queries) == (["d-1"], ["E-1"])
    definitions.learn(["d-1"], ["E-1"], [msgspec.structs.replace(definition, id="d-1")])
    assert definitions.lacking(queries) == ([], [])
    found = told(stock, queries, EVERYTHING, definitions)
    assert [answer.available for answer in found if isinstance(answer, Availability)] == [2, 2]


def test_what_is_asked_of_a_definition_changes_no_later_answer() -> None:
    stock = [car("a", **ESCAPE, latitude=1.0, longitude=1.0), car("b", **ESCAPE, latitude=50.0, longitude=1.0)]
    definitions = Definitions()
    rest = dict.fromkeys(("trim", "body_style", "drivetrain", "fuel_type", "transmission"))
    definitions.learn(["x"], [], [Definition("x", None, "Ford", "Escape", 2026, **rest)])
    near = {"latitude": 1.0, "longitude": 1.0, "radius_km": 10}
    queries = msgspec.convert(
        [{"id": 1, "definition_id": "x", "near": near}, {"id": 2, "definition_id": "x"}], list[AvailabilityQuery]
    )
    first, second = told(stock, queries, EVERYTHING, definitions)
    assert first == Availability(1, 1, Nearest(id_named("a"), None, 0.0))
    assert second == Availability(2, 2, None)


def test_a_question_at_fault_is_told_under_its_id_and_what_is_no_question_is_passed_on() -> None:
    passed: Any = object()
    queries = [passed, AvailabilityQuery(id="x"), AvailabilityQuery(id="y", criteria=Criteria(status=["GONE"]))]
    queries.append(AvailabilityQuery(id="z", model_code="unheard of"))
    found: list[Any] = told([car("a")], queries, EVERYTHING)
    assert found[0] is passed
    assert [(id, problem.status) for id, problem in found[1:]] == [("x", 400), ("y", 400), ("z", 404)]
    assert [problem.errors[0].pointer for _, problem in found[1:]] == ["", "/criteria/status/0", "/model_code"]
