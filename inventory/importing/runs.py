"""One run of the vehicle import: staged as the file comes, then applied in steps that a crash cannot undo."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal

import asyncpg
import msgspec

from domain.kit.errors import Conflict, Forbidden, Malformed, NotFound, Problem
from domain.kit.policy import Principal
from domain.kit.store import Context
from inventory.importing import staging
from inventory.importing.findings import Finding, rejection
from inventory.importing.mapping import Mapping
from inventory.importing.normalize import Normalizer
from inventory.importing.reader import FileReader, Format, read_stream
from inventory.importing.result import ImportCounts, RejectWriter
from inventory.importing.rows import ReadRow
from inventory.importing.stored import stored_aliases, stored_mapping
from inventory.importing.vehicle import Accepted, Rejected
from inventory.records import StockEntry, VehicleImport
from inventory.statements import SQL

ROWS_A_TRANSACTION = 2_000
CHARACTERS_A_TRANSACTION = 8_000_000
ROWS_A_STEP = 40
"""Rows normalised between two looks at the other requests of this process: about four milliseconds."""
MOST_CLOSED_UNCONFIRMED = 0.2
Transact = Callable[[], AbstractAsyncContextManager[Context]]
"""Opens a transaction of the importing caller; a run is many of them."""


class SnapshotUnconfirmed(Conflict):
    """Carries `closing` and `standing`."""

    slug, title = "snapshot-unconfirmed", "The file lacks more than a fifth of the stock it is to replace"


class ImportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a run. `account_id` holds the cars of rows that name no other; SNAPSHOT closes what the file
    lacks in the account or location `scope`."""

    file_format: Format
    mapping: str = "default"
    account_id: str | None = None
    mode: Literal["UPSERT", "SNAPSHOT"] = "UPSERT"
    scope: str | None = None
    confirm: bool = False


class ImportResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a run answers; `reserved` are missing cars that stay: reserved or under way."""

    import_id: str
    received: int
    created: int
    updated: int
    unchanged: int
    superseded: int
    rejected: int
    closed: int
    warnings: int
    reserved: int = 0


async def import_vehicles(transact: Transact, options: ImportOptions, chunks: AsyncIterable[bytes]) -> ImportResult:
    """Takes a file in. A refusal of the whole file (its bytes, header or mapping) leaves no car touched."""
    async with transact() as ctx:
        mapping, aliases = await stored_mapping(ctx, options.mapping), await stored_aliases(ctx)
        run = await _begin(ctx, options, mapping)
        today = ctx.now.date()
    reader = FileReader(options.file_format, mapping.encoding, mapping.or_encoding, mapping.delimiter)
    try:
        async for batch in _batches(read_stream(chunks, reader), reader, Normalizer(mapping, aliases, today)):
            async with transact() as ctx:
                rows = [staging.waiting(one, ctx.ids) for one in batch]
                await ctx.db.execute(SQL["import_stage"], run.id, run.account_id, rows)
        async with transact() as ctx:
            await _staged(ctx, run.id, reader)
        return await resume(transact, run.id)
    except Problem:
        async with transact() as ctx:
            await _fail(ctx, run.id)
        raise


async def resume(transact: Transact, import_id: str) -> ImportResult:
    """Applies what a staged run still has waiting, also after a crash; a finished one answers its result again."""
    async with transact() as ctx:
        run = await _run(ctx, import_id)
        done = await ctx.get(VehicleImport, import_id)
        accounts, brands = _accounts(ctx.principal), ctx.principal.brands
    if done.status == "SUCCEEDED":
        return _result(done)
    if not run["is_staged"]:
        raise Malformed("The file of this import never came whole: send it again")
    allowed = None if brands is None else sorted(brands)
    async for first, last in _ranges(transact, import_id):
        async with transact() as ctx:
            await ctx.db.execute(SQL["import_match"], import_id, first, last, accounts, allowed)
    async with transact() as ctx:
        await ctx.db.execute(SQL["import_supersede_by_vehicle"], import_id)
        reserved = await _check_snapshot(ctx, import_id, run)
    waiting = True
    while waiting:
        waiting = await _apply_next(transact, import_id, accounts, allowed)
    closed = await _close(transact, import_id, run)
    return await _finish(transact, import_id, closed, reserved)


async def rejects(transact: Transact, import_id: str) -> AsyncIterator[bytes]:
    """The file of a run's rejects, to be mended and sent again with the same mapping."""
    async with transact() as ctx:
        run = await _run(ctx, import_id)
    writer = RejectWriter(msgspec.convert(run["mapping"], Mapping), run["header"])
    yield writer.head()
    last = 0
    while True:
        async with transact() as ctx:
            rows = await ctx.db.fetch(SQL["import_rejects"], import_id, last, ROWS_A_TRANSACTION)
        if not rows:
            return
        last = rows[-1]["number"]
        yield b"".join(writer.line(_rejected(row)) for row in rows)


