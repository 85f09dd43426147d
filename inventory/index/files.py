"""Arrays in one file that is mapped: written as a whole or not at all, and never served cut off or changed.

The file: 64 bytes that tell the format, the machine's byte order, the lengths and a checksum; from byte 64 on each
array at a multiple of 64; at the end the directory (msgpack), which names the arrays and holds a checksum of each MiB
of them. The directory's own checksum stands in the head, so a bit that flips anywhere is found: in most arrays when the
file is opened, in those that the reader wants to verify later when a page of them is first touched.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import mmap
import os
import secrets
import struct
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from core_ext.checksum import Damaged, Pages, checksum, page_sums

__all__ = ["Damaged", "Mapped", "read", "write"]

Array = NDArray[Any]
MAGIC = b"FRCTARRY"
VERSION = 1
ALIGNED = 64
_HEAD = struct.Struct("=8sIIQQQ")
"""In the machine's own byte order, as the arrays are."""
_ORDER = 0x01020304
_KINDS = "biuf"


class _Section(msgspec.Struct, array_like=True):
    name: str
    dtype: str
    """With its byte order, as numpy writes it: <u4."""
    shape: tuple[int, ...]
    offset: int
    size: int
    sums: bytes
    """A checksum of 64 bits a page."""


class _Directory(msgspec.Struct, array_like=True):
    meta: bytes
    sections: list[_Section]


class Mapped(NamedTuple):
    """What a file held. Arrays are views of one private mapping: writing to them changes this process's copy alone."""

    arrays: dict[str, Array]
    meta: bytes
    pages: dict[str, Pages]
    """Of the arrays verified later: touch them here before reading."""


def write(path: Path, arrays: Mapping[str, Array], meta: bytes) -> None:
    """Writes the file beside `path` and puts it in its place when it is on disk: whoever reads sees all or nothing.

    Of several writers the last one's file stands. OSError (disk full, no rights): nothing has changed, and nothing is
    left behind; what a killed writer left is cleared away. ValueError for arrays of objects or another byte order.
    """
    sections, offset = [], ALIGNED
    for name, array in arrays.items():
        if array.dtype.kind not in _KINDS or not array.dtype.isnative:
            raise ValueError(f"an array of {array.dtype} cannot be mapped")
        sections.append(_Section(name, array.dtype.str, array.shape, offset, array.nbytes, b""))
        offset = _aligned(offset + array.nbytes)
    with _drafted(path) as draft:
        for section, array in zip(sections, arrays.values(), strict=True):
            content = _bytes_of(array)
            section.sums = page_sums(content, section.offset).tobytes()
            _write_at(draft, section.offset, content)
        directory = msgspec.msgpack.encode(_Directory(meta, sections))
        _write_at(draft, offset, np.frombuffer(directory, np.uint8))
        head = _HEAD.pack(MAGIC, _ORDER, VERSION, offset, offset + len(directory), checksum(directory))
        _write_at(draft, 0, np.frombuffer(_sealed(head), np.uint8))


def read(path: Path, later: Container[str] = ()) -> Mapped:
    """Maps the file and verifies it, but for the arrays named in `later`: touch their pages before reading them.

    Damaged if it is cut off, changed, of another version or another machine's; OSError if it cannot be read. Bytes a
    second as memory gives them: about 10 GB.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < ALIGNED:
            raise Damaged("the file is cut off")
        mapping = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY)
    whole = np.frombuffer(mapping, np.uint8)
    arrays: dict[str, Array] = {}
    pages = {}
    directory = _directory(whole)
    for section in directory.sections:
        content = whole[section.offset : section.offset + section.size]
        guard = Pages(content, np.frombuffer(section.sums, np.uint64), section.offset)
        if section.name in later:
            pages[section.name] = guard
        else:
            guard.touch(0, section.size)
        arrays[section.name] = content.view(section.dtype).reshape(section.shape)
    return Mapped(arrays, directory.meta, pages)


def _directory(whole: NDArray[np.uint8]) -> _Directory:
    """What the file says it holds, if that is what was written."""
    head = whole[:ALIGNED].tobytes()
    magic, order, version, start, size, sum_ = _HEAD.unpack_from(head)
    if magic != MAGIC:
        raise Damaged("this is no file of arrays")
    if order != _ORDER or version != VERSION:
        raise Damaged("another version or another kind of machine has written the file")
    if _sealed(head) != head or size != len(whole) or not ALIGNED <= start <= size:
        raise Damaged("the file is cut off or changed")
    told = whole[start:].tobytes()
    if checksum(told) != sum_:
        raise Damaged("the directory is not what was written")
    try:
        return msgspec.msgpack.decode(told, type=_Directory)
    except msgspec.DecodeError as fault:
        raise Damaged("the directory is of another version") from fault


def _sealed(head: bytes) -> bytes:
    """The head with its own checksum in its last eight bytes."""
    told = head[: _HEAD.size].ljust(ALIGNED - 8, b"\0")
    return told + checksum(told).to_bytes(8, "little")


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNED) * ALIGNED


def _bytes_of(array: Array) -> NDArray[np.uint8]:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _write_at(descriptor: int, offset: int, content: NDArray[np.uint8]) -> None:
    rest = memoryview(content.data)
    while len(rest):
        done = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[done:], offset + done


@contextlib.contextmanager
def _drafted(path: Path) -> Iterator[int]:
    """A new file, for its owner alone, that takes the place of `path` when the block ends well, else disappears."""
    _clear_away(path)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = _locked(draft)
    try:
        yield descriptor
        os.fsync(descriptor)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _locked(draft: Path) -> int:
    """A new file that nobody clears away: a lock tells that its writer lives."""
    while True:
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # another writer came before the lock


def _clear_away(path: Path) -> None:
    """Removes drafts whose writer was killed: their lock is free."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*"):
        with contextlib.suppress(OSError):
            descriptor = os.open(left, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                left.unlink()
            finally:
                os.close(descriptor)
