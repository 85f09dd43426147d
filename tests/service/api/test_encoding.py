"""Compression of streams, unpacking in pieces, and what Accept headers mean."""

import gzip
import zlib
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from domain.kit.errors import Malformed, TooLarge
from service.api.encoding import Compressed, Unpacker, acceptable, negotiated


@pytest.mark.parametrize(
    ("accept", "found"),
    [
        (b"gzip", "gzip"),
        (b"gzip, deflate, br, zstd", "zstd"),
        (b"zstd;q=0, gzip;q=0.1", "gzip"),
        (b"gzip;q=0.000", None),
        (b"identity", None),
        (b"br", None),
        (b"\xff,,;;q=", None),
    ],
)
def test_the_cheapest_offered_encoding_is_taken(accept: bytes, found: str | None) -> None:
    assert negotiated(accept) == found


def test_accept_is_read_with_its_qualities() -> None:
    json = ("application/json",)
    assert acceptable("application/json", ("application/x-ndjson",))
    assert acceptable("text/*;q=0, */*", json)
    assert not acceptable("text/html;q=0.9, application/json;q=0", json)
    assert acceptable("text/csv", ("application/json", "text/csv"))


async def _answered(pieces: list[bytes], encoding: bytes, media: bytes = b"application/x-ndjson") -> list[Any]:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", media)]})
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Any = {"type": "http", "headers": [(b"accept-encoding", encoding)]}
    await Compressed(app)(scope, None, send)  # type: ignore[arg-type] # nothing is received
    return sent


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
async def test_each_piece_of_a_stream_can_be_read_when_it_is_written(encoding: str) -> None:
    pieces = [b'{"line": 1}\n', b'{"line": 2}\n' * 1000, b'{"end": true}\n']
    head, *bodies = await _answered(pieces, encoding.encode())
    assert dict(head["headers"])[b"content-encoding"] == encoding.encode()
    reader = zlib.decompressobj(31) if encoding == "gzip" else zstandard.ZstdDecompressor().decompressobj()
    for piece, body in zip(pieces, bodies, strict=False):
        assert reader.decompress(body["body"]) == piece
    reader.decompress(bodies[-1]["body"])
    assert reader.eof


async def test_event_streams_and_pages_are_left_alone() -> None:
    for media in (b"text/event-stream", b"text/html; charset=utf-8", b"image/png"):
        head, body, _ = await _answered([b"data: 1\n\n"], b"gzip", media)
        assert b"content-encoding" not in dict(head["headers"])
        assert body["body"] == b"data: 1\n\n"


@given(st.lists(st.binary(max_size=3000), max_size=4), st.integers(1, 700), st.sampled_from(["gzip", "zstd"]))
def test_members_in_any_pieces_unpack_to_what_was_packed(members: list[bytes], size: int, encoding: str) -> None:
    pack = gzip.compress if encoding == "gzip" else zstandard.ZstdCompressor().compress
    packed = b"".join(pack(member) for member in members)
    unpacker = Unpacker(encoding, 1_000_000)
    pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
    found = b"".join(unpacker.feed(piece, last=False) for piece in pieces) + unpacker.feed(b"", last=True)
    assert found == b"".join(members)


@given(st.binary(max_size=300), st.sampled_from(["gzip", "zstd"]))
def test_junk_is_refused_and_nothing_else_happens(junk: bytes, encoding: str) -> None:
    try:
        Unpacker(encoding, 1_000_000).feed(junk, last=True)
    except (Malformed, TooLarge):
        return
    assert not junk or encoding == "zstd"  # a zstd frame may be skippable and hold nothing


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_no_piece_of_a_bomb_becomes_large(encoding: str) -> None:
    bomb = bytes(300_000_000)
    packed = gzip.compress(bomb, 6) if encoding == "gzip" else zstandard.ZstdCompressor().compress(bomb)
    unpacker = Unpacker(encoding, 1 << 40)  # a stream has no limit of its own: the ratio ends it
    made = 0
    with pytest.raises(TooLarge):  # noqa: PT012 - which piece it is, is not the question
        for at in range(0, len(packed), 100):
            made += len(unpacker.feed(packed[at : at + 100], last=False))
    assert made <= 30_000_000
