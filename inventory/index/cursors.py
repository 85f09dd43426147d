"""Cursors: the sort keys of the last vehicle seen, signed together with the query and the caller they belong to."""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import hmac

import msgspec

from domain.kit.errors import CursorInvalid
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
_encode_asked = msgspec.json.Encoder(order="deterministic").encode


def asked(plan: Plan, caller: str) -> bytes:
    """What a cursor belongs to: the criteria, the order and the caller; page size and facets may change on the way."""
    order = [(sort.by, sort.descending) for sort in plan.sort]
    return _encode_asked((plan.request.criteria, order, plan.currency, caller))


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
    """The length goes first, so that nothing can pass from what is asked to the content."""
    signed = hashlib.blake2b(b"%d:" % len(belongs_to), key=_key(secret), digest_size=_SIGNATURE)
    signed.update(belongs_to)
    signed.update(content)
    return signed.digest()


@functools.cache
def _key(secret: bytes) -> bytes:
    """A key as long as blake2b takes it, whatever the length of the secret."""
    return hashlib.blake2b(secret, person=b"stock cursors").digest()
