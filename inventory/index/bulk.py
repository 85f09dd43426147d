"""How many vehicles of a make, model, trim and colour there are and where the nearest stands: ten thousand at once."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core_ext.geo import EARTH_KM
from core_ext.runs import Answers
from core_ext.search import matching
from inventory.index.dictionary import Dictionary
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


class Available(NamedTuple):
    """Answers by column."""

    counts: NDArray[np.int64]
    ids: list[str | None]
    """The nearest vehicle, the smallest id of several; None without a point or where none that counts has one."""
    distances_km: Floats
    """NaN where there is no nearest."""
    location_ids: list[str | None]


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
    points = _points(tuples)
    vectors = vocabulary.places.vectors()
    answers = Answers(len(low))
    for number, view in enumerate(snapshot.views):
        segment = view.segment
        wanted = matching(plan.program, view.shelf, snapshot.gate, snapshot.serial)
        if wanted is None:
            return None
        places = segment.codes[PLACE] if len(segment.codes) > PLACE else None
        answers.ask(number, segment.runs, wanted, places, segment.ids.ids, low, high, points, vectors)
    distances = 2 * EARTH_KM * np.arcsin(np.minimum(np.sqrt(answers.squares) / 2, 1.0))
    distances[answers.shelves < 0] = np.nan
    return Available(answers.counts, answers.ids(), distances, _locations(snapshot, answers))


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
        classes = _classes(texts, vocabulary.text(name))
        if len(classes) != len(low):
            raise ValueError("every column has an element for each question")
        known &= classes > 0
        low |= classes.astype(np.uint64) << np.uint64(left)
    high = low | np.uint64((1 << left) - 1)
    return np.where(known, low, np.uint64(1)), np.where(known, high, np.uint64(0))


def _classes(texts: Sequence[str], dictionary: Dictionary) -> NDArray[np.int64]:
    """The class of each text, 0 for a value that nobody has."""
    numbers = {}
    every = dictionary.class_of(len(dictionary))
    for text in set(texts):
        codes = dictionary.matching(text)
        numbers[text] = int(every[codes[0]]) if codes else 0
    return np.array([numbers[text] for text in texts], np.int64)


def _points(tuples: Tuples) -> Floats | None:
    """The unit vectors of the questions' points."""
    if tuples.latitude is None or tuples.longitude is None:
        return None
    phi, lam = np.radians(tuples.latitude), np.radians(tuples.longitude)
    return np.ascontiguousarray(np.stack((np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)), axis=1))


def _locations(snapshot: Snapshot, answers: Answers) -> list[str | None]:
    """The location of each nearest vehicle."""
    found: list[str | None] = [None] * len(answers.counts)
    names = snapshot.vocabulary.text("location_id").values
    for number, view in enumerate(snapshot.views):
        questions = np.flatnonzero(answers.shelves == number)
        codes = view.segment.codes_of(COLUMN["location_id"], answers.rows[questions])
        for question, code in zip(questions.tolist(), codes.tolist(), strict=True):
            found[question] = names[code]
    return found
