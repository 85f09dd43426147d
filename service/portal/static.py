"""Static files: read once, addressed by a fingerprint of all of them, so that browsers never ask twice."""

from __future__ import annotations

import functools
import gzip
import hashlib
from pathlib import Path

import msgspec

from domain.kit.errors import Unavailable

FOLDER = Path(__file__).resolve().parent / "static"
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain",
    ".md": "text/plain",
    "": "text/plain",
}
_LEAST_PACKED = 1_000


class Asset(msgspec.Struct, frozen=True):
    """One file: its bytes, the same packed by gzip where that is smaller, and its media type."""

    content: bytes
    packed: bytes | None
    media_type: str


@functools.cache
def assets() -> dict[str, Asset]:
    """Every static file by its path below the folder."""
    found = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file() and path.suffix in _TYPES:
            content, twin = path.read_bytes(), path.with_name(path.name + ".gz")
            packed = twin.read_bytes() if twin.exists() else None
            if packed is None and len(content) >= _LEAST_PACKED:
                packed = gzip.compress(content, 6, mtime=0)
            found[path.relative_to(FOLDER).as_posix()] = Asset(content, packed, _TYPES[path.suffix])
    return found


@functools.cache
def release() -> str:
    """The fingerprint of all static files."""
    digest = hashlib.sha256()
    for name, asset in assets().items():
        digest.update(f"{name}\0{len(asset.content)}\0".encode())
        digest.update(asset.content)
    return digest.hexdigest()[:12]


def address(name: str) -> str:
    """Where a page finds a static file; Unavailable where the browser assets have not been built."""
    if name not in assets():
        raise Unavailable(f"The browser asset {name} is not built; `make build` collects it", retry_after=60)
    return f"/static/{release()}/{name}"
