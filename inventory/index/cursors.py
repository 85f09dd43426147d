"""Cursors: the sort keys of the last vehicle seen, signed together with the query and the caller they belong to."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

import msgspec

from domain.kit.errors import CursorInvalid
from inventory.criteria import Criteria
from inventory.index.plan import Plan

_SIGNATURE = 16


class Cursor(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """Where a page ended."""

    keys: list[int]
    """As the kernel gives them: smaller is earlier."""
    id: bytes
    """16 bytes."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Cursor).decode


def binding(plan: Plan, caller: str) -> bytes:
    """What a cursor belongs to: the criteria, the order and the caller; page size and facets may change on the way."""
    query: tuple[Criteria, list[tuple[str, bool]], str, str] = (
        plan.request.criteria,
        [(sort.by, sort.descending) for sort in plan.sort],
        plan.currency,
        caller,
    )
    return hashlib.blake2b(msgspec.json.encode(query, order="deterministic"), digest_size=32).digest()


def write(cursor: Cursor, belongs_to: bytes, secret: bytes) -> str:
    """The cursor as callers hold it."""
    content = _encode(cursor)
    return base64.urlsafe_b64encode(_sign(content, belongs_to, secret) + content).decode().rstrip("=")


def read(text: str, belongs_to: bytes, secret: bytes) -> Cursor:
    """The cursor again; CursorInvalid if it is of another query, another caller or not ours."""
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise CursorInvalid from None
    if base64.urlsafe_b64encode(content).decode().rstrip("=") != text:
        raise CursorInvalid
    if not hmac.compare_digest(content[:_SIGNATURE], _sign(content[_SIGNATURE:], belongs_to, secret)):
        raise CursorInvalid
    return _decode(content[_SIGNATURE:])


def _sign(content: bytes, belongs_to: bytes, secret: bytes) -> bytes:
    return hmac.new(secret, belongs_to + content, hashlib.sha256).digest()[:_SIGNATURE]
