"""A person's data: every planted text is exported, nobody else's is, and after erasure none is left anywhere."""

from __future__ import annotations

import json
import zipfile
from typing import Any

import asyncpg
import pytest
from msgspec import NODEFAULT

from domain.kit import catalogue, privacy
from domain.kit.errors import LegalHoldActive, NotFound
from domain.kit.fields import Column
from domain.kit.files import Files
from domain.kit.ids import new_id
from domain.kit.jobs import enqueue
from domain.kit.legal_hold import LegalHold
from domain.kit.periodic import PERIODIC
from domain.kit.policy import WORKER, Principal
from domain.kit.record import CATALOGUE, Entity
from domain.kit.schema import quoted
from domain.kit.values import Privacy
from service.jobs import privacy as jobs
from tests.service.jobs.conftest import Place

catalogue.load()
OTHER_TABLES = {
    "history": "erased by column",
    "idempotency": "deleted by caller and content",
    "message_secret": "deleted with its message",
    "session": "deleted with the user",
    "session_token": "hashes",
    "single_use_token": "deleted by user and address",
    "credential": "deleted with the user",
    "client_secret": "hashes",
    "vehicle_claim_code": "hashes",
    "known_place": "deleted with the user",
    "attempt": "hashes, two days",
    "external_key": "kept equal to the records",
    "job_lease": "no texts",
    "webhook_position": "no persons",
    "saved_search_match": "ids; the search is emptied",
    "saved_search_position": "no persons",
    "schema_migrations": "no persons",
    "pgqueuer": "ids",
    "pgqueuer_log": "no persons: causes by the name of their type",
    "pgqueuer_schedules": "no persons",
    "pgqueuer_statistics": "no persons",
    "deployment": "no persons",
    "postcode": "places",
    "vehicle_import_run": "stock",
    "vehicle_import_row": "stock",
    "schedule_resource": "ids",
    "center_calendar": "ids",
    "live_reservation": "ids and times",
    "live_capacity": "ids and times",
    "capacity_use": "counts",
    "appointment_reminder": "ids and times",
    "calendar_feed": "deleted with the user",
}
OF_DEALERS = {entity.name for entity in CATALOGUE.values() if entity.area.startswith("scheduling.records")}
"""The database sets their account to the dealer of a place, which is no person."""


