"""Facets as JSON, from the kernel's counters: one value for all its spellings, shown in the commonest."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from core_ext.page import Labels, buckets
from core_ext.program import Program
from core_ext.search import search
from inventory.criteria import RANGE_FACETS
from inventory.index.bands import MOST_BUCKETS, odometer_scale, price_scale, year_scale
from inventory.index.dictionary import Dictionary
from inventory.index.plan import LIVE, NETWORK, OFFERED, Counted
from inventory.index.snapshot import Snapshot
from inventory.index.vocabulary import Vocabulary

Counts = NDArray[np.int64]
_RANGES = frozenset(RANGE_FACETS)
_NONE = b'{"value":null,"count":'
_encode = msgspec.json.Encoder().encode


class Spellings(NamedTuple):
    """The values of a column that have several spellings, which are texts: two codes of an attribute may share one."""

    known: int
    """How many codes there were when it was made."""
    numbers: NDArray[np.int64]
    """The classes of these values."""
    starts: NDArray[np.int64]
    """The first spelling of each value; its spellings ascend by text."""
    owners: NDArray[np.int64]
    """The value of each spelling, as its place among `numbers`."""
    codes: NDArray[np.int64]
    """A code of each spelling."""
    members: NDArray[np.int64]
    """All codes of these values."""
    places: NDArray[np.int64]
    """The spelling of each of these codes."""

    def commonest(self, counts: Counts) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The most counted spelling of each value, the smallest text of equals, and how often it was counted."""
        inside = self.members < len(counts)
        sums = np.bincount(self.places[inside], counts[self.members[inside]], len(self.codes))
        most = np.maximum.reduceat(sums, self.starts)
        largest = np.flatnonzero(sums == most[self.owners])
        return largest[np.searchsorted(largest, self.starts)], most


class Shown(NamedTuple):
    """How a column's values are shown to a class of callers in one state of the stock."""

    known: int
    serial: int
    labels: Labels
    spellings: Spellings
    codes: NDArray[np.int64]
    """Of each value with several spellings a code of the one that is shown."""
    unseen: NDArray[np.int64]
    """Those of these values that no row has which the class of callers may see."""


def written(
    facets: Sequence[Counted], counters: Counts, snapshot: Snapshot, kind: str, currency: str, limit: int
) -> bytes | None:
    """The facets as members of a JSON object; None if the stock has changed since the snapshot was taken.

    `kind`: the class of rows over which spellings are weighed.
    """
    vocabulary, columns = snapshot.vocabulary, snapshot.vocabulary.columns
    shown: dict[int, Shown] | None = None
    made = []
    for name, column, first, size in facets:
        if name in _RANGES:
            text = _range_facet(name, counters, first, size, vocabulary, currency)
        elif column >= columns:
            text = b"%b%d}" % (_NONE, counters[first]) if counters[first] else b""
        else:
            dictionary = vocabulary.dictionary(column)
            labels: Labels | None = dictionary.derived.get("labels")
            # Labels by code are made while every value has one spelling; they hold as long as no code is added.
            if labels is None or labels.size != len(dictionary.values):
                if not dictionary.is_plain and shown is None:
                    shown = _shown(facets, snapshot, kind)
                    if shown is None:
                        return None
                labels = None if shown is not None and column in shown else _plain(dictionary)
            if labels is not None:
                text = labels.values(counters, first, size, limit)
            elif shown is not None:
                labels = _settled(dictionary, shown[column], counters[first : first + size])
                text = labels.values(counters, first, size, limit, dictionary.class_of(size))
        made.append(_head(name) + text)
    return b"],".join(made) + b"]"


@functools.lru_cache(1_000)
def _head(name: str) -> bytes:
    return _encode(name) + b":["


def _range_facet(name: str, counters: Counts, first: int, size: int, vocabulary: Vocabulary, currency: str) -> bytes:
    """Buckets of prices in the currency, of model years or of odometers; absent numbers last, but for prices.

    Only vehicles priced in the currency are in a price bucket: the others are no match of any price.
    """
    if name == "price":
        scale = price_scale(vocabulary.price_bands, currency)
    else:
        scale = year_scale(vocabulary.years) if name == "model_year" else odometer_scale(vocabulary.odometer_bands)
    made = buckets(counters, first, size, scale.codes, scale.starts, MOST_BUCKETS)
    if name == "price" or not counters[first]:
        return made
    absent = b"%b%d}" % (_NONE, counters[first])
    return b"%b,%b" % (made, absent) if made else absent


def _objects(dictionary: Dictionary) -> list[bytes]:
    """By code the JSON object of a facet value up to its count, made once. Readers may add the same ones at once."""
    objects: list[bytes] = dictionary.derived.setdefault("objects", [_NONE])
    first, known = len(objects), len(dictionary)
    if first < known:
        objects[first:known] = [
            b'{"value":%b,"count":' % _encode(dictionary.shown(code)) for code in range(first, known)
        ]
    return objects


def _plain(dictionary: Dictionary) -> Labels:
    """The labels where every value has one spelling: classes are codes. Kept only if that is still so."""
    known = dictionary.learned
    order: list[int] = dictionary.derived.get("order", [])
    order = [*order, *range(len(order) + 1, known)] if len(order) < known else list(range(1, known))
    order.sort(key=dictionary.shown)
    labels = Labels(_objects(dictionary), [*order, 0])
    if dictionary.is_plain and len(dictionary.values) == known:
        dictionary.derived["order"] = order
        dictionary.derived["labels"] = labels
    return labels


