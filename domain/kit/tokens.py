"""Opaque tokens: made from 32 random bytes, shown once, kept as SHA-256 alone; the letter tells what for."""

from __future__ import annotations

import base64
import hashlib
import os
import re

LETTERS = {"CUSTOMER": "c", "PARTNER": "p", "STAFF": "s", "SYSTEM": "m"}
"""Persona to the letter of its access tokens; r, b and o are refresh tokens, cookies and mailed tokens."""
REFRESH, COOKIE, ONCE, KEY = "r", "b", "o", "k"
_TOKEN = re.compile(r"fc[a-z]_[A-Za-z0-9_-]{43}")


def new_token(letter: str) -> str:
    """A fresh token of that letter."""
    return f"fc{letter}_{base64.urlsafe_b64encode(os.urandom(32)).rstrip(b'=').decode()}"


def is_token(text: str) -> bool:
    """Whether the text has the form of a token."""
    return _TOKEN.fullmatch(text) is not None


def hashed(token: str) -> bytes:
    """What is kept of a token: it has 256 random bits, so a fast hash is enough."""
    return hashlib.sha256(token.encode()).digest()
