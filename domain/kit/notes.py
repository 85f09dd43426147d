"""Notes on records: free text by a named author for a named circle of readers; earlier wordings stay in history."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from domain.kit.fields import Fixed, Ref, writes
from domain.kit.record import Record, entity
from domain.kit.rows import staff_only
from domain.kit.values import Code, Id, Privacy

Visibility = Literal["INTERNAL", "PARTNER", "CUSTOMER"]
NoteText = Annotated[str, msgspec.Meta(min_length=1, max_length=10_000), Privacy.FREE_TEXT]


@entity(
    "note",
    rows=staff_only(),
    grants={},
    title="note",
    without="list get create update delete bulk commands history import export by-key",
    indexes=("record_id, created_at",),
)
class Note(Record, kw_only=True):
    """What somebody wrote about a record; reached through the record alone."""

    record_type: Annotated[Code, Fixed()]
    record_id: Annotated[Id, Fixed()]
    text: NoteText
    visibility: Visibility = "INTERNAL"
    author_id: Annotated[str | None, Ref("user"), writes()] = None
    client_id: Annotated[Code | None, writes()] = None
