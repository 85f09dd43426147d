"""Availability in bulk over HTTP: every question its own answer, at any pace of the two ends."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import zstandard

from service.api import spool
from service.ops import postgres
from service.ops.database import Addresses
from service.settings import Settings
from tests.service.api.stock_world import StockWorld, copied, stocked

pytestmark = pytest.mark.xdist_group("availability")
NDJSON = {"content-type": "application/x-ndjson"}
PATH = "/api/v1/availability"
HERE = {"latitude": 39.9, "longitude": -86.2}


@pytest.fixture(scope="module")
async def world(server: postgres.Server, stock: Addresses, settings: Settings) -> AsyncIterator[StockWorld]:
    async with copied(server, stock, "availability") as addresses, stocked(addresses, settings) as found:
        yield found


def _lines(queries: list[Any]) -> bytes:
    return b"".join(json.dumps(query).encode() + b"\n" for query in queries)


async def _streamed(world: StockWorld, content: bytes, name: str = "oem", **headers: str) -> list[Any]:
    answer = await world.callers[name].post(PATH, content=content, headers={**NDJSON, **headers})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


async def _questions(world: StockWorld, name: str) -> list[dict[str, Any]]:
    """A question for every value that some cars have."""
    items = await world.found(name, {"criteria": {}})
    return [
        {"id": f"{at}", "criteria": {field: [item[field]]}, "near": HERE | more}
        for at, item in enumerate(items)
        for field in ("make", "exterior_color", "location_id")
        if item[field] is not None
        for more in ({}, {"radius_km": 500.0})
    ]


@pytest.mark.parametrize("name", ["oem", "staff", "dealer", "supplier", "oem-brand"])
async def test_each_answer_is_that_of_a_search_as_the_caller_sees_it(world: StockWorld, name: str) -> None:
    questions = await _questions(world, name)
    answers = await _streamed(world, _lines(questions), name)
    assert answers.pop() == {"end": True, "answered": len(questions), "as_of": world.services.stock.index.as_of}
    for question, answer in zip(questions, answers, strict=True):
        criteria = {**question["criteria"], "near": question["near"]}
        request = {"criteria": criteria, "sort": [{"by": "distance"}], "limit": 1}
        page = (await world.callers[name].post("/api/v1/vehicles/search", json=request)).json()
        first = page["items"][0] if page["items"] else None
        nearest = first and {"vehicle_id": first["id"]} | {key: first[key] for key in ("location_id", "distance_km")}
        assert answer == {"id": question["id"], "available": page["total"], "nearest": nearest}
    assert len({answer["available"] for answer in answers}) > 1


async def test_an_array_is_answered_like_the_same_lines(world: StockWorld) -> None:
    questions = [*await _questions(world, "oem"), {"id": 7}, {"id": "x", "criteria": {"colour": ["Red"]}}]
    lines = await _streamed(world, _lines(questions))
    for indent in (None, 2):
        body = json.dumps({"queries": questions}, indent=indent)
        answer = await world.callers["oem"].post(PATH, content=body, headers={"content-type": "application/json"})
        told = answer.json()
        assert (answer.status_code, told["results"]) == (200, lines[:-1])
        assert told["as_of"] == lines[-1]["as_of"]


async def test_definitions_and_model_codes_stand_for_the_cars_that_are_so(world: StockWorld) -> None:
    row = await world.owner.fetchrow(
        "select d.* from vehicle_definition d join vehicle v on v.definition_id = d.id join stock_entry e "
        "on e.vehicle_id = v.id where e.status = 'IN_STOCK' and e.left_on is null and d.model_code is not null limit 1"
    )
    names = ("make", "model", "trim", "body_style", "drivetrain", "fuel_type", "transmission")
    criteria = {name: [row[name]] for name in names if row[name] is not None}
    criteria["model_year"] = {"gte": row["model_year"], "lte": row["model_year"]}
    questions = [
        {"id": 1, "criteria": criteria},
        {"id": 2, "definition_id": str(row["id"])},
        {"id": 3, "definition_id": str(row["id"]).upper()},
        {"id": 4, "model_code": row["model_code"], "near": HERE},
        {"id": 5, "model_code": "nobody's"},
        {"id": 6, "definition_id": "no id"},
    ]
    *answers, end = await _streamed(world, _lines(questions))
    assert end["answered"] == 6
    counts = [answer.get("available") for answer in answers]
    assert counts[0] > 0
    assert counts == [counts[0]] * 4 + [None, None]
    assert [answer["nearest"] is None for answer in answers[:4]] == [True, True, True, False]
    for answer, name in zip(answers[4:], ("model_code", "definition_id"), strict=True):
        assert answer["error"]["status"] == 404
        assert answer["error"]["errors"][0]["pointer"] == f"/{name}"


BAD = [
    ({"id": 1}, ""),
    ({"id": 1, "criteria": {}, "model_code": "x"}, ""),
    ({"id": 1, "criteria": {"colour": ["Red"]}}, "/criteria/colour"),
    ({"id": 1, "criteria": {}, "extra": 1}, "/extra"),
    ({"criteria": {}}, "/id"),
    ({"id": "x" * 300, "criteria": {}}, "/id"),
    ({"id": 2**63, "criteria": {}}, "/id"),
    ({"id": 1, "criteria": {"price": {"gte": 5, "lte": 4}}}, "/criteria/price"),
    ({"id": 1, "criteria": {"price": {"gte": "1E+999999"}}}, "/criteria/price/gte"),
    ({"id": 1, "criteria": {"currency": "ZZZ"}}, "/criteria/currency"),
    ({"id": 1, "criteria": {"status": ["GONE"]}}, "/criteria/status/0"),
    ({"id": 1, "criteria": {"condition": ["OLD"]}}, "/criteria/condition/0"),
    ({"id": 1, "criteria": {"make": ["x"] * 10_000}}, "/criteria/make"),
    ({"id": 1, "criteria": {"text": "x" * 500_000}}, "/criteria/text"),
    ({"id": 1, "criteria": {"make": ["a\0b"]}}, "/criteria/make/0"),
    ({"id": 1, "criteria": {}, "near": {"latitude": 91, "longitude": 0}}, "/near/latitude"),
    ({"id": 1, "criteria": {}, "near": {**HERE, "radius_km": 0}}, "/near/radius_km"),
    ({"id": 1, "criteria": {}, "near": {**HERE, "radius_km": 25_000}}, "/near/radius_km"),
    ({"id": 1, "criteria": {"near": HERE}, "near": HERE}, "/near"),
    ([], ""),
    (5, ""),
]


@pytest.mark.parametrize(("bad", "pointer"), BAD, ids=[str(bad)[:60] for bad, _ in BAD])
async def test_a_bad_question_is_told_where_and_spoils_no_other(world: StockWorld, bad: Any, pointer: str) -> None:
    good = {"id": "good", "criteria": {"make": ["Toyota"]}}
    expected, *_ = await _streamed(world, _lines([good]))
    for lines in (True, False):
        if lines:
            told = (await _streamed(world, _lines([good, bad, good])))[:-1]
        else:
            answer = await world.callers["oem"].post(PATH, json={"queries": [good, bad, good]})
            assert answer.status_code == 200, answer.text
            told = answer.json()["results"]
        first, wrong, last = told
        assert first == last == expected
        sound = isinstance(bad, dict) and bad.get("id") == 1
        assert wrong["id"] == (1 if sound else None)
        assert wrong["error"]["status"] == 400
        assert wrong["error"]["type"].startswith("urn:forecourt:problem:")
        assert wrong["error"]["errors"][0]["pointer"] == pointer
        if lines and not sound:
            assert wrong["error"]["line"] == 2


async def test_lines_that_are_no_json_are_told_by_their_number(world: StockWorld) -> None:
    good = b'{"id": "a", "criteria": {}}'
    nested = b"[" * 100_000
    lines = [good, b"{", b"", b'{"id": "b", "criteria": NaN}', b"\xff\xfe", nested, b"x" * 2_000_000, b"\r", good]
    *answers, end = await _streamed(world, b"\n".join(lines) + b"\n")
    assert [answer["error"]["line"] if "error" in answer else None for answer in answers] == [
        None, 2, 4, 5, 6, 7, None,
    ]  # fmt: skip
    assert end["answered"] == 7
    assert all(answer["id"] is None for answer in answers if "error" in answer)


async def test_a_stream_cut_in_the_middle_of_a_line_says_so_last(world: StockWorld) -> None:
    good = _lines([{"id": 1, "criteria": {}}, {"id": 2, "criteria": {}}])
    first, cut = await _streamed(world, good[:-9])
    assert first["id"] == 1
    assert cut["error"]["status"] == 400
    assert "line 2" in cut["error"]["detail"]
    assert (await _streamed(world, good[:-1]))[-1]["answered"] == 2
    assert (await _streamed(world, b""))[-1]["answered"] == 0


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
async def test_both_ways_may_be_compressed(world: StockWorld, encoding: str) -> None:
    questions = _lines(await _questions(world, "oem"))
    pack = gzip.compress if encoding == "gzip" else zstandard.ZstdCompressor().compress
    headers = {**NDJSON, "content-encoding": encoding, "accept-encoding": encoding}
    answer = await world.callers["oem"].post(PATH, content=pack(questions), headers=headers)
    assert answer.headers["content-encoding"] == encoding
    assert [json.loads(line) for line in answer.text.splitlines()] == await _streamed(world, questions)


async def test_a_damaged_stream_ends_in_its_error_and_harms_nobody(world: StockWorld) -> None:
    packed = gzip.compress(_lines([{"id": at, "criteria": {"make": [f"make {at}"]}} for at in range(20_000)]))
    told = await _exchange(world, [packed[:40_000], packed[40_000:60_000]], {"content-encoding": "gzip"})
    *answers, last = [json.loads(line) for line in told.splitlines()]
    assert last["error"]["type"] == "urn:forecourt:problem:malformed"
    assert [answer["id"] for answer in answers] == list(range(len(answers)))
    headers = {**NDJSON, "content-encoding": "gzip"}
    answer = await world.callers["oem"].post(PATH, content=b"junk", headers=headers)
    assert answer.status_code == 400
    assert (await _streamed(world, b'{"id": 1, "criteria": {}}'))[-1]["answered"] == 1


class _Exchange:
    """A request whose body is sent and whose answer is read piece by piece."""

    def __init__(self, world: StockWorld, headers: dict[str, str]):
        self.body: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.answer = b""
        self.status = 0
        self.taken = 0
        self.reads = asyncio.Event()
        self.reads.set()
        self.answered = asyncio.Event()
        told = {**NDJSON, "authorization": world.callers["oem"].headers["authorization"], **headers}
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
            "path": PATH, "raw_path": PATH.encode(), "root_path": "", "query_string": b"", "server": ("localhost", 80),
            "headers": [(name.encode(), value.encode()) for name, value in told.items()],
            "client": ("127.0.0.1", 50_000),
        }  # fmt: skip
        self.task = asyncio.create_task(world.app(scope, self._receive, self._send))  # type: ignore[arg-type]

    def send(self, data: bytes, more: bool = True) -> None:
        self.body.put_nowait({"type": "http.request", "body": data, "more_body": more})

    async def _receive(self) -> Any:
        self.taken += 1
        return await self.body.get()

    async def _send(self, message: Any) -> None:
        await self.reads.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.answer += message["body"]
            self.answered.set()


async def _exchange(world: StockWorld, pieces: list[bytes], headers: dict[str, str]) -> bytes:
    one = _Exchange(world, headers)
    for piece in pieces:
        one.send(piece)
    one.send(b"", more=False)
    await one.task
    return one.answer


async def test_answers_come_while_the_questions_are_still_being_sent(world: StockWorld) -> None:
    one = _Exchange(world, {})
    for at in range(3):
        one.answered.clear()
        one.send(_lines([{"id": at, "criteria": {}}]))
        await asyncio.wait_for(one.answered.wait(), 5)
        assert json.loads(one.answer.splitlines()[-1])["id"] == at
    one.send(b"", more=False)
    await one.task
    assert json.loads(one.answer.splitlines()[-1])["answered"] == 3


async def test_a_client_that_goes_away_leaves_the_streams_error_behind(world: StockWorld) -> None:
    one = _Exchange(world, {})
    one.send(_lines([{"id": 1, "criteria": {}}]))
    await one.answered.wait()
    one.body.put_nowait({"type": "http.disconnect"})
    await one.task
    assert json.loads(one.answer.splitlines()[-1])["error"]["status"] == 400


async def test_nothing_more_is_read_of_a_client_that_reads_nothing(
    world: StockWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool.Spool.__init__, "__defaults__", (100_000, 10_000))
    one = _Exchange(world, {})
    one.reads.clear()
    block = _lines([{"id": at, "criteria": {"make": ["x"]}} for at in range(500)])
    for _ in range(40):
        one.send(block)
    one.send(b"", more=False)
    async with asyncio.timeout(20):
        taken = -1
        while taken != one.taken:  # until it stands still
            taken = one.taken
            await asyncio.sleep(0.3)
    assert 2 <= taken < 20
    one.reads.set()
    await one.task
    lines = [json.loads(line) for line in one.answer.splitlines()]
    assert [line["id"] for line in lines[:-1]] == [*range(500)] * 40
    assert lines[-1]["answered"] == 20_000


async def test_a_hundred_thousand_questions_are_answered_and_others_served_meanwhile(world: StockWorld) -> None:
    content = _lines([{"id": at, "criteria": {"make": [f"make {at % 997}"]}} for at in range(100_000)])
    asking = asyncio.create_task(world.callers["oem"].post(PATH, content=content, headers=NDJSON))
    turns = []
    while not asking.done():
        began = time.thread_time()  # of this thread's own work: the processor may be busy with others
        await asyncio.sleep(0.002)
        turns.append(time.thread_time() - began)
    *answers, end = [json.loads(line) for line in (await asking).text.splitlines()]
    assert [answer["id"] for answer in answers] == [*range(100_000)]
    assert end["answered"] == 100_000
    turns.sort()
    assert turns[len(turns) * 99 // 100] < 0.05
    assert turns[-1] < 0.5  # whatever the garbage collector does


@pytest.mark.parametrize(("name", "status"), [("guest", 401), ("customer", 404), ("oem", 200), ("supplier", 200)])
async def test_partners_staff_and_systems_may_ask(world: StockWorld, name: str, status: int) -> None:
    answer = await world.callers[name].post(PATH, content=_lines([{"id": 1, "criteria": {}}]), headers=NDJSON)
    assert answer.status_code == status


async def test_what_is_neither_an_array_nor_lines_is_refused(world: StockWorld) -> None:
    oem = world.callers["oem"]
    json_type = {"content-type": "application/json"}
    for body, headers, status, pointer in (
        (b"[]", {"content-type": "text/csv"}, 415, None),
        (b"[]", json_type, 400, ""),
        (b"{}", json_type, 400, "/queries"),
        (b'{"queries": 5}', json_type, 400, "/queries"),
        (b'{"queries": [], "more": 1}', json_type, 400, "/more"),
        (b'{"queries": [{"id": 1}, ]}', json_type, 400, None),
        (b'{"queries": [{"id": 1}', json_type, 400, None),
    ):
        answer = await oem.post(PATH, content=body, headers=headers)
        assert answer.status_code == status, body
        assert pointer is None or answer.json()["errors"][0]["pointer"] == pointer, body
    assert (await oem.post(f"{PATH}?x=1", json={"queries": []})).status_code == 400


async def test_an_answer_shows_the_write_that_the_caller_names(world: StockWorld) -> None:
    trim = "seen at once"
    made = await world.callers["dealer"].post(
        "/api/v1/vehicles",
        json={"make": "Toyota", "model": "Corolla", "condition": "NEW", "brand": "Toyota", "trim": trim},
    )
    question = _lines([{"id": 1, "criteria": {"trim": [trim]}}])
    answers = await _streamed(world, question, "dealer", **{"x-after-change": made.headers["x-change"]})
    assert answers[0]["available"] == 1
