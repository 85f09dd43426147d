"""Facet counts from the kernel's counters: one value for all its spellings, shown in the commonest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inventory.criteria import FacetCount
from inventory.index import bands
from inventory.index.dictionary import Dictionary
from inventory.index.segment import View
from inventory.index.vocabulary import Vocabulary

Counts = NDArray[np.int64]


def value_facet(
    counts: Counts, column: int, vocabulary: Vocabulary, views: Sequence[View], kind: str, limit: int
) -> list[FacetCount]:
    """Values by count, then by text, none last among equals; `kind`: the rows over which spellings are weighed."""
    if column >= vocabulary.columns:
        return [FacetCount(value=None, count=int(counts[0]))] if counts[0] else []
    dictionary = vocabulary.dictionary(column)
    size = len(counts)
    if dictionary.is_plain:
        named = [(int(counts[code]), dictionary.values[code]) for code in _largest(counts, limit)]
        shown = [(count, None if value is None else dictionary.text(value)) for count, value in named]
    else:
        classes = dictionary.class_of(size)
        sums = np.zeros(int(classes.max()) + 1, np.int64)
        np.add.at(sums, classes, counts)
        weights = _spellings(views, column, kind, size)
        shown = [
            (int(sums[number]), _commonest(dictionary, int(number), weights, counts))
            for number in _largest(sums, limit)
        ]
    shown.sort(key=lambda one: (-one[0], one[1] is None, one[1] or ""))
    return [FacetCount(value=value, count=count) for count, value in shown[:limit]]


def _largest(counts: Counts, limit: int) -> NDArray[np.intp]:
    """The places with counts above 0 that may be among the first `limit`, ties included."""
    found = np.flatnonzero(counts)
    if len(found) > limit:
        least = np.partition(counts[found], len(found) - limit)[len(found) - limit]
        found = np.flatnonzero(counts >= least)
    return found


def _spellings(views: Sequence[View], column: int, kind: str, size: int) -> Counts:
    """How many live rows of a class have each code."""
    total = np.zeros(size, np.int64)
    for view in views:
        here = view.segment.spellings(column, kind)
        total[: len(here)] += here
        if len(view.dead):
            gone = view.segment.codes_of(column, view.segment.of_kind(view.dead, kind))
            total -= np.bincount(gone, minlength=size)
    return total


def _commonest(dictionary: Dictionary, number: int, weights: Counts, counts: Counts) -> str | None:
    """The spelling that most rows of the class have, the smallest of equals.

    A partner's own cars may bear a value that nothing in the network has: then the spellings of the counted rows are
    weighed, so that no spelling is shown that only rows unseen by the caller have.
    """
    if number == 0:
        return None
    members = [code for code in dictionary.members(number) if code < len(counts)]
    weighed = weights if any(weights[code] for code in members) else counts
    most = max(int(weighed[code]) for code in members)
    return min(dictionary.text(dictionary.values[code] or "") for code in members if weighed[code] == most)


def range_facet(name: str, counts: Counts, vocabulary: Vocabulary, currency: str) -> list[FacetCount]:
    """Buckets of prices in the currency, of model years or of odometers; absent numbers last, but for prices.

    Only vehicles priced in the currency are in a price bucket: the others are no match of any price.
    """
    found: list[tuple[int | None, int]] = []
    for code in np.flatnonzero(counts).tolist():
        if code == 0:
            continue
        count = int(counts[code])
        if name == "model_year":
            found.append((vocabulary.years.values[code], count))
        elif name == "odometer_km":
            found.append((bands.band_start(vocabulary.odometer_bands.values[code] or 0), count))
        else:
            priced_in, band = vocabulary.price_bands.values[code] or ("", 0)
            if priced_in == currency:
                found.append((bands.band_start(band), count))
    found.sort(key=lambda one: (one[0] is not None, one[0] or 0))
    made = bands.buckets(found)
    if counts[0] and name != "price":
        made.append(FacetCount(value=None, count=int(counts[0])))
    return made
