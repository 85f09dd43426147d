"""Bulk questions over HTTP: a JSON array or lines of JSON in, as many answers in the same order out.

Lines are answered while they come: what is read, what is worked on and what waits for its reader are all bounded, so a
stream may go on for ever. Work is cut into slices of a few milliseconds, so that other requests are served between.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from domain.kit.errors import Malformed, Problem, TooLarge
from service.api import bodies, problems

NDJSON = "application/x-ndjson"
BLOCK_BYTES = 1 << 15
"""So much is decoded at once: one to three milliseconds."""
LONGEST_LINE = 1 << 20
MOST_JSON_BYTES = 64 << 20
MOST_JSON_ITEMS = 250_000
SLICE_SECONDS = 0.002
HEAVY_SECONDS = 0.001
"""From here on one question is worth a thread."""
MOST_SLICE = 1_000

Q = TypeVar("Q")
Q_contra = TypeVar("Q_contra", contravariant=True)


class Refused(msgspec.Struct, frozen=True):
    """The answer to a question that breaks a rule; `id` is null where none could be read."""

    id: str | int | None
    error: Any


class End(msgspec.Struct, frozen=True):
    """The last line of a complete answer."""

    end: bool
    answered: int
    as_of: str


class _Id(msgspec.Struct):
    id: Any = None


_FAULTS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
encoder = msgspec.json.Encoder()
_id_decoder = msgspec.json.Decoder(_Id)


class Reader(Generic[Q]):
    """Decodes questions of one type, a block of them at once; those at fault become their own refusals."""

    def __init__(self, question: type[Q]) -> None:
        self._type = question
        self._lines = msgspec.json.Decoder(question)
        self._list = msgspec.json.Decoder(list[question])  # type: ignore[valid-type] # a type at run time
        self._raws = msgspec.json.Decoder(list[msgspec.Raw])
        self.line = 0
        """Lines read so far."""
        self.unreadable = 0
        """How many of what was read were no JSON."""

    def lines(self, block: bytes) -> list[Q | Refused]:
        """The questions of whole lines; empty lines are none."""
        count = block.count(b"\n") + (not block.endswith(b"\n"))
        if b"\\u0000" not in block:
            try:
                found: list[Any] = self._lines.decode_lines(block)
            except _FAULTS:
                pass
            else:
                if len(found) == count:
                    self.line += count
                    return found
        told: list[Q | Refused] = []
        for line in block.split(b"\n")[:count]:
            self.line += 1
            if line.strip():
                told.append(self.one(line, self.line))
        return told

    def elements(self, block: bytes) -> list[Q | Refused]:
        """The questions of `block`, elements of a JSON array with commas between; DecodeError unless they are."""
        listed = b"[%b]" % block
        if b"\\u0000" not in block:
            try:
                found: list[Any] = self._list.decode(listed)
            except msgspec.ValidationError:
                pass
            else:
                return found
        return [self.one(bytes(raw)) for raw in self._raws.decode(listed)]

    def one(self, raw: bytes, line: int | None = None) -> Q | Refused:
        """One question, or why it is none."""
        try:
            found: Q = bodies.parse_json(raw, self._type, asks=True)
        except Problem as problem:
            id = _id_of(raw)
            self.unreadable += not problem.errors
            if line is not None and not problem.errors:
                problem = Malformed(f"Line {line} is not JSON", line=line)
            elif line is not None and id is None:
                problem.data["line"] = line
            return Refused(id, problems.body_of(problem))
        return found

    def too_long(self) -> Refused:
        """The refusal of the next line, which is longer than any question."""
        self.line += 1
        problem = TooLarge(f"Line {self.line} is longer than {LONGEST_LINE:,} bytes", line=self.line)
        return Refused(None, problems.body_of(problem))


def _id_of(raw: bytes) -> str | int | None:
    """The id of a question that is at fault elsewhere."""
    try:
        found = _id_decoder.decode(raw).id
    except _FAULTS:
        return None
    if isinstance(found, str) and len(found) <= 200:
        return found
    return found if type(found) is int and abs(found) < 2**63 else None


class Lines:
    """Cuts a stream of bytes into blocks of whole lines."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._skipping = False

    def blocks(self, piece: bytes) -> Iterator[bytes | None]:
        """The blocks that are complete with this piece; None for a line too long to be kept."""
        rest = self._rest
        rest += piece
        while rest:
            if self._skipping:
                end = rest.find(b"\n")
                del rest[: end + 1 if end >= 0 else len(rest)]
                self._skipping = end < 0
                continue
            end = rest.rfind(b"\n", 0, BLOCK_BYTES)
            if end < 0:
                end = rest.find(b"\n", 0, LONGEST_LINE)
            if end >= 0:
                yield bytes(rest[: end + 1])
                del rest[: end + 1]
            elif len(rest) > LONGEST_LINE:
                self._skipping = True
                yield None
            else:
                return

    def last(self) -> bytes:
        """What came after the last line's end."""
        return b"" if self._skipping else bytes(self._rest)


