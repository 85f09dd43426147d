"""How texts compare and which words they have: NFC and casefold, words between spaces and signs, codes also joined."""

from __future__ import annotations

import functools
import unicodedata


def folded(text: str) -> str:
    """The form in which two values are the same."""
    return unicodedata.normalize("NFC", text).casefold()


fold = functools.lru_cache(maxsize=1 << 16)(folded)
"""The same for values that come again and again."""


def chunks(text: str) -> list[tuple[str, ...]]:
    """The folded text between spaces, each as its parts of letters, marks and digits: "F-150 XLT" → (f, 150), (xlt)."""
    found: list[tuple[str, ...]] = []
    for chunk in folded(text).split():
        if chunk.isalnum():
            found.append((chunk,))
            continue
        parts, part = [], ""
        for character in chunk:
            if character.isalnum() or unicodedata.category(character).startswith("M"):
                part += character
            elif part:
                parts.append(part)
                part = ""
        if part:
            parts.append(part)
        if parts:
            found.append(tuple(parts))
    return found


def words_of(text: str) -> set[str]:
    """The words by which a text is found: every part, and what signs divide also joined: F-150 is f, 150 and f150."""
    return {word for parts in chunks(text) for word in (*parts, "".join(parts))}


def wanted(text: str) -> list[frozenset[str]]:
    """What a search text wants: for every part the words of which one must be there, whole or as a word's start.

    "f-150" wants f or f150, and 150 or f150: it finds F-150, F 150 and F150.
    """
    return [frozenset((part, "".join(parts))) for parts in chunks(text) for part in parts]
