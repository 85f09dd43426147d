"""A person's data by the catalogue: which rows are about them, what is exported, what is left after erasure.

Which fields are personal is told by their class (`Privacy`), which rows belong to a person by references: to their
contact, to their account where that is a person's, to their user. A row that merely refers to a person (the author of a
note about somebody else) is exported by its bare facts and not erased, for its texts may be others'.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import asyncpg
import msgspec

from domain.kit.db import Connection
from domain.kit.errors import LegalHoldActive, NotFound
from domain.kit.fields import Column, Field
from domain.kit.query import id_or_nobody
from domain.kit.record import CATALOGUE, Entity
from domain.kit.schema import quoted
from domain.kit.store import Context
from domain.kit.values import Privacy

ERASED = "erased"
ERASED_MAIL = "erased-{}@erased.invalid"
HIDDEN = (Privacy.PERSONAL, Privacy.FREE_TEXT)
SELF = ("contact", "account", "user")
"""The record types that are the person."""
OWN_DEEDS = ("user_id", "owner_id", "requested_by")
"""References to users that make the row that user's own, if they are a customer; employees act for others."""
BY_VALUE = {"stock_entry": "reserved_for", "vehicle_reservation": "reserved_for", "message": "to"}
"""Texts that name a person without a reference; they are matched by the person's own mail addresses and numbers."""

LINK_ONLY: dict[tuple[str, str], str] = {("vehicle", "vin"): "owner_account_id"}
"""Fields that are personal only while the row points to the person: erasure takes the reference away and keeps them."""

OF_THINGS: dict[str, str] = {
    "attachment": "erased with the record it is on",
    "note": "erased with the record it is on",
    "column_mapping": "how a file is read",
    "sender_domain": "a company's domain",
}
"""Record types with personal or free texts and without a reference to a person, and why that is so."""


class Subject(msgspec.Struct, frozen=True):
    """A person: their contact, the accounts that are only theirs, their users, and the texts that name them."""

    contacts: tuple[str, ...]
    accounts: tuple[str, ...]
    users: tuple[str, ...]
    customers: tuple[str, ...]
    """Those of the users who are customers: what they did themselves is about them."""
    mails: tuple[str, ...]
    texts: tuple[str, ...]
    """Mail addresses and telephone numbers."""
    name: str

    def ids(self, ref: str) -> tuple[str, ...]:
        """The subject's ids of that record type."""
        return {"contact": self.contacts, "account": self.accounts, "user": self.users}.get(ref, ())


class Link(msgspec.Struct, frozen=True):
    """A reference from a record type to people. ABOUT: the row is the person's data; NAMES: it merely names them."""

    field: str
    ref: str
    strength: Literal["ABOUT", "NAMES"]


def links(entity: Entity) -> list[Link]:
    """The references of a record type to people."""
    if entity.name in SELF:
        return [Link("id", entity.name, "ABOUT")]
    found = []
    for field in entity.fields.values():
        if field.ref == "account":
            found.append(Link(field.name, field.ref, "ABOUT"))
        elif field.ref == "contact":
            found.append(Link(field.name, field.ref, "ABOUT" if entity.person in (None, field.name) else "NAMES"))
        elif field.ref == "user":
            found.append(Link(field.name, field.ref, "ABOUT" if field.name in OWN_DEEDS else "NAMES"))
    return found


def hidden_fields(entity: Entity) -> list[Field]:
    """The fields of a record type that tell about people."""
    return [field for field in entity.fields.values() if field.privacy in HIDDEN]


def erased_fields(entity: Entity) -> list[Field]:
    """The fields that erasure empties."""
    keys = [entity.fields["external_keys"]] if entity.name in SELF else []
    return [f for f in hidden_fields(entity) if (entity.name, f.name) not in LINK_ONLY] + keys


async def subject_of(ctx: Context, contact_id: str) -> Subject:
    """The person behind a contact; NotFound. A business's account is not the person's."""
    contact = await ctx.db.fetchrow("select * from contact where id = $1", id_or_nobody(contact_id))
    if contact is None:
        raise NotFound("There is no contact with this id")
    account = await ctx.db.fetchrow(
        "select * from account where id = $1 and kind = 'PERSON' and not exists "
        "(select from contact c where c.account_id = account.id and c.id <> $2)",
        contact["account_id"],
        contact["id"],
    )
    users = await ctx.db.fetch('select * from "user" where contact_id = $1 order by id', contact["id"])
    mails = {row["email"] for row in (contact, account, *users) if row is not None and row["email"]}
    name = " ".join(part for part in (contact["first_name"], contact["last_name"]) if part)
    phones = {row["phone"] for row in (contact, account) if row is not None and row["phone"]}
    return Subject(
        contacts=(contact["id"],),
        accounts=(account["id"],) if account is not None else (),
        users=tuple(user["id"] for user in users),
        customers=tuple(user["id"] for user in users if user["persona"] == "CUSTOMER"),
        mails=tuple(sorted(mails)),
        texts=tuple(sorted({*mails, *phones})),
        name=name,
    )


