"""The index under change: any order of changes and merges, pages walked meanwhile, searches beside writers."""

from __future__ import annotations

import random
import threading
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from domain.kit.errors import CursorInvalid
from inventory.criteria import Criteria, SearchRequest, Sort
from inventory.index import EVERYTHING, GUEST, Audience, StockIndex
from inventory.index import stock as stock_module
from inventory.index.stock import COMPACTED_ROWS
from inventory.index.vocabulary import STATUS_CODES, Vocabulary
from inventory.vehicle_row import STATUSES, VehicleRow
from tests.inventory.search_twin import Twin
from tests.inventory.stocks import TODAY, audiences, requests, row, seeded_rows

ALL = Criteria(status=[])


def index_of(stock: list[VehicleRow]) -> StockIndex:
    index = StockIndex(secret=b"s", today=lambda: TODAY)
    index.load(stock, "0")
    return index


def ids_of(items: list[msgspec.Raw]) -> list[str]:
    return [msgspec.json.decode(item)["id"] for item in items]


class IndexUnderChange(RuleBasedStateMachine):
    """The same operations on the index and on a dict, compared by any search at any time."""

    @initialize(data=st.data())
    def load(self, data: st.DataObject) -> None:
        self.state = {one.id: one for one in (data.draw(row(number)) for number in range(data.draw(st.integers(0, 6))))}
        self.index = index_of(list(self.state.values()))
        self.versions = 1

    @rule(data=st.data(), numbers=st.sets(st.integers(0, 9), max_size=4), gone=st.sets(st.integers(0, 9), max_size=3))
    def apply(self, data: st.DataObject, numbers: set[int], gone: set[int]) -> None:
        self.versions += 1
        upserts = [data.draw(row(number, self.versions)) for number in sorted(numbers)]
        removed = [one.id for one in seeded_rows(10, 0) if UUID(one.id).int & 0xFFFF in gone]
        self.index.apply(upserts, removed, str(self.versions))
        self.state |= {one.id: one for one in upserts}
        for key in removed:
            self.state.pop(key, None)

    @rule(number=st.integers(0, 9), status=st.sampled_from(STATUSES), whole=st.booleans())
    def change_status(self, number: int, status: str, whole: bool) -> None:
        """By itself, or as a row of which nothing else is new."""
        self.versions += 1
        key = seeded_rows(10, 0)[number].id
        if key not in self.state:
            assert not self.index.change_status(key, status, self.versions, str(self.versions))
            return
        changed = msgspec.structs.replace(self.state[key], status=status, version=self.versions)
        rows = sum(view.segment.rows for view in self.index._snapshot.views)
        if whole:
            self.index.apply([changed], [], str(self.versions))
        else:
            assert self.index.change_status(key, status, self.versions, str(self.versions))
        assert sum(view.segment.rows for view in self.index._snapshot.views) == rows
        self.state[key] = changed

    @rule(small=st.sampled_from([-1, 2, 20_000]))
    def merge(self, small: int) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stock_module, "SMALL_CHANGE_ROWS", small)
            self.index.merge()

    @rule(request=requests(), audience=audiences())
    def search(self, request: SearchRequest, audience: Audience) -> None:
        page = self.index.search(request, audience)
        assert page.as_of == self.index.as_of
        Twin(self.state.values(), request, audience, TODAY).check(page)

    @invariant()
    def every_vehicle_is_there_in_its_newest_form(self) -> None:
        if not hasattr(self, "index"):
            return
        assert self.index.count == len(self.state)
        for key, one in self.state.items():
            found = self.index.get(key, EVERYTHING)
            assert found is not None
            assert msgspec.json.decode(found)["version"] == one.version


TestIndexUnderChange = IndexUnderChange.TestCase
TestIndexUnderChange.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)


def test_of_several_rows_with_one_id_the_last_stands_and_a_removal_wins() -> None:
    first, second = seeded_rows(2, 1)
    index = index_of([first, msgspec.structs.replace(first, version=5), second])
    found = index.get(first.id, EVERYTHING)
    assert found is not None
    assert msgspec.json.decode(found)["version"] == 5
    index.apply([second, msgspec.structs.replace(second, version=9)], [first.id, str(uuid4())], "1")
    assert index.get(first.id, EVERYTHING) is None
    found = index.get(second.id, EVERYTHING)
    assert found is not None
    assert msgspec.json.decode(found)["version"] == 9
    index.apply([first], [first.id], "2")
    assert index.count == 1


