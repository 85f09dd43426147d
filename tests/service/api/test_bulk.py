"""Bodies in blocks, slices that take their time, and answers that wait for their reader."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.kit.errors import Malformed, TooLarge
from service.api import bulk
from service.api.bulk import Lines, Pace, Reader, Refused, answered_array
from service.api.spool import Spool


class Question(msgspec.Struct, forbid_unknown_fields=True):
    id: str | int
    text: str = ""


class Echo:
    """Answers each question with itself."""

    as_of = "now"

    async def prepare(self, questions: Any, *, streaming: bool) -> None:
        """Nothing to prepare."""

    def answer(self, questions: Any) -> list[Any]:
        return list(questions)


TEXTS = st.sampled_from(["", "},{", '"}, {"', "\\", "a\\u0000b", "\u2028", "]}", 'x"queries":[', "\n", "é" * 40])
QUESTIONS = st.lists(
    st.one_of(
        st.builds(lambda id, text: {"id": id, "text": text}, st.integers(0, 9), TEXTS),
        st.sampled_from([{"id": 1, "more": [{"a": 1}, {"b": 2}]}, 5, None, {}, [], {"id": 2, "text": 3}]),
    ),
    max_size=30,
)


def plainly(questions: list[Any]) -> list[Any]:
    """What each question is answered: itself, or a refusal under its id."""
    told: list[Any] = []
    for question in questions:
        try:
            found = msgspec.convert(question, Question)
        except msgspec.ValidationError:
            told.append(question.get("id") if isinstance(question, dict) else None)
        else:
            told.append(msgspec.to_builtins(found) if "\0" not in found.text else found.id)
    return told


def shortened(answers: list[Any]) -> list[Any]:
    return [answer["id"] if "error" in answer else answer for answer in answers]


@settings(max_examples=150, deadline=None)
@given(QUESTIONS, st.sampled_from([None, 1]), st.sampled_from([40, 200, 1 << 15]))
async def test_an_array_is_taken_apart_rightly_wherever_it_is_cut(
    questions: list[Any], indent: int | None, size: int
) -> None:
    body = json.dumps({"queries": questions}, indent=indent, ensure_ascii=False).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "BLOCK_BYTES", size)
        told = json.loads(await answered_array(body, "queries", Reader(Question), Echo()))
    assert told["as_of"] == "now"
    assert shortened(told["results"]) == plainly(questions)


@settings(max_examples=150, deadline=None)
@given(QUESTIONS, st.integers(1, 90), st.sampled_from([40, 1 << 15]), st.booleans())
def test_lines_are_the_same_in_any_pieces(questions: list[Any], piece: int, size: int, blank: bool) -> None:
    body = b"".join(json.dumps(one).encode() + b"\n" + b"\r\n" * blank for one in questions)
    reader, lines, found = Reader(Question), Lines(), list[Any]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "BLOCK_BYTES", size)
        for at in range(0, len(body), piece):
            for block in lines.blocks(body[at : at + piece]):
                assert block is not None
                found += reader.lines(block)
    assert lines.last() == b""
    assert shortened(msgspec.to_builtins(found)) == plainly(questions)
    assert reader.line == len(questions) * (1 + blank)


def test_a_line_too_long_is_kept_nowhere_and_the_next_is_read() -> None:
    lines, reader = Lines(), Reader(Question)
    found: list[Any] = []
    for piece in [b'{"id": 1}\n"', *[b"x" * 100_000] * 30, b'"\n{"id": 2}\n']:
        for block in lines.blocks(piece):
            found += [reader.too_long()] if block is None else reader.lines(block)
        assert len(lines._rest) <= bulk.LONGEST_LINE + 100_000
    assert [getattr(one, "id", None) for one in found] == [1, None, 2]
    assert isinstance(found[1], Refused)
    assert (found[1].error["status"], found[1].error["line"]) == (413, 2)


async def test_more_than_an_array_may_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MOST_JSON_ITEMS", 10)
    body = json.dumps({"queries": [{"id": 1}] * 11}).encode()
    with pytest.raises(TooLarge, match="10 queries"):
        await answered_array(body, "queries", Reader(Question), Echo())


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"queries": [' + b"[" * 100_000, b'{"queries": [{}], "queries": 1}']
)
async def test_a_body_of_another_form_is_refused_whole(body: bytes) -> None:
    with pytest.raises(Malformed):
        await answered_array(body, "queries", Reader(Question), Echo())


def test_slices_become_as_long_as_the_time_they_may_take() -> None:
    pace = Pace()
    for _ in range(20):
        pace.took(pace.size * 4e-6, pace.size)
    assert 400 <= pace.size <= 600
    assert not pace.heavy
    for _ in range(20):
        pace.took(pace.size * 0.01, pace.size)
    assert pace.size == 1
    assert pace.heavy


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=300)), max_size=40))
async def test_a_spool_gives_what_it_took_in_its_order(steps: list[tuple[bool, bytes]]) -> None:
    spool, written, read = Spool(most_bytes=5_000, memory_bytes=200), b"", b""
    for reads, data in steps:
        if (reads and spool.waiting) or spool.waiting >= 5_000:
            read += await spool.read()
        await spool.write(data)
        written += data
        assert spool.waiting == len(written) - len(read)
    spool.end()
    while piece := await spool.read():
        read += piece
    assert read == written
    assert await spool.read() == b""
    spool.close()


async def test_a_full_spool_makes_its_writer_wait() -> None:
    spool = Spool(most_bytes=100, memory_bytes=10)
    await spool.write(b"x" * 150)
    writing = asyncio.create_task(spool.write(b"y"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not writing.done()
    assert await spool.read() == b"x" * 150
    await writing
    assert await spool.read() == b"y"
    spool.close()