class Found(msgspec.Struct):
    """Rows of one record type that concern the subject."""

    about: set[str]
    names: set[str]
    once: set[str]
    """About the subject at some time: gone, or somebody else's now; their history is the subject's too."""


async def rows_of(ctx: Context, subject: Subject) -> dict[str, Found]:
    """The ids of all rows that concern the subject, by record type."""
    found = {name: Found(set(), set(), set()) for name in CATALOGUE}
    for name, entity in CATALOGUE.items():
        for link in links(entity):
            ids = subject.customers if link.ref == "user" and entity.name not in SELF else subject.ids(link.ref)
            weak = [id for id in subject.ids(link.ref) if id not in ids]
            target = found[name].about if link.strength == "ABOUT" else found[name].names
            target |= await _ids(ctx.db, entity, link.field, ids)
            found[name].names |= await _ids(ctx.db, entity, link.field, weak)
        if name in BY_VALUE:
            found[name].about |= await _ids(ctx.db, entity, BY_VALUE[name], subject.texts)
    await _attached(ctx, found)
    await _once(ctx, subject, found)
    for rows in found.values():
        rows.names -= rows.about
    return found


async def _ids(db: Connection, entity: Entity, field: str, values: Iterable[str]) -> set[str]:
    wanted = list(values)
    if not wanted:
        return set()
    kind = entity.fields[field].columns[0].sql_type
    rows = await db.fetch(f"select id from {quoted(entity.table)} where {quoted(field)} = any($1::{kind}[])", wanted)
    return {row["id"] for row in rows}


async def _attached(ctx: Context, found: dict[str, Found]) -> None:
    """Notes and files on the person's records, and what their customers wrote elsewhere."""
    for name in ("note", "attachment"):
        for entity, rows in list(found.items()):
            if rows.about and entity not in ("note", "attachment"):
                attached = await ctx.db.fetch(
                    f"select id from {name} where record_type = $1 and record_id = any($2::text[])",
                    entity,
                    sorted(rows.about),
                )
                found[name].about |= {row["id"] for row in attached}


async def _once(ctx: Context, subject: Subject, found: dict[str, Found]) -> None:
    columns = {
        entity.table: [link.field for link in links(entity) if link.strength == "ABOUT" and link.field != "id"]
        for entity in CATALOGUE.values()
    }
    by_table = {entity.table: name for name, entity in CATALOGUE.items()}
    ids = [*subject.contacts, *subject.accounts, *subject.customers]
    told = {table: fields for table, fields in columns.items() if fields}
    for row in await ctx.db.fetch("select entity, record_id from app.once_about($1, $2)", ids, told):
        rows = found[by_table[row["entity"]]]
        if row["record_id"] not in rows.about:
            rows.once.add(row["record_id"])


class PersonData(msgspec.Struct):
    """Everything that is kept about a person, in the words of the API."""

    contact_id: str
    records: dict[str, list[dict[str, Any]]]
    mentions: dict[str, list[dict[str, Any]]]
    history: list[dict[str, Any]]
    answers: list[dict[str, Any]]
    files: list[dict[str, str]]


async def gathered(ctx: Context, subject: Subject) -> PersonData:
    """The person's data; secrets (passwords, tokens) are no part of it."""
    found = await rows_of(ctx, subject)
    data = PersonData(subject.contacts[0], {}, {}, [], [], [])
    for name, rows in found.items():
        entity = CATALOGUE[name]
        if rows.about:
            data.records[name] = await _documents(ctx.db, entity, sorted(rows.about), _exported(entity))
        if rows.names:
            bare = [f for f in _exported(entity) if f.privacy is Privacy.NONE]
            data.mentions[name] = await _documents(ctx.db, entity, sorted(rows.names), bare)
        told = sorted(rows.about | rows.once)
        if told:
            secret = {c.name for f in entity.fields.values() if f.privacy is Privacy.SECRET for c in f.columns}
            for change in await ctx.db.fetch("select * from app.history_of_all($1, $2)", entity.table, told):
                kept = {key: pair for key, pair in change["changes"].items() if key not in secret}
                data.history.append(
                    {
                        "record_type": name,
                        "record_id": change["record_id"],
                        "at": change["at"],
                        "op": change["op"],
                        "command": change["command"],
                        "changes": kept,
                    }
                )
    data.files = [
        {"id": row["id"], "name": row["name"], "sha256": row["sha256"]} for row in data.records.get("attachment", [])
    ]
    answers = await ctx.db.fetch("select * from app.answers_about($1, $2)", list(subject.customers), [])
    data.answers = [
        {"route": row["route"], "at": row["created_at"], "body": row["body"].decode("utf-8", "replace")}
        for row in answers
    ]
    return data