def test_a_change_without_rows_still_moves_the_state_on() -> None:
    index = index_of(seeded_rows(3, 1))
    index.apply([], [], "7")
    assert index.search(SearchRequest(), GUEST).as_of == "7"


def test_changes_are_compacted_and_merged_beside_the_base_or_into_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stock = seeded_rows(300, 2)
    index = index_of(stock)
    for number, one in enumerate(stock):
        index.apply([msgspec.structs.replace(one, version=2, photos=(str(number),))], [], str(number))
    assert len(index._snapshot.views) < 12
    assert all(view.segment.rows <= COMPACTED_ROWS for view in index._snapshot.views)
    index.apply([], [stock[7].id], "beside")
    index.merge()
    assert len(index._snapshot.views) <= 2
    assert (index.count, index.wants_merge) == (299, False)
    index.apply([msgspec.structs.replace(one, version=3, photos=()) for one in stock[:100]], [stock[8].id], "into")
    monkeypatch.setattr(stock_module, "SMALL_CHANGE_ROWS", 50)
    assert index.wants_merge
    index.merge()
    assert [(view.rows, len(view.dead)) for view in index._snapshot.views] == [(299, 0)]
    assert not index.wants_merge


@pytest.mark.parametrize("small", [0, 20_000])
def test_changes_that_arrive_while_a_merge_runs_are_kept(monkeypatch: pytest.MonkeyPatch, small: int) -> None:
    monkeypatch.setattr(stock_module, "SMALL_CHANGE_ROWS", small)
    stock = seeded_rows(200, 3)
    index = index_of(stock)
    index.apply([msgspec.structs.replace(one, version=2, photos=("new",)) for one in stock[:50]], [stock[60].id], "1")
    index.apply([msgspec.structs.replace(one, version=2, photos=("new",)) for one in stock[150:160]], [], "1")
    whole = StockIndex._replace

    def interrupted(self: StockIndex, *before: Any) -> None:
        changed = [msgspec.structs.replace(one, version=3) for one in (*stock[:10], *stock[100:110])]
        self.apply(changed, [stock[20].id, stock[120].id], "2")
        whole(self, *before)

    monkeypatch.setattr(StockIndex, "_replace", interrupted)
    index.merge()
    assert (index.count, index.as_of) == (197, "2")
    for place, version in ((0, 3), (15, 2), (105, 3), (155, 2), (170, 1)):
        found = index.get(stock[place].id, EVERYTHING)
        assert found is not None
        assert msgspec.json.decode(found)["version"] == version
    assert {index.get(stock[place].id, EVERYTHING) for place in (20, 60, 120)} == {None}
    index.merge()
    assert index.count == 197


def test_pages_neither_repeat_nor_skip_what_keeps_its_place_while_others_come_and_go() -> None:
    rng = random.Random(4)
    stock = seeded_rows(400, 4)
    index = index_of(stock)
    state = {one.id: one for one in stock}
    stable = {one.id for one in stock[:200]}
    request = SearchRequest(criteria=ALL, sort=[Sort("price", "desc"), Sort("model_year")], limit=13)
    seen: list[str] = []
    for step in range(1_000):
        page = index.search(request, EVERYTHING)
        seen += ids_of(page.items)
        if page.next_cursor is None:
            break
        request = msgspec.structs.replace(request, cursor=page.next_cursor)
        moving = [rng.choice(stock[200:]) for _ in range(5)]
        sources = {one.id: rng.choice(stock) for one in moving}
        upserts = [msgspec.structs.replace(sources[key], id=key, version=step + 2) for key in sources]
        touched = [msgspec.structs.replace(state[key], version=step + 2) for key in rng.sample(sorted(stable), 3)]
        index.apply([*upserts, *touched], [rng.choice(stock[200:]).id], str(step))
        if step % 5 == 0:
            index.merge()
    kept = [key for key in seen if key in stable]
    assert len(kept) == len(set(kept)) == 200