def _shown(facets: Sequence[Counted], snapshot: Snapshot, kind: str) -> dict[int, Shown] | None:
    """How values are shown, by column, where some have several codes; None if the stock has changed."""
    found: dict[int, Shown] = {}
    outdated: dict[int, Spellings] = {}
    for name, column, _, _ in facets:
        if name in _RANGES or column >= snapshot.vocabulary.columns:
            continue
        dictionary = snapshot.vocabulary.dictionary(column)
        if dictionary.is_plain:
            continue
        shown: Shown | None = dictionary.derived.get(kind)
        if shown is not None and shown.known == dictionary.learned and shown.serial in (snapshot.serial, _ALWAYS):
            found[column] = shown
        else:
            outdated[column] = _spellings(dictionary)
    if not outdated:
        return found
    weights = _weights([column for column, spellings in outdated.items() if len(spellings.numbers)], snapshot, kind)
    if weights is None:
        return None
    for column, spellings in outdated.items():
        dictionary = snapshot.vocabulary.dictionary(column)
        found[column] = dictionary.derived[kind] = _weighed(
            dictionary, spellings, weights.get(column), snapshot.serial, dictionary.derived.get(kind)
        )
    return found


_ALWAYS = -1
"""The serial of what no change of the stock changes."""


def _weights(columns: Sequence[int], snapshot: Snapshot, kind: str) -> dict[int, Counts] | None:
    """How many live rows of a class have each code, by column; None if the stock has changed."""
    if not columns:
        return {}
    program = Program(limit=0)
    program.group()
    program.filter()
    program.clause()
    program.bitmap(LIVE)
    if kind != "all":
        program.clause()
        program.bitmap(OFFERED if kind == "offered" else NETWORK)
    sizes = [snapshot.vocabulary.size(column) for column in columns]
    firsts = [program.facet(column, -1, size) for column, size in zip(columns, sizes, strict=True)]
    found = search(program, snapshot.shelves, (), snapshot.gate, snapshot.serial)
    if found is None:
        return None
    return {
        column: found.counters[first : first + size] for column, first, size in zip(columns, firsts, sizes, strict=True)
    }


def _spellings(dictionary: Dictionary) -> Spellings:
    """The values with several spellings, found again when there are more codes."""
    known = dictionary.learned
    spellings: Spellings | None = dictionary.derived.get("spellings")
    if spellings is None or spellings.known != known:
        numbers: list[int] = []
        starts: list[int] = []
        owners: list[int] = []
        codes: list[int] = []
        members: list[int] = []
        places: list[int] = []
        for number in range(1, dictionary.classes):
            by_text: dict[str, list[int]] = {}
            for code in dictionary.members(number):
                by_text.setdefault(dictionary.shown(code), []).append(code)
            if len(by_text) > 1:
                starts.append(len(codes))
                for text in sorted(by_text):
                    members += by_text[text]
                    places += [len(codes)] * len(by_text[text])
                    owners.append(len(numbers))
                    codes.append(by_text[text][0])
                numbers.append(number)
        arrays = (np.array(found, np.int64) for found in (numbers, starts, owners, codes, members, places))
        spellings = dictionary.derived["spellings"] = Spellings(known, *arrays)
    return spellings


def _weighed(
    dictionary: Dictionary, spellings: Spellings, weights: Counts | None, serial: int, before: Shown | None
) -> Shown:
    """The commonest spellings. Labels are made anew only if another spelling has become the commonest."""
    if weights is None:
        codes = unseen = np.zeros(0, np.int64)
        serial = _ALWAYS
    else:
        chosen, most = spellings.commonest(weights)
        codes, unseen = spellings.codes[chosen], np.flatnonzero(most == 0)
    if before is not None and before.known == spellings.known and np.array_equal(before.codes, codes):
        labels = before.labels
    else:
        labels = _labels(dictionary, spellings, codes)
    return Shown(spellings.known, serial, labels, spellings, codes, unseen)


def _settled(dictionary: Dictionary, shown: Shown, counts: Counts) -> Labels:
    """The labels for these counts.

    A partner's own cars may bear a value that nothing in the network has: then the spellings of the counted rows are
    weighed, so that no spelling is shown that only rows unseen by the caller have.
    """
    if not len(shown.unseen):
        return shown.labels
    chosen, most = shown.spellings.commonest(counts)
    own = shown.unseen[most[shown.unseen] > 0]
    if not len(own):
        return shown.labels
    codes = shown.codes.copy()
    codes[own] = shown.spellings.codes[chosen[own]]
    return _labels(dictionary, shown.spellings, codes)


def _labels(dictionary: Dictionary, spellings: Spellings, codes: NDArray[np.int64]) -> Labels:
    """The labels by class, with these codes for the values that have several spellings."""
    shown = [dictionary.members(number)[0] for number in range(dictionary.classes)]
    for number, code in zip(spellings.numbers.tolist(), codes.tolist(), strict=True):
        shown[number] = code
    objects = _objects(dictionary)
    order = sorted(range(1, len(shown)), key=lambda number: dictionary.shown(shown[number]))
    return Labels([objects[code] for code in shown], [*order, 0])
