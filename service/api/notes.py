"""Notes on records: `/{records}/{id}/notes`, each for its circle of readers, earlier wordings kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from domain.kit import catalogue
from domain.kit.errors import Forbidden, Malformed, NotFound, PreconditionRequired, StaleVersion
from domain.kit.notes import Note, NoteText, Visibility
from domain.kit.policy import Principal
from domain.kit.record import Entity
from domain.kit.standing import Standing, circles, must_change, record_types, standing
from domain.kit.store import Context, matched
from service.api.records import KEY_PROBLEMS, WRITE_PROBLEMS, expected_version
from service.api.routing import PREFIX, Answer, Call, Kind, Route

READERS = {
    "CUSTOMER": ("CUSTOMER",),
    "PARTNER": ("PARTNER", "CUSTOMER"),
    "STAFF": ("INTERNAL", "PARTNER", "CUSTOMER"),
    "SYSTEM": ("INTERNAL", "PARTNER", "CUSTOMER"),
}
"""Persona to the notes that they see and write on their own records; on others' records nobody sees any."""


class NewNote(msgspec.Struct, forbid_unknown_fields=True):
    """What is noted, and for whom; by default for the writer's own circle."""

    text: NoteText
    visibility: Visibility | None = None


class ChangedNote(msgspec.Struct, forbid_unknown_fields=True):
    """Another wording, or another circle."""

    text: NoteText | UnsetType = UNSET
    visibility: Visibility | UnsetType = UNSET


class WrittenNote(msgspec.Struct):
    """A note as its readers see it."""

    id: str
    version: int
    created_at: datetime
    updated_at: datetime
    text: str
    visibility: str
    author_id: str | None


class Notes(msgspec.Struct):
    """The notes of a record, the latest first."""

    items: list[WrittenNote]


class Wording(msgspec.Struct):
    """What a note said before."""

    version: int
    at: datetime
    text: str


class Wordings(msgspec.Struct):
    """All wordings of a note, the latest first."""

    items: list[Wording]


def told(note: Note, principal: Principal) -> WrittenNote:
    """A note as the caller may know it; customers do not learn who works on their records."""
    shown = principal.persona != "CUSTOMER" or note.author_id == principal.user_id
    return WrittenNote(
        id=note.id,
        version=note.version,
        created_at=note.created_at,
        updated_at=note.updated_at,
        text=note.text,
        visibility=note.visibility,
        author_id=note.author_id if shown else None,
    )


async def visible(ctx: Context, found: Standing, condition: str = "true", *arguments: Any) -> list[Note]:
    """The notes of a record that the caller may see."""
    circle = circles(ctx.principal, found.own, READERS, None)
    async with ctx.elevated():
        return await ctx.where(
            Note,
            f"record_type = $1 and record_id = $2 and visibility = any($3::text[]) and {condition}",
            found.record_type,
            found.record_id,
            circle,
            *arguments,
        )


async def one(ctx: Context, found: Standing, id: str) -> Note:
    """One note of a record; NotFound where the caller may not see it."""
    for note in await visible(ctx, found, "id::text = $4", id):
        return note
    raise NotFound("There is no such note on this record")


def _circle(principal: Principal, wanted: str | None) -> str:
    """The circle that the caller writes for; Forbidden for one that they are not part of."""
    circle = READERS.get(principal.persona, ())
    if wanted is not None and wanted not in circle:
        raise Forbidden("You may write for circles that you belong to only")
    return wanted or circle[0]


def _list(entity: Entity) -> Route:
    async def handler(call: Call) -> Any:
        notes = await visible(call.ctx, await standing(call.ctx, entity, call.id))
        notes.sort(key=lambda note: (note.created_at, note.id), reverse=True)
        return Notes([told(note, call.principal) for note in notes])

    return Route(
        method="GET",
        path=f"{PREFIX}/{entity.route}/{{id}}/notes",
        object=entity.name,
        action="notes",
        handler=handler,
        kind=Kind.READ,
        grant=(entity, "r"),
        summary=f"The notes on a {entity.name.replace('_', ' ')}",
        returns=Notes,
        problems=(NotFound,),
    )


