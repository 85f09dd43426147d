"""What comes back by the clock, and a worker whose database goes away for a moment."""

from __future__ import annotations

import os
import time

import asyncpg

from domain.kit.jobs import enqueue
from domain.kit.periodic import PERIODIC
from domain.kit.policy import WORKER
from service.api.table import table
from service.jobs.privacy import export_path, files_of, sweep_files
from tests.service.jobs.conftest import Place

table()


async def test_every_periodic_work_runs_on_a_migrated_database_and_may_run_again(place: Place) -> None:
    assert {"make_partitions", "sweep", "push_lost"} <= PERIODIC.keys()
    for work in PERIODIC.values():
        for _ in range(2):
            async with place.services.context(WORKER) as ctx:
                await work.run(ctx)


async def test_partitions_of_the_coming_months_are_there(place: Place) -> None:
    drop = (
        "do $$ declare t regclass; begin for t in select inhrelid from pg_inherits join pg_class c "
        "on c.oid = inhrelid where inhparent = 'history'::regclass and relname <> 'history_rest' "
        "loop execute format('drop table %s', t); end loop; end $$"
    )
    await place.ask(drop)
    async with place.services.context(WORKER) as ctx:
        await PERIODIC["make_partitions"].run(ctx)
    assert await place.ask("select count(*) from pg_inherits where inhparent = 'history'::regclass") == 5


async def test_stored_answers_go_after_a_day_and_not_before(place: Place) -> None:
    for key, age in (("old", "25 hours"), ("young", "23 hours")):
        await place.ask(
            "insert into idempotency (caller, route, key, body_hash, status, headers, body, created_at) "
            "values ('c', 'r', $1, '', 200, '{}', '', now() - $2::text::interval)",
            key,
            age,
        )
    async with place.services.context(WORKER) as ctx:
        await PERIODIC["sweep"].run(ctx)
    assert await place.ask("select string_agg(key, ' ') from idempotency") == "young"


async def test_contents_without_a_file_and_old_exports_go(place: Place) -> None:
    settings = place.services.settings
    files = files_of(settings)
    lost = files.path_of("a" * 64)
    export = export_path(settings, "some-job")
    for path in (lost, export, files.root / ".draft-x"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        os.utime(path, (0, 0))
    fresh = files.path_of("b" * 64)
    fresh.parent.mkdir(parents=True, exist_ok=True)
    fresh.write_bytes(b"x")
    async with place.services.context(WORKER) as ctx:
        await sweep_files(settings, ctx, time.time())
    assert [path.exists() for path in (lost, export, files.root / ".draft-x", fresh)] == [False, False, False, True]


async def test_a_worker_goes_on_after_its_connections_were_cut(place: Place) -> None:
    async with place.worker():
        async with place.services.context(place.customer) as ctx:
            first = (await enqueue(ctx, "test_mark", {"name": "before"})).id
        await place.ended(first)
        connection = await asyncpg.connect(place.services.database.dsn)
        cut = await connection.fetchval(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity "
            "where application_name = 'forecourt worker queue' and datname = current_database()"
        )
        await connection.close()
        assert cut > 0
        async with place.services.context(place.customer) as ctx:
            second = (await enqueue(ctx, "test_mark", {"name": "after"})).id
        assert (await place.ended(second)).status == "SUCCEEDED"


async def test_an_import_whose_process_died_is_called_failed_and_a_living_one_is_not(place: Place) -> None:
    for age in ("3 hours", "1 hour"):
        await place.ask(
            "insert into vehicle_import (id, created_at, updated_at, mapping) "
            "values (gen_random_uuid(), now(), now() - $1::text::interval, 'default')",
            age,
        )
    async with place.services.context(WORKER) as ctx:
        await PERIODIC["end_imports"].run(ctx)
    assert await place.ask("select string_agg(status, ' ' order by created_at) from vehicle_import") == "FAILED RUNNING"
