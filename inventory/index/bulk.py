"""How many vehicles of a make, model, trim and colour there are and where the nearest stands: ten thousand at once."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core_ext.geo import EARTH_KM, origins
from core_ext.runs import Answers, add_classes
from core_ext.search import matching
from inventory.index.plan import Plan
from inventory.index.segment import SORTED
from inventory.index.snapshot import Snapshot
from inventory.index.vocabulary import COLUMN, PLACE, Vocabulary

Floats = NDArray[np.float64]


class Tuples(NamedTuple):
    """Questions by column, one element a question; what is left out, from `model` on, is open in all of them."""

    make: Sequence[str]
    model: Sequence[str] | None = None
    trim: Sequence[str] | None = None
    exterior_color: Sequence[str] | None = None
    latitude: Floats | None = None
    """Where distances start, in degrees; NaN where a question has no point."""
    longitude: Floats | None = None


class Available:
    """Answers by column."""

    def __init__(self, snapshot: Snapshot, answers: Answers):
        self.counts: NDArray[np.int64] = answers.counts
        self._snapshot, self._answers = snapshot, answers

    @property
    def distances_km(self) -> Floats:
        """How far the nearest vehicle stands; NaN without a point or where none that counts has one."""
        distances: Floats = 2 * EARTH_KM * np.arcsin(np.minimum(np.sqrt(self._answers.squares) / 2, 1.0))
        distances[self._answers.shelves < 0] = np.nan
        return distances

    def ids(self) -> list[str | None]:
        """The nearest vehicles, the smallest id of several; None where there is none."""
        return self._answers.ids()

    def location_ids(self) -> list[str | None]:
        """Where the nearest vehicles stand."""
        found = np.full(len(self.counts), None, object)
        names = np.array(self._snapshot.vocabulary.text("location_id").values, object)
        for number, view in enumerate(self._snapshot.views):
            questions = np.flatnonzero(self._answers.shelves == number)
            codes = view.segment.codes_of(COLUMN["location_id"], self._answers.rows[questions])
            found[questions] = names[codes]
        told: list[str | None] = found.tolist()
        return told


def kilometres(key: int) -> float:
    """The distance that a sort key by distance stands for: the bits of a squared chord."""
    square = struct.unpack("<d", struct.pack("<q", key))[0]
    return float(2 * EARTH_KM * math.asin(min(math.sqrt(square) / 2, 1.0)))


def representable(vocabulary: Vocabulary) -> bool:
    """Whether every value's class fits the sort key, so that equal keys mean equal values."""
    return all(vocabulary.text(name).classes <= 1 << width for name, width in SORTED)


def available(snapshot: Snapshot, plan: Plan, tuples: Tuples) -> Available | None:
    """The answers over what the plan matches; None if the stock has changed since the snapshot was taken.

    ValueError if a column is missing before one that is there, or columns differ in length.
    """
    vocabulary = snapshot.vocabulary
    low, high = _bounds(tuples, vocabulary)
    start, points = None, None
    if tuples.latitude is not None and tuples.longitude is not None:
        start, points = origins(tuples.latitude, tuples.longitude)
    vectors = vocabulary.places.vectors()
    answers = Answers(len(low))
    for number, view in enumerate(snapshot.views):
        segment = view.segment
        wanted = matching(plan.program, view.shelf, snapshot.gate, snapshot.serial)
        if wanted is None:
            return None
        places = segment.codes[PLACE] if len(segment.codes) > PLACE else None
        answers.ask(number, segment.runs, wanted, places, segment.ids.ids, low, high, start, points, vectors)
    return Available(snapshot, answers)


def _bounds(tuples: Tuples, vocabulary: Vocabulary) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """The smallest and the largest sort key of each question; the other way round where a value is unknown."""
    columns = [(getattr(tuples, name), name, width) for name, width in SORTED]
    asked = [one for one in columns if one[0] is not None]
    if columns[: len(asked)] != asked:
        raise ValueError("a column is missing before one that is there")
    low = np.zeros(len(tuples.make), np.uint64)
    known = np.ones(len(low), np.bool_)
    left = 64
    for texts, name, width in asked:
        left -= width
        dictionary = vocabulary.text(name)
        every = dictionary.class_of(dictionary.learned)
        listed = texts if isinstance(texts, list) else list(texts)
        for place in add_classes(listed, dictionary.codes, every, left, low):
            spelled = dictionary.matching(listed[place])  # another spelling, or a value that nobody has
            if spelled and spelled[0] < len(every):
                low[place] |= np.uint64(int(every[spelled[0]]) << left)
            else:
                known[place] = False
    high = low | np.uint64((1 << left) - 1)
    return np.where(known, low, np.uint64(1)), np.where(known, high, np.uint64(0))
