"""An index comes back from its file as it was, goes on from there, and serves nothing that was not written."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from core_ext.checksum import Damaged
from domain.kit.errors import Unavailable
from inventory.criteria import Criteria, SearchRequest
from inventory.index import EVERYTHING, StockIndex, files, saving
from inventory.vehicle_row import VehicleRow
from tests.inventory.search_twin import Twin
from tests.inventory.stocks import TODAY, audience_from, request_from, seeded_rows

ALL = SearchRequest(criteria=Criteria(status=[]), limit=200)


def new() -> StockIndex:
    return StockIndex(secret=b"s", today=lambda: TODAY)


def changed(rows: list[VehicleRow], **values: Any) -> list[VehicleRow]:
    return [msgspec.structs.replace(row, version=row.version + 1, **values) for row in rows]


@pytest.fixture(scope="module")
def stock() -> list[VehicleRow]:
    odd = {"seats": 10**300, "range_km": 1e-7, 'Ünï "code"': "x"}
    return [
        *seeded_rows(5_000, seed=21),
        *changed(seeded_rows(5_003, seed=22)[5_000:], attributes=odd, options=("Weiß", "WEISS"), stock_number="n° 7"),
    ]


@pytest.fixture(scope="module")
def present(stock: list[VehicleRow]) -> dict[str, VehicleRow]:
    """The stock after changes of every kind."""
    return {row.id: row for row in (*stock, *_flipped(stock), *_repriced(stock))} | {
        row.id: row for row in changed(_repriced(stock)[:9], status="SOLD")
    }


def _flipped(stock: list[VehicleRow]) -> list[VehicleRow]:
    return changed(stock[:300], status="RESERVED")


def _repriced(stock: list[VehicleRow]) -> list[VehicleRow]:
    return changed(stock[4_000:4_200], price_minor=123, model="New Model", latitude=10.5, longitude=7.0)


@pytest.fixture
def path(stock: list[VehicleRow], tmp_path: Path) -> Path:
    """The file of an index with a base, a segment of changed rows, dead rows and rows changed in place."""
    index = new()
    index.load(stock, "1")
    index.apply(_flipped(stock), [], "2")
    index.apply(_repriced(stock), [], "3")
    index.apply(changed(_repriced(stock)[:9], status="SOLD"), [], "4")
    index.save(tmp_path / "a folder" / "stock")
    return tmp_path / "a folder" / "stock"


def check(index: StockIndex, state: dict[str, VehicleRow], seeds: range) -> None:
    """Held against the twin by random questions of random audiences."""
    for seed in seeds:
        rng = random.Random(seed)
        request, audience = request_from(rng.choice), audience_from(rng.choice)
        request = msgspec.structs.replace(request, limit=200)
        Twin(list(state.values()), request, audience, TODAY).check(index.search(request, audience))


def test_an_index_comes_back_as_it_was_and_goes_on(path: Path, present: dict[str, VehicleRow]) -> None:
    index = new()
    assert index.restore(path) == index.as_of == "4"
    assert index.count == len(present)
    assert index.attribute_codes == {"seats", "range_km", 'Ünï "code"'}
    check(index, present, range(25))
    state = dict(present)
    for turn, fresh in enumerate(
        (changed(list(state.values())[100:400], status="IN_STOCK"), seeded_rows(5_300, seed=9)[5_200:])
    ):
        gone = list(state)[turn * 50 : turn * 50 + 20]
        index.apply(fresh, gone, str(turn))
        state = {key: row for key, row in (state | {row.id: row for row in fresh}).items() if key not in gone}
    check(index, state, range(25, 35))
    index.merge()
    check(index, state, range(35, 45))
    assert (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)


def test_those_who_map_one_file_change_their_own_copy_alone(path: Path, present: dict[str, VehicleRow]) -> None:
    ours, theirs = new(), new()
    ours.restore(path)
    theirs.restore(path)
    ours.apply(changed(list(present.values())[:500], status="RETIRED"), list(present)[600:900], "5")
    check(theirs, present, range(10))
    again = new()
    again.restore(path)
    check(again, present, range(10, 15))


def test_a_file_shows_the_state_at_which_it_was_begun(
    path: Path, present: dict[str, VehicleRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    index = new()
    index.restore(path)
    write = saving.save

    def late(at: Path, image: saving.Image) -> None:
        index.apply(changed(list(present.values())[:400], status="RETIRED"), list(present)[600:700], "5")
        write(at, image)

    monkeypatch.setattr(saving, "save", late)
    index.save(path)
    again = new()
    assert again.restore(path) == "4"
    check(again, present, range(10))


def test_an_empty_index_comes_back(tmp_path: Path) -> None:
    index = new()
    index.load([], "0")
    index.save(tmp_path / "stock")
    assert new().restore(tmp_path / "stock") == "0"


def walk(index: StockIndex) -> None:
    """Looks at every page of everything."""
    request: SearchRequest = ALL
    cursor: str | None = ""
    while cursor is not None:
        cursor = index.search(request, EVERYTHING).next_cursor
        request = msgspec.structs.replace(ALL, cursor=cursor)


def flip(path: Path, name: str, at: int) -> None:
    """Turns a bit of an array round in the file."""
    mapped = files.read(path)
    base = np.frombuffer(path.read_bytes(), np.uint8)
    begins = (
        mapped.arrays[name].ctypes.data - min(a.ctypes.data for a in mapped.arrays.values() if a.size) + files.ALIGNED
    )
    content = bytearray(base.tobytes())
    content[begins + at] ^= 16
    path.unlink()
    path.write_bytes(content)


def test_a_flipped_byte_of_a_vehicle_is_never_answered(path: Path, present: dict[str, VehicleRow]) -> None:
    index = new()
    index.restore(path)
    flip(path, "0/fragments/blob", 2_000_000)
    index.verify()
    check(index, present, range(3))

    index = new()
    index.restore(path)
    answered, refused = 0, 0
    for key in list(present)[::7]:
        try:
            answered += index.get(key, EVERYTHING) is not None
        except Unavailable:
            refused += 1
    assert answered > 50
    assert refused > 50
    assert index.damaged
    with pytest.raises(Unavailable):
        walk(index)
    with pytest.raises(Damaged):
        index.verify()
    with pytest.raises(Damaged):
        index.apply(changed(list(present.values()), visibility="NETWORK"), [], "5")
    index.load(list(present.values()), "6")
    assert not index.damaged
    check(index, present, range(3))


@pytest.mark.parametrize(
    "name", ["live", "offered", "ids", "slots", "codes/0/planes", "cuts", "guarded/text", "runs/keys"]
)
def test_a_flipped_bit_elsewhere_is_found_at_the_start(path: Path, name: str) -> None:
    flip(path, f"0/{name}", 3)
    index = new()
    with pytest.raises(Damaged):
        index.restore(path)
    assert index.count == 0


def test_files_of_other_code_are_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "code_key", lambda: 1)
    with pytest.raises(Damaged, match="other code"):
        new().restore(path)
    files.write(path, {"0/fragments/blob": np.zeros(3, np.uint8)}, b"elsewhat")
    with pytest.raises(Damaged, match="other code"):
        new().restore(path)