def test_a_cursor_goes_on_after_its_own_vehicle_is_gone() -> None:
    index = index_of(seeded_rows(50, 8))
    request = SearchRequest(criteria=ALL, sort=[Sort("odometer_km")], limit=10)
    first = index.search(request, EVERYTHING)
    expected = ids_of(index.search(msgspec.structs.replace(request, limit=50), EVERYTHING).items)[10:20]
    index.apply([], [ids_of(first.items)[-1]], "1")
    second = index.search(msgspec.structs.replace(request, cursor=first.next_cursor), EVERYTHING)
    assert ids_of(second.items) == expected


def test_a_cursor_belongs_to_its_query_and_caller() -> None:
    index = index_of(seeded_rows(50, 8))
    request = SearchRequest(criteria=ALL, limit=5)
    cursor = index.search(request, EVERYTHING, "staff-1").next_cursor
    assert cursor is not None
    same = msgspec.structs.replace(request, cursor=cursor, limit=7, facets=["make"], relaxations=True)
    assert len(index.search(same, EVERYTHING, "staff-1").items) == 7
    others = [
        (same, "staff-2"),
        (msgspec.structs.replace(same, sort=[Sort("price")]), "staff-1"),
        (msgspec.structs.replace(same, criteria=Criteria(status=[], make=["Ford"])), "staff-1"),
        (msgspec.structs.replace(same, criteria=Criteria(status=[], currency="EUR")), "staff-1"),
    ]
    middle = len(cursor) // 2
    garbled = [
        cursor[:-4],
        cursor[1:],
        cursor[:middle] + "AAAA" + cursor[middle + 4 :],
        "x",
        "é",
        "A" * 64,
        cursor + "=",
    ]
    others += [(msgspec.structs.replace(same, cursor=text), "staff-1") for text in garbled]
    for request, caller in others:
        with pytest.raises(CursorInvalid):
            index.search(request, EVERYTHING, caller)


def test_a_cursor_is_good_on_every_process_with_the_same_secret() -> None:
    stock = seeded_rows(50, 8)
    one, other = index_of(stock), index_of(stock[::-1])
    request = SearchRequest(criteria=ALL, limit=20)
    first = one.search(request, GUEST)
    again = msgspec.structs.replace(request, cursor=first.next_cursor)
    assert ids_of(one.search(again, GUEST).items) == ids_of(other.search(again, GUEST).items)


def test_searches_in_threads_each_see_one_state_while_changes_arrive() -> None:
    """Every change gives all vehicles one new model year and drops or adds some: an answer of two years has torn."""
    stock = [msgspec.structs.replace(one, model_year=1, attributes={}) for one in seeded_rows(3_000, 9)]
    index = index_of(stock)
    sizes = {"0": 3_000}
    faults: list[str] = []
    done = threading.Event()

    def look() -> None:
        request = SearchRequest(criteria=ALL, facets=["model_year", "make", "status"], limit=50, relaxations=True)
        while not done.is_set():
            page = index.search(request, EVERYTHING)
            years = {msgspec.json.decode(item)["model_year"] for item in page.items}
            counted = [one.count for one in page.facets["model_year"]]
            sums = {sum(one.count for one in page.facets[name]) for name in ("make", "status")}
            if years != {int(page.as_of) + 1} or counted != [page.total] or sums != {page.total}:
                faults.append(f"{page.as_of}: {years} {counted} {sums} {page.total}")
            if sizes.get(page.as_of) != page.total:
                faults.append(f"{page.as_of}: {page.total}")

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    rng = random.Random(1)
    for change in range(1, 13):
        gone = {one.id for one in rng.sample(stock, 40)}
        upserts = [
            msgspec.structs.replace(one, model_year=change + 1, version=change + 1)
            for one in stock
            if one.id not in gone
        ]
        sizes[str(change)] = len(upserts)
        index.apply(upserts, sorted(gone), str(change))
        if change % 4 == 0:
            index.merge()
    done.set()
    for thread in threads:
        thread.join()
    assert faults == []


def test_a_status_has_the_same_code_in_every_index() -> None:
    statuses = Vocabulary().text("status")
    assert {status: statuses.find(status) for status in STATUSES} == STATUS_CODES