class Planter:
    """Plants rows with a text of its own in every personal field of every record type."""

    def __init__(self, connection: asyncpg.Connection, mark: str):
        self.db = connection
        self.mark = mark
        self.contact, self.account, self.user = new_id(), new_id(), new_id()
        self.planted: set[str] = set()
        self.kept: set[str] = set()

    def text(self, entity: Entity, column: Column) -> Any:
        canary = f"canary-{self.mark}-{entity.name}-{column.name}-{new_id()[-6:]}"
        known = (entity.name, column.name) in privacy.LINK_ONLY
        (self.kept if known else self.planted).add(canary)
        return {"text": canary, "jsonb": {"said": canary}, "text[]": [canary]}[column.sql_type]

    def value(self, entity: Entity, name: str, column: Column, given: dict[str, Any]) -> Any:
        field = entity.fields[name]
        if column.name in given:
            return given[column.name]
        if field.privacy in privacy.HIDDEN and column.sql_type in ("text", "jsonb", "text[]"):
            return self.text(entity, column)
        if column.nullable:
            return None
        if field.choices:
            return [field.choices[0]] if column.sql_type == "text[]" else field.choices[0]
        return {
            "uuid": new_id(),
            "text": new_id(),
            "jsonb": {} if column.default == "'{}'" else [],
            "text[]": [],
            "bigint": 1,
            "boolean": False,
            "double precision": 1.0,
        }.get(column.sql_type)

    async def row(self, entity: Entity, **given: Any) -> str:
        """One row, with canaries where nothing is given."""
        given = {"id": new_id(), **given}
        names, values = [], []
        for name, field in entity.fields.items():
            for column in field.columns:
                value = self.value(entity, name, column, given)
                if column.sql_type in ("timestamptz", "date") and not column.nullable:
                    continue
                defaulted = column.default is not None or field.default is not NODEFAULT or field.series is not None
                wanted = column.name in given or field.privacy in privacy.HIDDEN or not defaulted
                if value is not None and wanted:
                    names.append(quoted(column.name))
                    values.append(value)
        dated = [
            quoted(column.name)
            for field in entity.fields.values()
            for column in field.columns
            if column.sql_type in ("timestamptz", "date") and not column.nullable
        ]
        marks = [f"${n + 1}" for n in range(len(values))] + ["now()"] * len(dated)
        await self.db.execute(
            f"insert into {quoted(entity.table)} ({', '.join([*names, *dated])}) values ({', '.join(marks)})", *values
        )
        return str(given["id"])

    async def plant(self, files: Files) -> None:
        await self.row(CATALOGUE["account"], id=self.account, kind="PERSON", external_keys=self._key())
        await self.row(CATALOGUE["contact"], id=self.contact, account_id=self.account, external_keys=self._key())
        await self.row(
            CATALOGUE["user"],
            id=self.user,
            persona="CUSTOMER",
            licence="CUSTOMER_COMMUNITY_PLUS",
            account_id=self.account,
            contact_id=self.contact,
            status="ACTIVE",
        )
        mail = await self.db.fetchval("select email from contact where id = $1", self.contact)
        ids = {"contact": self.contact, "account": self.account, "user": self.user}
        rows: list[tuple[Entity, str]] = [(CATALOGUE[name], id) for name, id in ids.items()]
        for entity in list(CATALOGUE.values()):
            if entity.name in (*privacy.SELF, *OF_DEALERS, "note", "attachment", "legal_hold"):
                continue
            for link in privacy.links(entity):
                if link.strength == "ABOUT":
                    gone = await self.row(entity, **{link.field: ids[link.ref]})
                    await self.db.execute(f"delete from {quoted(entity.table)} where id = $1", gone)
                    quiet = [f"-{entity.name}-{field.name}-" for field in entity.fields.values() if field.quiet]
                    self.planted -= {canary for canary in self.planted if any(part in canary for part in quiet)}
                    rows.append((entity, await self.row(entity, **{link.field: ids[link.ref]})))
            if entity.name in privacy.BY_VALUE:
                rows.append((entity, await self.row(entity, **{privacy.BY_VALUE[entity.name]: mail})))
        for entity, id in rows:
            await self.row(CATALOGUE["note"], record_type=entity.name, record_id=id)
            text = [c for f in privacy.hidden_fields(entity) for c in f.columns if c.sql_type == "text"]
            for column in text:
                changed = f"canary-{self.mark}-changed-{new_id()[-6:]}"
                if (entity.name, column.name) not in privacy.LINK_ONLY and column.name not in (
                    "to",
                    "reserved_for",
                    "email",
                ):
                    await self.db.execute(
                        f"update {quoted(entity.table)} set {quoted(column.name)} = $1 where id = $2", changed, id
                    )
                    self.planted.add(changed)
        content = f"canary-{self.mark}-file".encode()

        async def pieces() -> Any:
            yield content

        draft = await files.drafted(pieces(), 1_000)
        files.keep(draft)
        await self.row(
            CATALOGUE["attachment"],
            record_type="contact",
            record_id=self.contact,
            series=new_id(),
            sha256=draft.sha256,
            size_bytes=draft.size_bytes,
            media_type="text/plain",
        )
        answer = f"canary-{self.mark}-answer"
        self.planted.add(answer)
        await self.db.execute(
            "insert into idempotency (caller, route, key, body_hash, status, headers, body) "
            "values ($1, 'POST /x', 'k', '', 200, '{}', $2)",
            self.user,
            answer.encode(),
        )
        await self.db.execute(
            "insert into session (id, kind, user_id, address, agent, began_at, last_used_at, expires_at) "
            "values ($1, 'TOKEN', $2, $3, $3, now(), now(), now() + interval '1 day')",
            new_id(),
            self.user,
            f"canary-{self.mark}-agent",
        )

    def _key(self) -> list[dict[str, str]]:
        canary = f"canary-{self.mark}-key-{new_id()[-6:]}"
        self.planted.add(canary)
        return [{"system": "crm", "key": canary}]


async def _unbound(owner: str) -> asyncpg.Connection:
    """A connection of the owner to a database whose records may refer to nothing and break rules of their types."""
    connection = await asyncpg.connect(owner)
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
    rules = await connection.fetch(
        "select conrelid::regclass::text as of_table, conname from pg_constraint where contype in ('c', 'f', 'x') "
        "and connamespace = 'public'::regnamespace and conrelid = any($1::regclass[])",
        [quoted(entity.table) for entity in CATALOGUE.values()],
    )
    for rule in rules:
        await connection.execute(f"alter table {rule['of_table']} drop constraint {rule['conname']}")
    return connection


async def everywhere(connection: asyncpg.Connection, text: str) -> list[str]:
    """The columns of the whole database in which the text is found."""
    columns = await connection.fetch(
        "select c.relname, n.nspname, a.attname, t.typname from pg_attribute a join pg_class c on c.oid = a.attrelid "
        "join pg_namespace n on n.oid = c.relnamespace join pg_type t on t.oid = a.atttypid "
        "where n.nspname in ('public', 'app') and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped "
        "and t.typname in ('text', 'jsonb', '_text', 'bytea', 'varchar', 'json')"
    )
    asked = []
    for table, schema, column, kind in columns:
        value = f"encode({quoted(column)}, 'escape')" if kind == "bytea" else f"{quoted(column)}::text"
        asked.append(
            f"select '{table}.{column}' where exists "
            f'(select from "{schema}"."{table}" where position($1 in {value}) > 0)'
        )
    return [row[0] for row in await connection.fetch(" union all ".join(asked), text)]


