"""Reads a stock file of any size: packed bytes → text → rows, in bounded memory, from a stream or from disk."""

from __future__ import annotations

import codecs
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Literal

from domain.kit.errors import UnsupportedMediaType
from inventory.importing.csv_rows import CsvRows
from inventory.importing.errors import UnreadableFile
from inventory.importing.json_rows import JsonRows
from inventory.importing.rows import ReadRow, RowSplitter
from inventory.importing.unpacking import MOST_BYTES, PIECE, Unpacking

Format = Literal["CSV", "NDJSON"]
Encoding = Literal[
    "utf-8", "utf-16", "cp1250", "cp1251", "cp1252", "iso-8859-1", "iso-8859-2", "iso-8859-15", "mac-roman",
    "shift_jis", "euc-kr", "gb18030", "big5",
]  # fmt: skip
"""What a mapping may name. Nothing is guessed: a wrong guess changes names silently."""

_MEDIA_TYPES: dict[str, Format] = {
    "text/csv": "CSV",
    "application/x-ndjson": "NDJSON",
    "application/ndjson": "NDJSON",
}
_SUFFIXES: dict[str, Format] = {".csv": "CSV", ".tsv": "CSV", ".txt": "CSV", ".ndjson": "NDJSON", ".jsonl": "NDJSON"}
_PACKED = {".gz", ".zst"}
_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def format_of_media_type(media_type: str) -> Format:
    """The format of a Content-Type (its parameters are not looked at); UnsupportedMediaType for others."""
    found = _MEDIA_TYPES.get(media_type.partition(";")[0].strip().lower())
    if found is None:
        raise UnsupportedMediaType(f"An import takes {' or '.join(_MEDIA_TYPES)}")
    return found


def format_of_file(path: Path) -> Format:
    """The format by the file's name, packed or not; UnsupportedMediaType for names that do not tell."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    found = _SUFFIXES.get(suffixes[-1]) if suffixes else None
    if found is None:
        raise UnsupportedMediaType(f"A file to import ends in {', '.join(_SUFFIXES)}, packed as .gz or .zst or not")
    return found


class _Text:
    """Decodes content piece by piece and knows at which byte it stopped being text."""

    def __init__(self, encoding: Encoding, or_encoding: Encoding | None) -> None:
        self._encoding, self._or = encoding, or_encoding
        self._decoder = codecs.getincrementaldecoder(encoding)("strict")
        self._taken = 0
        self._ascii = True
        self._start = True

    def decode(self, data: bytes, final: bool = False) -> str:
        if self._start:
            self._check_mark(data)
        waiting = self._decoder.getstate()[0]
        try:
            text = self._decoder.decode(data, final)
        except UnicodeError as fault:
            start = fault.start if isinstance(fault, UnicodeDecodeError) else 0
            if self._or is None or not (self._ascii and (waiting + data)[:start].isascii()):
                raise self._unreadable(waiting + data, start, self._taken - len(waiting)) from None
            # the first byte beyond ASCII decides between the two encodings that the mapping names
            self._encoding, self._or = self._or, None
            self._decoder = codecs.getincrementaldecoder(self._encoding)("strict")
            self._taken -= len(waiting)
            return self.decode(waiting + data, final)
        self._taken += len(data)
        self._ascii = self._ascii and data.isascii()
        if self._start and text:
            self._start = False
            text = text.removeprefix("\ufeff")
        return text

    def _unreadable(self, data: bytes, start: int, before: int) -> UnreadableFile:
        shown = f" (0x{data[start]:02X})" if start < len(data) else ""
        return UnreadableFile(
            f"The file is not {self._encoding} text: byte {before + start:,} of its content{shown} cannot be read. "
            "A mapping can name another encoding",
            byte=before + start,
        )

    def _check_mark(self, data: bytes) -> None:
        marked = next((name for bom, name in _BOMS.items() if data.startswith(bom)), None)
        if marked is not None and marked != self._encoding:
            raise UnreadableFile(
                f"The file begins with the mark of {marked}, but is to be read as {self._encoding}", byte=0
            )


class FileReader:
    """Turns a file's bytes into rows as they come; the one below both the stream and the file variant.

    Where `or_encoding` is given, the first byte beyond ASCII decides: the file is in `encoding` if that can read it,
    else in `or_encoding`; a file that mixes both is unreadable.

    Holds at most one row (1,048,576 characters) and one piece of content. Raises UnreadableFile (packing, encoding),
    HeaderFault and FileTooLarge; everything else that is wrong is an UnreadRow.
    """

    def __init__(
        self,
        file_format: Format,
        encoding: Encoding = "utf-8",
        or_encoding: Encoding | None = None,
        delimiter: str | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._unpacking = Unpacking(most_bytes)
        self._text = _Text(encoding, or_encoding)
        self._rows: RowSplitter = CsvRows(delimiter) if file_format == "CSV" else JsonRows()
        self._waiting = bytearray()

    @property
    def header(self) -> Sequence[str] | None:
        """The column names of a CSV file, once read; None for NDJSON."""
        return self._rows.header

    def feed(self, data: bytes) -> Iterator[ReadRow]:
        """The rows that these bytes complete."""
        for content in self._unpacking.feed(data):
            self._waiting += content
            # tiny chunks are gathered: a row is looked at again with each piece that prolongs it
            if len(self._waiting) >= PIECE:
                yield from self._take()

    def close(self) -> Iterator[ReadRow]:
        """The rows that the end of the file completes."""
        for content in self._unpacking.close():
            self._waiting += content
        yield from self._take(final=True)
        yield from self._rows.close()

    def _take(self, final: bool = False) -> Iterator[ReadRow]:
        content = bytes(self._waiting)
        self._waiting.clear()
        for start in range(0, max(len(content), 1), PIECE):
            last = final and start + PIECE >= len(content)
            yield from self._rows.feed(self._text.decode(content[start : start + PIECE], last))


async def read_stream(chunks: AsyncIterable[bytes], reader: FileReader) -> AsyncIterator[list[ReadRow]]:
    """The rows of a stream, as many at a time as its chunks complete; raises as FileReader does."""
    async for chunk in chunks:
        if rows := list(reader.feed(chunk)):
            yield rows
    if rows := list(reader.close()):
        yield rows


def read_file(path: Path, reader: FileReader) -> Iterator[ReadRow]:
    """The rows of a file on disk; raises as FileReader does, and OSError."""
    with path.open("rb") as file:
        while data := file.read(PIECE):
            yield from reader.feed(data)
    yield from reader.close()