class Pace:
    """How many questions make a slice, learned from those before."""

    def __init__(self) -> None:
        self._each = 50e-6

    @property
    def size(self) -> int:
        """Questions that take about SLICE_SECONDS."""
        return max(1, min(MOST_SLICE, int(SLICE_SECONDS / self._each)))

    @property
    def heavy(self) -> bool:
        """Whether one question alone may hold other requests up."""
        return self._each > HEAVY_SECONDS

    def took(self, seconds: float, count: int) -> None:
        """Learn from a slice."""
        self._each = max(1e-6, 0.5 * self._each + 0.5 * seconds / count)


async def paced(pace: Pace, items: Sequence[Any], work: Callable[[Sequence[Any]], Any]) -> AsyncIterator[Any]:
    """The results of `work` over slices of the items; others get their turn between."""
    at = 0
    while at < len(items):
        part = items[at : at + pace.size]
        at += len(part)
        began = time.perf_counter()
        found = await asyncio.to_thread(work, part) if pace.heavy else work(part)
        pace.took(time.perf_counter() - began, len(part))
        yield found
        await asyncio.sleep(0)


class Answering(Protocol[Q_contra]):
    """What a bulk route does."""

    async def prepare(self, questions: Sequence[Q_contra | Refused], *, streaming: bool) -> None:
        """What has to be awaited before these can be answered; a Problem ends the whole request.

        A stream is told the state of the moment, an array one state.
        """

    def answer(self, questions: Sequence[Q_contra | Refused]) -> list[Any]:
        """An answer for each; may run in a thread."""

    @property
    def as_of(self) -> str:
        """The state that every answer shows, or a later one."""


async def answered_array(body: bytes, name: str, reader: Reader[Q], answering: Answering[Q]) -> bytes:
    """`{name: [questions]}` answered as `{"results": […], "as_of": …}`."""
    pace, count = Pace(), 0
    told: list[bytes] = []
    await answering.prepare((), streaming=False)
    async for questions in _array(body, name, reader):
        count += len(questions)
        if count > MOST_JSON_ITEMS:
            raise TooLarge(f"An array may hold {MOST_JSON_ITEMS:,} {name}: send lines of {NDJSON}")
        await answering.prepare(questions, streaming=False)
        told.extend([encoder.encode(answers)[1:-1] async for answers in paced(pace, questions, answering.answer)])
    tail = encoder.encode(answering.as_of)
    return b'{"results":[%b],"as_of":%b}' % (b",".join(told), tail)


async def _array(body: bytes, name: str, reader: Reader[Q]) -> AsyncIterator[list[Q | Refused]]:
    """The questions of an array, block by block; Malformed or UnknownProperty where the body is none.

    A block ends where a brace, a comma and a brace follow each other. In a text, that is no end of a question: then
    the block is no JSON, and the body is taken apart the slow way, which also tells what is wrong with a body.
    """
    spans = _spans(body, name)
    done = 0
    if spans is not None:
        for start, end in spans:
            try:
                found = reader.elements(body[start:end])
            except _FAULTS:
                break
            done += len(found)
            yield found
            await asyncio.sleep(0)
        else:
            return
    raws = (await asyncio.to_thread(_raws, body, name))[done:]
    for at in range(0, len(raws), 100):
        yield [reader.one(bytes(raw)) for raw in raws[at : at + 100]]
        await asyncio.sleep(0)


_BOUNDARY = re.compile(rb"\}\s*(,)\s*\{")


def _spans(body: bytes, name: str) -> list[tuple[int, int]] | None:
    """Where the blocks begin and end; None for a body of another form."""
    head = re.compile(rb'\s*\{\s*"%b"\s*:\s*\[\s*' % name.encode()).match(body)
    ending = body[-256:].rstrip()
    if head is None or not ending.endswith(b"}"):
        return None
    ending = ending[:-1].rstrip()
    if not ending.endswith(b"]"):
        return None
    start, end = head.end(), len(body) - len(body[-256:]) + len(ending) - 1
    spans = []
    while end - start > BLOCK_BYTES:
        cut = -1
        for found in _BOUNDARY.finditer(body, start, start + BLOCK_BYTES):
            cut = found.start(1)
        if cut < 0:
            return None
        spans.append((start, cut))
        start = cut + 1
    return [*spans, (start, end)] if start <= end else None


def _raws(body: bytes, name: str) -> list[msgspec.Raw]:
    envelope = msgspec.defstruct("Envelope", [(name, list[msgspec.Raw])], forbid_unknown_fields=True)
    try:
        found: list[msgspec.Raw] = getattr(msgspec.json.decode(body, type=envelope), name)
    except _FAULTS:
        bodies.parse_json(body, envelope, asks=True)
        raise
    return found