def _rejected(row: asyncpg.Record) -> Rejected:
    reasons = msgspec.convert(row["reasons"], tuple[Finding, ...])
    return Rejected(row["number"], row["text"], row["cells"], reasons)


async def _batches(
    rows: AsyncIterator[list[ReadRow]], reader: FileReader, normalize: Normalizer
) -> AsyncIterator[list[Accepted | Rejected]]:
    batch: list[Accepted | Rejected] = []
    checked = False
    size = 0
    async for found in rows:
        if not checked and reader.header is not None:
            normalize.plan.check_header(reader.header)
            checked = True
        for start in range(0, len(found), ROWS_A_STEP):
            step = [normalize(row) for row in found[start : start + ROWS_A_STEP]]
            size += staging.weight(step)
            batch += step
            if len(batch) > ROWS_A_TRANSACTION - ROWS_A_STEP or size > CHARACTERS_A_TRANSACTION:
                yield batch
                batch, size = [], 0
            await asyncio.sleep(0)
    if not checked and reader.header is not None:
        normalize.plan.check_header(reader.header)
    if batch:
        yield batch


def _accounts(principal: Principal) -> list[str] | None:
    """Where the caller may take cars in; None for anywhere."""
    keepers = StockEntry.entity.holders("c")
    return principal.accounts_with(keepers) if principal.persona == "PARTNER" else None


async def _begin(ctx: Context, options: ImportOptions, mapping: Mapping) -> VehicleImport:
    accounts = _accounts(ctx.principal)
    account = options.account_id or (ctx.principal.account_id if accounts is not None else None)
    if accounts is not None and account not in accounts:
        raise Forbidden("You may not import into this account")
    closes_account, closes_location = await _scope(ctx, options, accounts)
    run = await ctx.create(VehicleImport, account_id=account, mapping=mapping.code, mode=options.mode)
    await ctx.db.execute(
        "insert into vehicle_import_run (import_id, account_id, file_format, mapping, closes_account_id, "
        "closes_location_id, is_confirmed) values ($1, $2, $3, $4, $5, $6, $7)",
        run.id,
        account,
        options.file_format,
        msgspec.to_builtins(mapping),
        closes_account,
        closes_location,
        options.confirm,
    )
    return run


async def _scope(ctx: Context, options: ImportOptions, accounts: list[str] | None) -> tuple[str | None, str | None]:
    """The account or location whose open entries a snapshot may close."""
    if (options.mode == "SNAPSHOT") != (options.scope is not None):
        raise Malformed("mode=snapshot and scope belong together: scope names the account or location that is replaced")
    if options.scope is None:
        return None, None
    row = await ctx.db.fetchrow(
        "select id as account, null::uuid as location, id as holder from account where id::text = $1 or number = $1 "
        "union all select null, id, account_id from location where id::text = $1 or code = $1 limit 1",
        options.scope,
    )
    if row is None:
        raise Malformed.at("?scope", "names no account or location")
    if accounts is not None and row["holder"] not in accounts:
        raise Forbidden("You may not replace the stock of this account or location")
    return row["account"], row["location"]


async def _staged(ctx: Context, import_id: str, reader: FileReader) -> None:
    await ctx.db.execute(SQL["import_analyze"])
    await ctx.db.execute(SQL["import_count_equal_rows"], import_id)
    await ctx.db.execute(SQL["import_supersede_by_identity"], import_id)
    header = list(reader.header) if reader.header is not None else None
    await ctx.db.execute(
        "update vehicle_import_run set is_staged = true, header = $2 where import_id = $1", import_id, header
    )


async def _run(ctx: Context, import_id: str) -> asyncpg.Record:
    row = await ctx.db.fetchrow("select * from vehicle_import_run where import_id = $1", import_id)
    if row is None:
        raise NotFound("There is no import with this id")
    return row


async def _ranges(transact: Transact, import_id: str) -> AsyncIterator[tuple[int, int]]:
    first = 0
    while True:
        async with transact() as ctx:
            row = await ctx.db.fetchrow(SQL["import_range"], import_id, first, ROWS_A_TRANSACTION)
        if row[0] is None:
            return
        yield row[0], row[1]
        first = row[1] + 1


async def _apply_next(transact: Transact, import_id: str, accounts: list[str] | None, brands: list[str] | None) -> bool:
    """Applies one batch. False when none is left."""
    async with transact() as ctx:
        rows = await ctx.db.fetch(SQL["import_waiting"], import_id, ROWS_A_TRANSACTION)
        if rows:
            await _apply_all(ctx, import_id, [number for (number,) in rows], accounts, brands)
    return bool(rows)


