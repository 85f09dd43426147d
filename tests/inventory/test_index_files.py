"""A file of arrays is read as it was written, or refused: whatever was cut off, flipped or left half-written."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core_ext.checksum import PAGE_BYTES, checksum
from inventory.index import files
from inventory.index.files import Damaged, read, write

Arrays = dict[str, NDArray[Any]]
HEAD, LATER = 64, ("text",)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "a folder [with] spaces"
    folder.mkdir()
    return folder / "stock [1]"


def names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


def arrays() -> Arrays:
    rng = np.random.default_rng(3)
    return {
        "codes": rng.integers(0, 9, 1_001).astype(np.uint16),
        "empty": np.zeros((0, 16), np.uint8),
        "ids": rng.integers(0, 256, (33, 16)).astype(np.uint8),
        "flags": rng.integers(0, 2, 5).astype(np.bool_),
        "text": rng.integers(0, 256, 2 * PAGE_BYTES + 100).astype(np.uint8),
        "keys": rng.random(7),
    }


def same(found: Arrays, wanted: Arrays) -> bool:
    return list(found) == list(wanted) and all(
        found[name].dtype == array.dtype and found[name].shape == array.shape and np.array_equal(found[name], array)
        for name, array in wanted.items()
    )


def sections(content: bytes) -> dict[str, tuple[int, int]]:
    """Where each part of the file lies: arrays, head and directory."""
    start, size = struct.unpack_from("=QQ", content, 16)
    found = {"head": (0, 48), "seal": (56, HEAD), "directory": (start, size)}
    at = HEAD
    for name, array in arrays().items():
        found[name] = (at, at + array.nbytes)
        at = -(-(at + array.nbytes) // 64) * 64
    assert at == start
    return found


def test_what_was_written_is_read_aligned_and_changed_by_its_reader_alone(path: Path) -> None:
    write(path, arrays(), b"what it means")
    found, other = read(path), read(path, LATER)
    for mapped in (found, other):
        assert same(mapped.arrays, arrays())
        assert mapped.meta == b"what it means"
        assert all(array.ctypes.data % 64 == 0 for array in mapped.arrays.values() if array.size)
    assert not found.pages
    assert other.pages["text"].unverified == 3
    found.arrays["codes"][0] += 1
    assert same(other.arrays, arrays())
    assert same(read(path).arrays, arrays())
    assert path.stat().st_mode & 0o777 == 0o600
    assert names(path.parent) == [path.name]


def test_a_file_cut_off_at_any_border_is_refused(path: Path) -> None:
    write(path, arrays(), b"")
    content = path.read_bytes()
    borders = {at + by for part in sections(content).values() for at in part for by in (-1, 0, 1)}
    for size in sorted(size for size in borders if 0 <= size < len(content)):
        path.write_bytes(content[:size])
        with pytest.raises(Damaged):
            read(path, LATER)
    path.write_bytes(content + b"\0")
    with pytest.raises(Damaged):
        read(path, LATER)


def test_a_flipped_bit_is_found_wherever_it_is(path: Path) -> None:
    write(path, arrays(), b"meta")
    content = path.read_bytes()
    for name, (start, stop) in sections(content).items():
        for at in {start, (start + stop) // 2, stop - 1} if stop > start else ():
            path.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
            if name not in LATER:
                with pytest.raises(Damaged):
                    read(path, LATER)
                continue
            pages = read(path, LATER).pages[name]
            page = (at - start) // PAGE_BYTES
            for number in range(3):
                if number != page:
                    pages.touch(number * PAGE_BYTES, number * PAGE_BYTES + 1)
            with pytest.raises(Damaged):
                pages.touch(at - start, at - start + 1)
            with pytest.raises(Damaged):
                read(path)


def _resealed(content: bytes, at: int, part: bytes) -> bytes:
    head = (content[:at] + part + content[at + len(part) :])[:56]
    return head + checksum(head).to_bytes(8, "little") + content[HEAD:]


def test_files_of_others_are_refused(path: Path) -> None:
    write(path, arrays(), b"")
    content = path.read_bytes()
    for at, part, why in (
        (0, b"ELEPHANT", "no file of arrays"),
        (8, content[8:12][::-1], "another kind of machine"),
        (12, struct.pack("=I", files.VERSION + 1), "another version"),
    ):
        path.write_bytes(_resealed(content, at, part))
        with pytest.raises(Damaged, match=why):
            read(path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        read(path)


def test_arrays_that_cannot_be_mapped_are_not_written(path: Path) -> None:
    for wrong in (np.array([None]), np.zeros(2, ">u4"), np.zeros(2, "M8[D]")):
        with pytest.raises(ValueError, match="cannot be mapped"):
            write(path, {"wrong": wrong}, b"")
    assert not list(path.parent.iterdir())


def test_a_full_disk_leaves_the_former_file_and_nothing_else(path: Path) -> None:
    write(path, {"a": np.arange(3)}, b"former")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (PAGE_BYTES, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            write(path, arrays(), b"next")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(path.parent) == [path.name]
    assert read(path).meta == b"former"


def test_readers_keep_what_they_mapped_when_another_file_takes_its_place(path: Path) -> None:
    write(path, arrays(), b"former")
    before = read(path, LATER)
    write(path, {"text": np.zeros(9, np.uint8)}, b"next")
    before.pages["text"].touch(0, before.arrays["text"].size)
    assert same(before.arrays, arrays())
    assert read(path).meta == b"next"


def _write_often(path: Path, number: int, times: int) -> None:
    for _ in range(times):
        write(path, {"number": np.full(200_000, number)}, str(number).encode())


def test_of_writers_at_the_same_time_the_last_ones_file_stands_whole(path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_write_often, args=(path, number, 12)) for number in range(3)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        if path.exists():
            mapped = read(path)
            assert (mapped.arrays["number"] == int(mapped.meta)).all()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert names(path.parent) == [path.name]


def test_what_a_killed_writer_left_is_cleared_away_and_a_living_ones_is_not(path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    writer = spawn.Process(target=_write_often, args=(path, 1, 100_000))
    writer.start()
    while len(names(path.parent)) < 2:
        pass
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGSTOP)
    drafts = set(names(path.parent)) - {path.name}
    write(path, arrays(), b"")
    assert set(names(path.parent)) == {path.name, *drafts}
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    write(path, arrays(), b"")
    assert names(path.parent) == [path.name]
    assert same(read(path).arrays, arrays())