async def test_everything_planted_is_exported_then_erased_and_nothing_of_anybody_else(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(PERIODIC, "push_lost")  # the planted messages and jobs are in no queue; nobody shall run them
    connection = await _unbound(place.owner)
    files = jobs.files_of(place.services.settings)
    subject, other = Planter(connection, "subject"), Planter(connection, "other")
    await subject.plant(files)
    await other.plant(files)
    customer = Principal(
        "CUSTOMER",
        user_id=subject.user,
        account_id=subject.account,
        contact_id=subject.contact,
        units=(subject.account,),
    )
    async with place.services.context(customer) as ctx:
        export = await enqueue(ctx, "export_person", {"contact_id": subject.contact}, contact_id=subject.contact)
    async with place.worker():
        done = await place.ended(export.id, seconds=300)
    assert done.status == "SUCCEEDED", done.error
    path = jobs.export_path(place.services.settings, export.id)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        told = "".join(archive.read(name).decode() for name in names)
    assert [canary for canary in (*subject.planted, *subject.kept) if canary not in told] == []
    assert "canary-subject-file" in told
    assert "canary-other" not in told

    before = {canary: await everywhere(connection, canary) for canary in other.planted | other.kept}
    async with place.services.context(customer) as ctx:
        erasure = await enqueue(ctx, "erase_person", {"contact_id": subject.contact}, contact_id=subject.contact)
    async with place.worker():
        done = await place.ended(erasure.id, seconds=300)
    assert done.status == "SUCCEEDED", done.error
    left = {canary: places for canary in subject.planted if (places := await everywhere(connection, canary))}
    assert left == {}
    assert await everywhere(connection, "canary-subject-agent") == []
    assert {canary: await everywhere(connection, canary) for canary in other.planted | other.kept} == before
    for file in place.services.settings.data_dir.rglob("*"):
        assert not file.is_file() or b"canary-subject" not in file.read_bytes()
    assert not path.exists()
    ops = {row[0] for row in await connection.fetch("select op from history where record_id = $1", subject.contact)}
    assert "ERASE" in ops
    assert [entry.contact_id for entry in jobs.entries(place.services.settings)] == [subject.contact]

    await connection.execute("update contact set last_name = 'canary-restored' where id = $1", subject.contact)
    assert await jobs.erase_again(place.services) == 1
    assert await jobs.erase_again(place.services) == 0
    assert await everywhere(connection, "canary-restored") == []
    await connection.close()


async def test_a_person_under_legal_hold_is_not_erased(place: Place) -> None:
    contact = str(place.customer.contact_id)
    async with place.services.context(WORKER) as ctx:
        hold = await ctx.create(LegalHold, contact_id=contact, reason="a law suit")
        made = await enqueue(ctx, "erase_person", {"contact_id": contact}, contact_id=contact)
    async with place.worker():
        done = await place.ended(made.id)
    assert done.status == "FAILED"
    assert done.error is not None
    assert done.error["slug"] == LegalHoldActive.slug
    assert jobs.entries(place.services.settings) == []
    async with place.services.context(WORKER) as ctx:
        hold = await ctx.get(LegalHold, hold.id)
        await ctx.command(hold, LegalHold.entity.commands["release"], None)
        await privacy.held(ctx, await privacy.subject_of(ctx, contact))


async def test_nobody_is_nobodys_subject(place: Place) -> None:
    async with place.services.context(WORKER) as ctx:
        with pytest.raises(NotFound):
            await privacy.subject_of(ctx, new_id())


def test_every_personal_field_belongs_to_a_record_type_that_refers_to_people_or_says_why_not() -> None:
    lost = [
        name
        for name, entity in catalogue.load().items()
        if privacy.hidden_fields(entity)
        and not any(link.strength == "ABOUT" for link in privacy.links(entity))
        and name not in privacy.OF_THINGS
        and name not in privacy.BY_VALUE
    ]
    assert lost == []
    assert all(CATALOGUE[name].fields[field].privacy in privacy.HIDDEN for name, field in privacy.BY_VALUE.items())


def test_no_text_field_of_a_record_type_lacks_a_decision_on_privacy() -> None:
    """Names of fields that usually tell about people must carry a class."""
    telling = ("first_name", "last_name", "email", "phone", "address", "birth", "notes", "comment", "iban")
    excused = {("location", "address"), ("session", "address")}
    plain = [
        (name, field.name)
        for name, entity in catalogue.load().items()
        for field in entity.fields.values()
        if any(word in field.name for word in telling)
        and field.privacy is Privacy.NONE
        and (name, field.name) not in excused
    ]
    assert plain == []


async def test_every_table_is_one_of_records_or_known_to_erasure(place: Place) -> None:
    connection = await asyncpg.connect(place.owner)
    tables = await connection.fetch(
        "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where n.nspname in ('public', 'app') and c.relkind in ('r', 'p') and not c.relispartition"
    )
    await connection.close()
    known = {entity.table for entity in catalogue.load().values()} | OTHER_TABLES.keys()
    assert {row[0] for row in tables} - known == set()