async def _apply_all(
    ctx: Context, import_id: str, numbers: list[int], accounts: list[str] | None, brands: list[str] | None
) -> None:
    """Applies these rows; where one spoils them, each half for itself, until it stands alone and is rejected."""
    fault = await _apply(ctx, import_id, numbers[0], numbers[-1], accounts, brands)
    if fault is None:
        return
    if len(numbers) == 1:
        await ctx.db.execute(SQL["import_reject"], import_id, numbers[0], [fault])
        return
    half = len(numbers) // 2
    await _apply_all(ctx, import_id, numbers[:half], accounts, brands)
    await _apply_all(ctx, import_id, numbers[half:], accounts, brands)


async def _apply(
    ctx: Context, import_id: str, first: int, last: int, accounts: list[str] | None, brands: list[str] | None
) -> Finding | None:
    """Applies a range under a savepoint; the reason for its first bad row where there is one."""
    await ctx.db.execute("savepoint import_rows")
    try:
        # matched again: since the first time others may have taken a car in
        await ctx.db.execute(SQL["import_match"], import_id, first, last, accounts, brands)
        await ctx.db.execute(SQL["import_apply"], import_id, first, last)
    except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError, asyncpg.InsufficientPrivilegeError) as fault:
        await ctx.db.execute("rollback to savepoint import_rows")
        return _reason(fault)
    await ctx.db.execute("release savepoint import_rows")
    return None


def _reason(fault: asyncpg.PostgresError) -> Finding:
    """What may be told about the database's refusal of a row."""
    constraint = getattr(fault, "constraint_name", None) or ""
    if constraint == "stock_entry_location_id_stock_number_key":
        return rejection("stock-number-taken", "another car stands there under this stock number", None, "stock_number")
    if constraint == "external_key_pkey":
        return rejection("external-key-taken", "one of the external keys names another car", None, "external_keys")
    if constraint == "stock_entry_dates":
        return rejection("date-contradicted", "the car would have left before it came", None, "in_stock_since")
    if isinstance(fault, asyncpg.InsufficientPrivilegeError):
        return rejection("row-forbidden", "the row lies outside what you may write")
    return rejection("row-unstorable", "the row breaks a rule of the database")


async def _check_snapshot(ctx: Context, import_id: str, run: asyncpg.Record) -> int:
    """Missing cars that are reserved; SnapshotUnconfirmed before anything is stored."""
    if run["closes_account_id"] is None and run["closes_location_id"] is None:
        return 0
    row = await ctx.db.fetchrow(SQL["import_missing"], import_id, run["closes_account_id"], run["closes_location_id"])
    if row["closing"] > MOST_CLOSED_UNCONFIRMED * row["standing"] and not run["is_confirmed"]:
        raise SnapshotUnconfirmed(
            f"The file lacks {row['closing']} of {row['standing']} cars; send confirm=true to close them",
            closing=row["closing"],
            standing=row["standing"],
        )
    return int(row["reserved"])


async def _close(transact: Transact, import_id: str, run: asyncpg.Record) -> int:
    if run["closes_account_id"] is None and run["closes_location_id"] is None:
        return 0
    closed = 0
    while True:
        async with transact() as ctx:
            done = await ctx.db.execute(
                SQL["import_close"],
                import_id,
                run["closes_account_id"],
                run["closes_location_id"],
                ctx.now.date(),
                ROWS_A_TRANSACTION,
            )
        count = int(done.rpartition(" ")[2])
        closed += count
        if count < ROWS_A_TRANSACTION:
            return closed


async def _finish(transact: Transact, import_id: str, closed: int, reserved: int) -> ImportResult:
    async with transact() as ctx:
        tally: dict[str, Any] = {row["outcome"]: row for row in await ctx.db.fetch(SQL["import_tally"], import_id)}
        rows = {outcome.lower(): row["rows"] for outcome, row in tally.items()}
        warnings = sum(int(row["warnings"]) for outcome, row in tally.items() if outcome in _STORED)
        counts = ImportCounts(received=sum(rows.values()), closed=closed, warnings=warnings, **rows)
        run = await ctx.get(VehicleImport, import_id, lock=True)
        values = msgspec.structs.asdict(counts)
        await ctx.update(run, status="SUCCEEDED", **values)
        await ctx.db.execute(SQL["import_forget"], import_id)
    return ImportResult(import_id=import_id, reserved=reserved, **values)


_STORED = ("CREATED", "UPDATED", "UNCHANGED")


def _result(done: VehicleImport) -> ImportResult:
    counts = {name: getattr(done, name) for name in ImportCounts.__struct_fields__}
    return ImportResult(import_id=done.id, **counts)


async def _fail(ctx: Context, import_id: str) -> None:
    run = await ctx.find(VehicleImport, import_id, lock=True)
    if run is not None and run.status == "RUNNING":
        await ctx.update(run, status="FAILED")
        await ctx.db.execute("delete from vehicle_import_row where import_id = $1", import_id)