def _exported(entity: Entity) -> list[Field]:
    return [field for field in entity.fields.values() if field.privacy is not Privacy.SECRET]


async def _documents(db: Connection, entity: Entity, ids: list[str], fields: list[Field]) -> list[dict[str, Any]]:
    names = ", ".join(quoted(column.name) for field in fields for column in field.columns)
    rows = await db.fetch(f"select {names} from {quoted(entity.table)} where id = any($1::uuid[]) order by id", ids)
    return [dict(row) for row in rows]


async def held(ctx: Context, subject: Subject) -> None:
    """LegalHoldActive where the person's data must be kept for a matter that is open."""
    holds = await ctx.db.fetchval(
        "select count(*) from legal_hold where contact_id = any($1::uuid[]) and status = 'PLACED'",
        list(subject.contacts),
    )
    if holds:
        raise LegalHoldActive


class Erasure(msgspec.Struct):
    """What an erasure did: rows emptied by record type, and the files that are to go with it."""

    rows: dict[str, int]
    files: list[str]
    messages: list[str]
    jobs: list[str]


async def erase(ctx: Context, subject: Subject) -> Erasure:
    """Empty or pseudonymise everything about the person, in history, stored answers and sign-ins too.

    LegalHoldActive. Takes the locks of all rows concerned; the caller's transaction carries the command `erase_person`.
    """
    await held(ctx, subject)
    found = await rows_of(ctx, subject)
    files = await _unshared(ctx.db, found["attachment"].about)
    done: dict[str, int] = {}
    for name, rows in found.items():
        entity = CATALOGUE[name]
        if name == "attachment":
            await ctx.db.execute("delete from attachment where id = any($1::uuid[])", sorted(rows.about))
        elif rows.about:
            await _emptied(ctx, entity, sorted(rows.about), subject)
        if rows.about:
            done[name] = len(rows.about)
        columns = [column.name for field in erased_fields(entity) for column in field.columns]
        if entity.name == "attachment":
            columns = ["name"]
        told = sorted(rows.about | rows.once)
        if told and columns:
            await ctx.db.execute("select app.erase_history($1, $2, $3)", entity.table, told, columns)
    messages = sorted(found["message"].about)
    await ctx.db.execute("delete from message_secret where message_id = any($1::uuid[])", messages)
    concerned = [id for rows in found.values() for id in rows.about]
    await ctx.db.execute("select app.erase_answers($1, $2)", list(subject.users), [*subject.texts, *concerned])
    await ctx.db.execute("select app.erase_sign_ins($1, $2)", list(subject.users), list(subject.mails))
    return Erasure(done, files, messages, sorted(found["job"].about))


async def _unshared(db: Connection, ids: set[str]) -> list[str]:
    """The contents of these files that no other file has."""
    rows = await db.fetch(
        "select distinct a.sha256 from attachment a where a.id = any($1::uuid[]) and not exists "
        "(select from attachment o where o.sha256 = a.sha256 and o.id <> all($1::uuid[]))",
        sorted(ids),
    )
    return [row["sha256"] for row in rows]


async def _emptied(ctx: Context, entity: Entity, ids: list[str], subject: Subject) -> None:
    unique = {word for spec in entity.unique for word in spec.replace("(", " ").replace(")", " ").split()}
    sets = [
        f"{quoted(column.name)} = {_empty(column, field, column.name in unique)}"
        for field in erased_fields(entity)
        for column in field.columns
    ]
    if entity.name == "user":
        sets.append("status = 'DEACTIVATED'")
    if entity.name == "message":
        sets.append("status = case status when 'QUEUED' then 'PARKED' else status end")
    for (name, _), reference in LINK_ONLY.items():
        if name == entity.name:
            sets.append(f"{quoted(reference)} = null")
    if not sets:
        return
    try:
        await ctx.db.execute(
            f"update {quoted(entity.table)} set {', '.join(dict.fromkeys(sets))} where id = any($1::uuid[])", ids
        )
    except asyncpg.UniqueViolationError as fault:  # a rule that the catalogue does not name
        raise RuntimeError(f"{entity.name} cannot be emptied: {fault.constraint_name}") from fault


def _empty(column: Column, field: Field, unique: bool) -> str:
    """What stands in an emptied column, as SQL."""
    if column.nullable and not unique:
        return "null"
    kind = column.sql_type
    if kind == "text" and field.name == "email":
        return "'erased-' || id || '@erased.invalid'"
    if kind == "text":
        if field.choices:
            return f"'{field.choices[0]}'"
        return f"'{ERASED}-' || id" if unique else f"'{ERASED}'"
    if kind == "jsonb":
        return column.default or "'{}'"
    if kind == "text[]":
        return "'{}'"
    if kind in ("date", "timestamptz"):
        return "'1900-01-01'"
    return {"boolean": "false"}.get(kind, "0")
