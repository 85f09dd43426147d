"""Codes for the values of a column: they only grow, so that whoever reads an older snapshot still reads true."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from inventory.criteria import sound
from inventory.index.words import fold, words_of

K = TypeVar("K", bound=Hashable)


class Codes(Generic[K]):
    """A number from 1 for every value seen, 0 for none. One writer; readers need no lock."""

    def __init__(self) -> None:
        self._codes: dict[K | None, int] = {None: 0}
        self.values: list[K | None] = [None]
        """By code; code 0 is None."""
        self.derived: dict[Hashable, Any] = {}
        """What readers have worked out of the values known so far, to be replaced as a whole when there are more."""

    def __len__(self) -> int:
        return len(self.values)

    @property
    def learned(self) -> int:
        """How many codes there are of which everything is known; the length counts a code that is being learned too."""
        return len(self._codes)

    def code(self, value: K | None) -> int:
        """The value's code, given to it if it is new. Writer only."""
        code = self._codes.get(value)
        if code is None:
            code = len(self.values)
            self.values.append(value)
            self._learn(value, code)
            self._codes[value] = code
        return code

    @property
    def codes(self) -> dict[K | None, int]:
        """The codes by value, to look up very many at once; not to be changed."""
        return self._codes

    def find(self, value: K) -> int | None:
        """The code of a value, if anybody ever had it."""
        return self._codes.get(value)

    def _learn(self, value: K | None, code: int) -> None:
        """What else there is to remember of a new value."""


class Dictionary(Codes[str]):
    """Codes of spellings; spellings that compare equal are one class of values."""

    def __init__(self) -> None:
        super().__init__()
        self._classes: dict[str, int] = {}
        self._class_of = np.zeros(64, np.int32)
        self._members: list[tuple[int, ...]] = [(0,)]
        self.spelled: dict[str, tuple[int, ...]] = {}
        """By the spelling of a text that can be sent: the codes of all spellings that compare equal."""
        self._words: dict[str, tuple[int, ...]] = {}
        self._sorted_words: list[str] = []
        self._sorted_at = 0

    def _learn(self, value: str | None, code: int) -> None:
        assert value is not None
        folded = fold(self.text(value))
        number = self._classes.get(folded)
        if number is None:
            number = len(self._members)
            self._members.append((code,))
            self._classes[folded] = number
        else:
            self._members[number] += (code,)
        if code >= len(self._class_of):
            self._class_of = np.concatenate((self._class_of, np.zeros_like(self._class_of)))
        self._class_of[code] = number
        members = self._members[number]
        for text in map(self.shown, members):
            if sound(text):
                self.spelled[text] = members

    @staticmethod
    def text(value: str) -> str:
        """What a value is compared by and shown as."""
        return value

    @property
    def classes(self) -> int:
        """How many different values there are, none included."""
        return len(self._members)

    @property
    def is_plain(self) -> bool:
        """Whether every value has one spelling only."""
        return len(self._members) == len(self.values)

    def shown(self, code: int) -> str:
        """The text of a code that is not 0."""
        value = self.values[code]
        assert value is not None
        return self.text(value)

    def class_of(self, size: int) -> NDArray[np.int32]:
        """The class of each code below `size`."""
        return self._class_of[:size]

    def members(self, number: int) -> tuple[int, ...]:
        """The codes of a class."""
        return self._members[number]

    def matching(self, value: str) -> tuple[int, ...]:
        """The codes of all spellings that compare equal to a text."""
        known = self.spelled.get(value)
        if known is None:
            number = self._classes.get(fold(value))
            return () if number is None else self._members[number]
        return known

    def index_words(self) -> None:
        """Makes the words of new spellings findable. Writer only, before the spellings are published."""
        learned: dict[str, list[int]] = {}
        for code in range(self._sorted_at + 1, len(self.values)):
            for word in words_of(self.shown(code)):
                learned.setdefault(word, []).append(code)
        self._sorted_at = len(self.values) - 1
        fresh = [word for word in learned if word not in self._words]
        for word, codes in learned.items():
            self._words[word] = (*self._words.get(word, ()), *codes)
        if fresh:
            self._sorted_words = sorted(self._sorted_words + fresh)

    def with_word(self, word: str) -> tuple[int, ...]:
        """The codes of spellings that have the whole word."""
        return self._words.get(word, ())

    def with_prefix(self, prefix: str) -> set[int]:
        """The codes of spellings with a word that begins so."""
        found: set[int] = set()
        words = self._sorted_words
        for place in range(bisect_left(words, prefix), len(words)):
            if not words[place].startswith(prefix):
                break
            found.update(self._words[words[place]])
        return found


class AttributeDictionary(Dictionary):
    """Codes of attribute values: ranges tell 7 from "7", in lists and facets they are one value."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[int | float | None] = [None]
        """The number that a code stands for, by code."""

    def code_of(self, value: str | int | float | bool) -> int:
        """The code of an attribute's value. Writer only."""
        text = attribute_text(value)
        if isinstance(value, bool | str):
            return self.code("t" + text)
        found = self.find("n" + text)
        if found is None:
            found = self.code("n" + text)
            self.numbers[found] = value
        return found

    def _learn(self, value: str | None, code: int) -> None:
        self.numbers.append(None)
        super()._learn(value, code)

    @staticmethod
    def text(value: str) -> str:
        """The value without the letter that tells numbers from texts."""
        return value[1:]


def attribute_text(value: str | int | float | bool) -> str:
    """The text of an attribute's value: true, 7, 7 for 7.0, 2.5."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
