"""A whole index as one file and back: arrays as they are, mapped by every process of a machine, and what they mean."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from numpy.typing import NDArray

import core_ext
from core_ext.checksum import Damaged, Pages, checksum
from core_ext.columns import CodeColumn, IntColumn
from core_ext.ids import Ids
from core_ext.runs import Runs
from inventory.index.dictionary import Codes
from inventory.index.files import read, write
from inventory.index.numbers import NumberIndex
from inventory.index.segment import STATUS, Segment, View
from inventory.index.table import Arena
from inventory.index.vocabulary import Vocabulary

Array = NDArray[Any]
_BLOB = "fragments/blob"


class _Words(msgspec.Struct, array_like=True):
    """What the codes of all columns mean, in the order in which they were given."""

    texts: list[list[str]]
    options: list[str]
    places: list[tuple[float, float]]
    years: list[int]
    price_bands: list[tuple[str, int]]
    odometer_bands: list[int]
    attributes: list[tuple[str, list[str], str]]
    """Code, values, and as JSON the numbers they stand for: they may be too large for other formats."""


class _View(msgspec.Struct, array_like=True):
    rows: int
    codes: list[int | None]
    """The size of each code column; None where no row has a value."""
    ints: list[tuple[int, int]]
    """Base and shift of each column of whole numbers."""
    changed: dict[int, tuple[str, int]]
    """Status and version of the rows where they are no longer those of the JSON."""


class _Told(msgspec.Struct, array_like=True):
    code: int
    as_of: str
    words: _Words
    views: list[_View]


class Image(NamedTuple):
    """An index as arrays and what they mean; later changes of the index do not reach it."""

    arrays: dict[str, Array]
    meta: bytes


class Restored(NamedTuple):
    """What a file held."""

    views: tuple[View, ...]
    vocabulary: Vocabulary
    as_of: str


def image(views: tuple[View, ...], vocabulary: Vocabulary, as_of: str) -> Image:
    """The present state; the caller keeps writers out. Only what changes in place is copied: a few bits a vehicle."""
    arrays: dict[str, Array] = {}
    told = []
    for number, view in enumerate(views):
        arrays |= {f"{number}/{name}": array for name, array in _arrays(view).items()}
        told.append(_view(view))
    return Image(arrays, msgspec.msgpack.encode(_Told(code_key(), as_of, _words(vocabulary), told)))


def save(path: Path, of: Image) -> None:
    """Writes the file; OSError as `files.write`. The folder is made for its owner alone: the file holds VINs."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write(path, *of)


def restored(path: Path) -> Restored:
    """The index that a file holds; JSON is verified when it is first touched, all else here.

    Damaged if it is not what was written, or written by other code than this; OSError if it cannot be read.
    """
    mapped = read(path, _Blobs())
    told = _told(mapped.meta)
    views = []
    for number, view in enumerate(told.views):
        prefix = f"{number}/"
        own = {name.removeprefix(prefix): array for name, array in mapped.arrays.items() if name.startswith(prefix)}
        views.append(View(_segment(view, own, mapped.pages[prefix + _BLOB]), own["live"]))
    return Restored(tuple(views), _vocabulary(told.words), told.as_of)


