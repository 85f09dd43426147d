"""What a file is by its content, never by what it is called: a short list of harmless kinds."""

from __future__ import annotations

import codecs
import re
import struct
import unicodedata
import zipfile
from pathlib import Path

from domain.kit.errors import UnsupportedMediaType

_STARTS = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_OFFICE = {
    "xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
ENDINGS = {
    "application/pdf": ("pdf",),
    "image/png": ("png",),
    "image/jpeg": ("jpg", "jpeg"),
    "image/gif": ("gif",),
    "image/webp": ("webp",),
    "text/csv": ("csv",),
    "text/plain": ("txt", "log", "md"),
    _OFFICE["xl/workbook.xml"]: ("xlsx",),
    _OFFICE["word/document.xml"]: ("docx",),
}
"""Media types that are taken, and the endings that their names may have; the first is given where another stands."""
MOST_ENTRIES = 5_000
MOST_UNPACKED = 500_000_000
_MARKUP = re.compile(rb"<\s*(!doctype|html|script|svg|\?xml|body|iframe|math|object)", re.IGNORECASE)
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]")


def media_type(path: Path, name: str) -> str:
    """The media type of a file; UnsupportedMediaType for a kind that is not taken. `name` tells CSV from other text."""
    with path.open("rb") as file:
        head = file.read(4_096)
    for start, found in _STARTS:
        if head.startswith(start):
            return found
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head.startswith(b"PK\x03\x04"):
        return _office(path)
    if _is_text(path):
        return "text/csv" if name.lower().endswith(".csv") else "text/plain"
    raise _refused()


def _refused() -> UnsupportedMediaType:
    return UnsupportedMediaType("Files may be PDF, PNG, JPEG, WebP, GIF, plain text or CSV in UTF-8, XLSX or DOCX")


def _office(path: Path) -> str:
    """The kind of an office document without macros; nothing is unpacked, and a list too long is not read."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 66_000))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22 or struct.unpack_from("<H", tail, at + 10)[0] > MOST_ENTRIES:
        raise _refused()
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, struct.error):
        raise _refused() from None
    names = {entry.filename for entry in entries}
    kinds = [kind for part, kind in _OFFICE.items() if part in names]
    macros = any(name.lower().endswith(("vbaproject.bin", ".exe", ".dll", ".zip")) for name in names)
    if "[Content_Types].xml" not in names or len(kinds) != 1 or macros or len(entries) > MOST_ENTRIES:
        raise _refused()
    if sum(entry.file_size for entry in entries) > MOST_UNPACKED:
        raise _refused()
    return kinds[0]


def _is_text(path: Path) -> bool:
    """Whether it is UTF-8 without control characters, and no markup that some reader would run."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    with path.open("rb") as file:
        first = True
        while piece := file.read(262_144):
            if _CONTROL.search(piece) or (first and _MARKUP.search(piece[:4_096])):
                return False
            try:
                decoder.decode(piece)
            except UnicodeDecodeError:
                return False
            first = False
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def safe_name(name: str, kind: str) -> str:
    """A name that no file system or reader takes for more than a name, with an ending that fits the kind."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    name = "".join(c for c in name if unicodedata.category(c)[0] != "C" and c not in '<>:"|?*')
    name = " ".join(name.split()).strip(". ") or "file"
    stem, dot, ending = name.rpartition(".")
    if not dot or ending.lower() not in ENDINGS[kind]:
        stem, ending = name, ENDINGS[kind][0]
    return f"{stem[:150]}.{ending.lower()}"
