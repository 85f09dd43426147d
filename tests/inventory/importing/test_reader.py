"""Packing, encodings and formats of whole files."""

import asyncio
import contextlib
import gzip
import tracemalloc
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from domain.kit.errors import UnsupportedMediaType
from inventory.importing.errors import FileTooLarge, UnreadableFile
from inventory.importing.reader import FileReader, format_of_file, format_of_media_type, read_file, read_stream
from inventory.importing.unpacking import Unpacking

from .files import cells, rows_of, unpacked

FILE = "make,color\nŠkoda,grün\n".encode()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
@pytest.mark.parametrize("chunk", [0, 1, 7])
def test_packed_content_is_unpacked(pack: Callable[[bytes], bytes], chunk: int) -> None:
    assert cells(rows_of(pack(FILE), chunk=chunk)) == [["Škoda", "grün"]]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_several_packed_parts_are_one_file(pack: Callable[[bytes], bytes]) -> None:
    assert len(rows_of(pack(FILE) + pack(b"a,b\n"))) == 2


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_truncated_and_damaged_packing_is_refused(pack: Callable[[bytes], bytes]) -> None:
    packed = pack(FILE * 100)
    for bad in (packed[:-3], packed[:12] + bytes(len(packed) - 12), packed + b"garbage after the end"):
        with pytest.raises(UnreadableFile):
            rows_of(bad)


@given(st.binary(min_size=4, max_size=200), st.sampled_from([b"", b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd"]))
def test_bytes_that_claim_to_be_packed_raise_only_the_declared_refusal(data: bytes, mark: bytes) -> None:
    unpacking = Unpacking(most_bytes=1 << 20)
    with contextlib.suppress(UnreadableFile, FileTooLarge):
        assert sum(map(len, unpacking.feed(mark + data))) + sum(map(len, unpacking.close())) <= 1 << 20


@pytest.mark.parametrize(
    "bomb", [gzip.compress(bytes(1 << 26)), zstandard.compress(bytes(1 << 26))], ids=["gzip", "zstd"]
)
def test_a_bomb_is_refused_in_bounded_memory(bomb: bytes) -> None:
    def unpack() -> None:
        unpacking = Unpacking(most_bytes=1 << 25)
        for start in range(0, len(bomb), 65_536):
            for _ in unpacking.feed(bomb[start : start + 65_536]):
                pass

    tracemalloc.start()
    with pytest.raises(FileTooLarge):
        unpack()
    assert tracemalloc.get_traced_memory()[1] < 1 << 25
    tracemalloc.stop()


@pytest.mark.parametrize("cut", range(1, 25))
def test_the_byte_that_is_no_text_is_told(cut: int) -> None:
    data = b"a,b\n1,\xc3\xbc\n2,\xfc\n3,4\n"
    with pytest.raises(UnreadableFile, match=r"byte 11 .*0xFC") as refusal:
        rows_of(data, chunk=cut)
    assert refusal.value.data["byte"] == 11


def test_a_character_cut_off_by_the_end_is_told() -> None:
    with pytest.raises(UnreadableFile) as refusal:
        rows_of(b"a,b\n1,\xc3")
    assert refusal.value.data["byte"] == 6


def test_a_mapping_names_another_encoding() -> None:
    data = "a,b\nKäfer,5€\n"
    assert cells(rows_of(data.encode("cp1252"), reader=FileReader("CSV", "cp1252"))) == [["Käfer", "5€"]]
    assert cells(rows_of(data.encode("utf-16"), reader=FileReader("CSV", "utf-16"), chunk=3)) == [["Käfer", "5€"]]
    with pytest.raises(UnreadableFile, match="cp1252 text: byte 4"):
        rows_of(b"a,b\n\x81,1\n", reader=FileReader("CSV", "cp1252"))


@pytest.mark.parametrize("chunk", [0, 1, 5])
def test_the_first_byte_beyond_ascii_decides_between_two_named_encodings(chunk: int) -> None:
    text = "name,color\nGolf,grün\nKäfer,weiß\n"
    for encoding in ("utf-8", "cp1252"):
        reader = FileReader("CSV", "utf-8", "cp1252")
        found = cells(rows_of(text.encode(encoding), reader=reader, chunk=chunk))
        assert found == [["Golf", "grün"], ["Käfer", "weiß"]]
    mixed = "a\ngrün\n".encode() + "weiß\n".encode("cp1252")
    with pytest.raises(UnreadableFile):
        rows_of(mixed, reader=FileReader("CSV", "utf-8", "cp1252"), chunk=chunk)


def test_a_mark_of_another_encoding_is_refused() -> None:
    with pytest.raises(UnreadableFile, match="mark of utf-16"):
        rows_of("a,b\n".encode("utf-16"))
    with pytest.raises(UnreadableFile, match="mark of utf-8"):
        rows_of(b"\xef\xbb\xbfa,b\n", reader=FileReader("CSV", "cp1252"))


def test_media_types_and_names_tell_the_format() -> None:
    assert format_of_media_type("Text/CSV; charset=utf-8") == "CSV"
    assert format_of_media_type("application/x-ndjson") == "NDJSON"
    assert format_of_file(Path("a.b/stock.csv.GZ")) == "CSV"
    assert format_of_file(Path("stock.jsonl")) == "NDJSON"
    for name in ("stock", "stock.xlsx", "stock.gz", "csv"):
        with pytest.raises(UnsupportedMediaType):
            format_of_file(Path(name))
    with pytest.raises(UnsupportedMediaType):
        format_of_media_type("application/json")


def test_a_stream_and_a_file_give_the_same_rows(tmp_path: Path) -> None:
    data = b"a,b\n" + b"1,2\n" * 50_000
    path = tmp_path / "stock.csv.gz"
    path.write_bytes(gzip.compress(data))

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 10_000):
            yield data[start : start + 10_000]

    async def streamed() -> list[int]:
        return [row.number async for rows in read_stream(chunks(), FileReader("CSV")) for row in rows]

    numbers = list(range(1, 50_001))
    assert asyncio.run(streamed()) == numbers
    assert [row.number for row in read_file(path, FileReader("CSV"))] == numbers


def test_the_cp1252_sample_fails_strict_utf8_with_its_byte(real_data: Callable[[str], Path]) -> None:
    data = unpacked(real_data("listings_de_cp1252_sample.csv.gz"))
    first = next(place for place, byte in enumerate(data) if byte > 127)
    with pytest.raises(UnreadableFile) as refusal:
        rows_of(data)
    assert refusal.value.data["byte"] == first