def _write(entity: Entity) -> Route:
    async def handler(call: Call) -> Any:
        found = await standing(call.ctx, entity, call.id)
        must_change(found)
        visibility = _circle(call.principal, call.body.visibility)
        async with call.ctx.elevated():
            note = await call.ctx.create(
                Note,
                record_type=found.record_type,
                record_id=found.record_id,
                text=call.body.text,
                visibility=visibility,
                author_id=call.principal.user_id,
                client_id=call.principal.client_id,
            )
        location = f"{PREFIX}/{entity.route}/{call.id}/notes/{note.id}"
        return Answer(told(note, call.principal), status=201, headers={"location": location})

    return Route(
        method="POST",
        path=f"{PREFIX}/{entity.route}/{{id}}/notes",
        object=entity.name,
        action="note",
        handler=handler,
        kind=Kind.WRITE,
        grant=(entity, "r"),
        summary=f"Note something on a {entity.name.replace('_', ' ')}",
        body=NewNote,
        returns=WrittenNote,
        status=201,
        idempotent=True,
        problems=(*WRITE_PROBLEMS, *KEY_PROBLEMS),
    )


def _change(entity: Entity) -> Route:
    async def handler(call: Call) -> Any:
        found = await standing(call.ctx, entity, call.id)
        must_change(found)
        note = await one(call.ctx, found, call.params["note_id"])
        principal = call.principal
        mine = (note.author_id, note.client_id) == (principal.user_id, principal.client_id)
        if not mine and "ADMIN" not in principal.keys:
            raise Forbidden("Only its author changes a note")
        matched(note, expected_version(call))
        changes = {name: value for name in ("text", "visibility") if (value := getattr(call.body, name)) is not UNSET}
        _circle(principal, changes.get("visibility"))
        async with call.ctx.elevated():
            note = await call.ctx.get(Note, note.id, lock=True)
            matched(note, expected_version(call))
            return told(await call.ctx.update(note, **changes), principal)

    return Route(
        method="PATCH",
        path=f"{PREFIX}/{entity.route}/{{id}}/notes/{{note_id}}",
        object=entity.name,
        action="change-note",
        handler=handler,
        kind=Kind.WRITE,
        grant=(entity, "r"),
        summary="Change a note of one's own; If-Match holds the version read",
        body=ChangedNote,
        returns=WrittenNote,
        problems=(*WRITE_PROBLEMS, StaleVersion, PreconditionRequired),
    )


def _wordings(entity: Entity) -> Route:
    async def handler(call: Call) -> Any:
        found = await standing(call.ctx, entity, call.id)
        note = await one(call.ctx, found, call.params["note_id"])
        rows = await call.ctx.db.fetch(
            "select version, at, changes from app.history_of('note', $1, $2, 1000) order by seq", note.id, 2**62
        )
        circle, text, visibility = circles(call.principal, found.own, READERS, None), "", ""
        wordings: list[Wording] = []
        for row in rows:
            changed = row["changes"]
            visibility = changed.get("visibility", (None, visibility))[1]
            text = changed.get("text", (None, text))[1]
            if visibility in circle:  # what was written for another circle stays there
                wordings.insert(0, Wording(row["version"], row["at"], text))
        return Wordings(wordings)

    return Route(
        method="GET",
        path=f"{PREFIX}/{entity.route}/{{id}}/notes/{{note_id}}/wordings",
        object=entity.name,
        action="note-wordings",
        handler=handler,
        kind=Kind.READ,
        grant=(entity, "r"),
        summary="What a note said before",
        returns=Wordings,
        problems=(Malformed, NotFound),
    )


def _routes() -> Iterator[Route]:
    catalogue.load()
    for entity in record_types():
        for make in (_list, _write, _change, _wordings):
            yield make(entity)


ROUTES = list(_routes())
