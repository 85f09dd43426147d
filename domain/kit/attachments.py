"""Files on records: known by their content, kept by their checksum, shown to those who see the record."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from domain.kit.fields import Fixed, Ref, writes
from domain.kit.record import Record, entity
from domain.kit.rows import staff_only
from domain.kit.values import Code, Count, Digest, Id, Privacy

MOST_BYTES = 25_000_000
Audience = Literal["INTERNAL", "CUSTOMER", "PUBLIC"]


@entity(
    "attachment",
    rows=staff_only(),
    grants={},
    title="{name}",
    without="list get create update delete bulk commands history import export by-key",
    unique=("record_id, series, revision",),
    indexes=("record_id, created_at", "sha256"),
    checks={"size": f"size_bytes between 1 and {MOST_BYTES}"},
)
class Attachment(Record, kw_only=True):
    """One revision of a file on a record; reached through the record alone, so whoever sees that sees it."""

    record_type: Annotated[Code, Fixed()]
    record_id: Annotated[Id, Fixed()]
    series: Annotated[Id, Fixed()]
    """The same for all revisions of a file: the id of the first."""
    revision: Annotated[Count, Fixed()] = 1
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200), Privacy.FREE_TEXT]
    media_type: Annotated[Code, Fixed()]
    size_bytes: Annotated[Count, Fixed()]
    sha256: Annotated[Digest, Fixed()]
    audience: Audience = "INTERNAL"
    uploaded_by: Annotated[str | None, Ref("user"), writes()] = None
