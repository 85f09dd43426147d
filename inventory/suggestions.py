"""What somebody who types may mean: values of vehicles that begin so, with the number of cars behind each.

The last word of the text, whole or its start, must be in the value; the words before it narrow the cars as the text of
a search does. The count is what a search for the value, with those words before as its text, answers to the same
caller. So a value that only cars unseen by the caller have does not exist.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from inventory.criteria import Criteria, FacetCount, SearchPage, SearchRequest, Sort
from inventory.index.words import wanted, words_of

TEXT_FIELDS = ("make", "model", "trim", "options")
"""Fields that the text of a search looks into."""
OTHER_FIELDS = (
    "body_style", "drivetrain", "fuel_type", "transmission", "exterior_color", "interior_color", "condition",
)  # fmt: skip
NUMBERS = ("listing_number", "stock_number", "vin", "registration_number")
FIELDS = ("make", "model", "trim", *OTHER_FIELDS, "options", *NUMBERS)
"""In the order in which suggestions of them come."""
FEW = 200
"""Numbers of single cars are suggested once the text fits no more cars than this."""
MOST_VALUES = 10_000


class Suggestion(msgspec.Struct, frozen=True):
    """A value, and how many cars in stock have it."""

    field: str
    value: str
    count: int


class Suggestions(msgspec.Struct, frozen=True):
    """Suggestions by field, then by count."""

    items: list[Suggestion]


def suggested(search: Callable[[SearchRequest], SearchPage], text: str, limit: int) -> list[Suggestion]:
    """At most `limit` suggestions for a text, the most important field first, then by count, then by value.

    Guarded numbers are suggested to those alone in whose answers they stand. A text without a word suggests nothing.
    """
    typed = text.split()
    while typed and not wanted(typed[-1]):
        typed.pop()
    if not typed:
        return []
    last, before = wanted(typed[-1]), " ".join(typed[:-1])
    # A car that has a value with the last word in one of the text's fields fits the whole text: so the whole text
    # leaves their counts as they are and spares listing all other values.
    page = search(_request(" ".join(typed), TEXT_FIELDS, FEW))
    facets = page.facets | search(_request(before, OTHER_FIELDS, 1)).facets
    found = {
        field: [one for one in map(_counted, facets[field]) if one is not None and _fits(one[0], last)]
        for field in (*TEXT_FIELDS, *OTHER_FIELDS)
    }
    found |= _numbers(page, last)
    told: list[Suggestion] = []
    for field in FIELDS:
        values = sorted(found.get(field, ()), key=lambda one: (-one[1], one[0]))
        told += [Suggestion(field, value, count) for value, count in values]
        if len(told) >= limit:
            break
    return told[:limit]


def _request(text: str, facets: tuple[str, ...], limit: int) -> SearchRequest:
    return SearchRequest(
        criteria=Criteria(text=text or None),
        sort=[Sort("relevance")],
        limit=limit,
        facets=list(facets),
        facet_limit=MOST_VALUES,
    )


def _counted(one: FacetCount) -> tuple[str, int] | None:
    return (one.value, one.count) if isinstance(one.value, str) else None


def _fits(value: str, clauses: list[frozenset[str]]) -> bool:
    words = words_of(value)
    return all(any(word.startswith(start) for word in words for start in starts) for starts in clauses)


def _numbers(page: SearchPage, last: list[frozenset[str]]) -> dict[str, list[tuple[str, int]]]:
    """The numbers of the cars that a text fits, if they are few enough to be all on the page."""
    if page.total > len(page.items):
        return {}
    counts: dict[str, Counter[str]] = {field: Counter() for field in NUMBERS}
    for raw in page.items:
        vehicle: dict[str, Any] = msgspec.json.decode(raw)
        for field in NUMBERS:
            number = vehicle.get(field)
            if number is not None and _fits(number, last):
                counts[field][number] += 1
    return {field: list(counter.items()) for field, counter in counts.items()}