class _Blobs:
    """The names of the arrays that are verified later."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.endswith(_BLOB)


@functools.cache
def code_key() -> int:
    """A number that is another one for other code: what arrays mean is told by the code that made them."""
    here = Path(__file__).parent
    folders = (Path(str(core_ext.__file__)).parent, here, here.parent, here.parent / "sql")
    files = [path for folder in folders for path in sorted(folder.iterdir()) if path.suffix in (".py", ".so", ".sql")]
    key = 0
    for path in files:
        key = checksum(path.read_bytes(), checksum(path.name.encode(), key))
    return key


def _told(meta: bytes) -> _Told:
    try:
        found = msgspec.msgpack.decode(meta, type=_Told)
    except msgspec.DecodeError as fault:
        raise Damaged("the file was written by other code") from fault
    if found.code != code_key():
        raise Damaged("the file was written by other code")
    return found


def _arrays(view: View) -> dict[str, Array]:
    segment = view.segment
    found: dict[str, Array] = {
        "live": view.live.copy(),
        "offered": segment.offered.copy(),
        "network": segment.network,
        "shown": segment.shown,
        "ids": segment.ids.ids,
        "slots": segment.ids.slots,
        "runs/keys": segment.runs.keys,
        "runs/starts": segment.runs.starts,
        _BLOB: segment.fragments.blob,
        "fragments/starts": segment.fragments.starts,
        "cuts": segment.cuts,
    }
    for number, column in enumerate(segment.codes):
        if column is not None:
            for name, array in column.arrays.items():
                found[f"codes/{number}/{name}"] = array.copy() if number == STATUS else array
    for number, ints in enumerate(segment.ints):
        found |= {f"ints/{number}/{name}": array for name, array in ints.arrays.items()}
    for kind, words in (("open", segment.open_words), ("guarded", segment.guarded_words)):
        found |= {f"{kind}/{name}": array for name, array in words._asdict().items()}
    return found


def _view(view: View) -> _View:
    segment = view.segment
    return _View(
        rows=segment.rows,
        codes=[None if column is None else column.size for column in segment.codes],
        ints=[(column.base, column.shift) for column in segment.ints],
        changed=dict(segment.changed),
    )


def _segment(told: _View, arrays: Mapping[str, Array], pages: Pages) -> Segment:
    def part(prefix: str) -> dict[str, Array]:
        return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}

    return Segment.restored(
        rows=told.rows,
        runs=Runs(arrays["runs/keys"], arrays["runs/starts"]),
        codes=tuple(
            None if size is None else CodeColumn.restored(told.rows, size, part(f"codes/{number}/"))
            for number, size in enumerate(told.codes)
        ),
        ints=tuple(
            IntColumn.restored(told.rows, base, shift, part(f"ints/{number}/"))
            for number, (base, shift) in enumerate(told.ints)
        ),
        shown=arrays["shown"],
        offered=arrays["offered"],
        network=arrays["network"],
        ids=Ids(arrays["ids"], arrays["slots"]),
        fragments=Arena(arrays[_BLOB], arrays["fragments/starts"]),
        cuts=arrays["cuts"],
        open_words=NumberIndex(**part("open/")),
        guarded_words=NumberIndex(**part("guarded/")),
        changed=told.changed,
        pages=pages,
    )


def _words(vocabulary: Vocabulary) -> _Words:
    attributes = []
    for code, column in vocabulary.attributes.items():
        dictionary = vocabulary.attribute_values(column)
        attributes.append((code, _values(dictionary.values), json.dumps(dictionary.numbers)))
    return _Words(
        texts=[_values(dictionary.values) for dictionary in vocabulary.texts],
        options=_values(vocabulary.options.values),
        places=_values(vocabulary.places.values),
        years=_values(vocabulary.years.values),
        price_bands=_values(vocabulary.price_bands.values),
        odometer_bands=_values(vocabulary.odometer_bands.values),
        attributes=attributes,
    )


def _values(values: list[Any]) -> list[Any]:
    return values[1:]


def _vocabulary(words: _Words) -> Vocabulary:
    """Every value learned again in its order, so that it has its code again."""
    made = Vocabulary()
    taught: list[tuple[Codes[Any], list[Any]]] = [
        *zip(made.texts, words.texts, strict=True),
        (made.options, words.options),
        (made.places, words.places),
        (made.years, words.years),
        (made.price_bands, words.price_bands),
        (made.odometer_bands, words.odometer_bands),
    ]
    for codes, values in taught:
        for value in values:
            codes.code(value)
    for code, texts, numbers in words.attributes:
        dictionary = made.attribute_values(made.attribute_column(code))
        for text, number in zip(texts, json.loads(numbers)[1:], strict=True):
            dictionary.numbers[dictionary.code(text)] = number
    made.index_words()
    return made
