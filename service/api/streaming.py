"""Answers that are written while the request is still being read: lines in, lines out, at the pace of both ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import structlog
from litestar import Request, Response

from domain.kit.errors import Malformed, TooLarge, UnsupportedMediaType
from service.api import problems
from service.api.bulk import MOST_JSON_BYTES, NDJSON, Answering, Lines, Pace, Q, Reader, answered_array, encoder, paced
from service.api.spool import Spool

log = structlog.get_logger("forecourt.streams")
_HEADERS = [(b"content-type", NDJSON.encode()), (b"cache-control", b"no-store")]


async def answered(
    request: Request[Any, Any, Any], name: str, reader: Reader[Q], answering: Answering[Q]
) -> Response[bytes]:
    """The answer to bulk questions as they came: lines to lines, or an array to the array `name` of the body.

    UnsupportedMediaType for neither, TooLarge for an array that should have been lines.
    """
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == NDJSON:
        return LineStream(reader, answering)
    if media != "application/json" and not media.endswith("+json"):
        raise UnsupportedMediaType(f"Send application/json or {NDJSON}")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_JSON_BYTES:
            raise TooLarge(f"An array may hold {MOST_JSON_BYTES:,} bytes: send lines of {NDJSON}")
    told = await answered_array(bytes(body), name, reader, answering)
    return Response(told, status_code=200, headers={"cache-control": "no-store"}, media_type="application/json")


class LineStream(Response[bytes]):
    """Answers each line of the body; the last line says that it was all, or what went wrong.

    Before the first answer a refusal is an ordinary one. A client that reads nothing is waited for as long as answers
    fit the spool, then nothing more is read of it.
    """

    def __init__(self, reader: Reader[Q], answering: Answering[Q]) -> None:
        super().__init__(b"", media_type=NDJSON)
        self._reader: Reader[Any] = reader
        self._answering: Answering[Any] = answering

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        """The application that reads and answers."""
        return self._serve

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        spool = Spool()
        working = asyncio.create_task(self._work(scope, receive, spool))
        sending = asyncio.create_task(_send(spool, send))
        try:
            await asyncio.wait([working, sending], return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
                await sending
            else:
                sending.result()
        finally:
            working.cancel()
            sending.cancel()
            await asyncio.gather(working, sending, return_exceptions=True)
            spool.close()

    async def _work(self, scope: Any, receive: Any, spool: Spool) -> None:
        """Put all answers into the spool; raises what can still be told by a status."""
        try:
            answered = await self._answers(receive, spool)
        except Exception as fault:
            problem = problems.problem_of(fault)
            if not spool.begun:
                raise
            request_id = scope.get("state", {}).get("request_id")
            if problem.status >= 500:
                log.error("stream broken off", slug=problem.slug, request_id=request_id, exc_info=fault)
            await spool.write(encoder.encode({"error": problems.body_of(problem, request_id)}) + b"\n")
        else:
            end = {"end": True, "answered": answered, "as_of": self._answering.as_of}
            await spool.write(encoder.encode(end) + b"\n")
        spool.end()

    async def _answers(self, receive: Any, spool: Spool) -> int:
        """Read to the end, answering; how many answers there were. Malformed where the body is cut off."""
        reader, lines, pace, answered = self._reader, Lines(), Pace(), 0
        await self._answering.prepare((), streaming=True)
        async for piece in _pieces(receive):
            for block in lines.blocks(piece):
                questions = [reader.too_long()] if block is None else reader.lines(block)
                answered += await self._answer(questions, pace, spool)
        if rest := lines.last():
            reader.unreadable = 0
            questions = reader.lines(rest)
            if reader.unreadable:
                raise Malformed(f"The stream ends in the middle of line {reader.line}")
            answered += await self._answer(questions, pace, spool)
        return answered

    async def _answer(self, questions: list[Any], pace: Pace, spool: Spool) -> int:
        await self._answering.prepare(questions, streaming=True)
        async for answers in paced(pace, questions, self._told):
            await spool.write(answers)
        return len(questions)

    def _told(self, questions: Any) -> bytes:
        return encoder.encode_lines(self._answering.answer(questions))


async def _pieces(receive: Any) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Malformed("The stream is cut off")
        more = message.get("more_body", False)
        if piece := message.get("body", b""):
            yield bytes(piece)


async def _send(spool: Spool, send: Any) -> None:
    """Send what is in the spool until its end; the head goes with the first piece."""
    piece = await spool.read()
    await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
    while piece:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        piece = await spool.read()
    await send({"type": "http.response.body", "body": b"", "more_body": False})
