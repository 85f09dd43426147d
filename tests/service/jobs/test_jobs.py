"""Jobs: one effect whatever happens to workers, progress, cancel, deadlines and causes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.kit import access
from domain.kit.errors import NotFound
from domain.kit.jobs import Job, enqueue
from domain.kit.policy import WORKER, Principal
from domain.kit.queue import push
from service.jobs import running
from tests.conftest import ROOT
from tests.service.jobs.conftest import Place
from tests.service.jobs.kinds_of_tests import GATES


async def asked(place: Place, kind: str, name: str = "one", principal: Principal | None = None) -> str:
    """A job that the customer asks for."""
    async with place.services.context(principal or place.customer) as ctx:
        return (await enqueue(ctx, kind, {"name": name})).id


@contextmanager
def process(place: Place, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of its own."""
    code = "import asyncio, sys, tests.service.jobs.kinds_of_tests as t; asyncio.run(t.main(*sys.argv[1:]))"
    found = subprocess.Popen(
        [sys.executable, "-c", code, place.services.database.dsn, str(folder)],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield found
    finally:
        found.kill()
        found.wait()


async def marks(place: Place) -> list[str]:
    return list(await place.ask("select array_agg(code order by code) from brand") or [])


async def test_a_job_runs_as_whoever_asked_and_keeps_progress_and_result(place: Place) -> None:
    id = await asked(place, "test_echo")
    async with place.worker():
        job = await place.ended(id)
    assert (job.status, job.attempts, job.error) == ("SUCCEEDED", 1, None)
    assert job.result == {"name": "one", "as": place.customer.user_id, "persona": "CUSTOMER"}
    assert job.progress == {"done": 1, "of": 2}
    assert job.started_at is not None
    assert job.finished_at is not None


async def test_a_job_asked_for_in_a_transaction_that_fails_is_never_run(place: Place) -> None:
    async def fails() -> None:
        async with place.services.context(place.customer) as ctx:
            await enqueue(ctx, "test_echo", {"name": "never"})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    assert await place.ask("select count(*) from job") == 0
    assert await place.ask("select count(*) from pgqueuer") == 0


async def test_others_do_not_see_a_job(place: Place) -> None:
    id = await asked(place, "test_echo")
    stranger = Principal("CUSTOMER", user_id=place.services.ids(), account_id=place.services.ids())
    async with place.services.context(place.customer, readonly=True) as ctx:
        shown: Any = await access.read(ctx, Job.entity, id)
        assert shown.status == "QUEUED"
        assert not hasattr(shown, "payload")
    async with place.services.context(stranger, readonly=True) as ctx:
        with pytest.raises(NotFound):
            await access.read(ctx, Job.entity, id)


async def test_a_refusal_ends_the_job_at_once_and_tells_where(place: Place) -> None:
    id = await asked(place, "test_refuse")
    async with place.worker():
        job = await place.ended(id)
    assert job.status == "FAILED"
    assert job.attempts == 1
    assert job.error is not None
    assert job.error["slug"] == "invalid"
    assert job.error["errors"] == [{"pointer": "/name", "detail": "is not to its liking"}]


async def test_a_mistake_is_tried_again_and_then_given_up_with_its_cause(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "FIRST_PAUSE", timedelta(milliseconds=10))
    id = await asked(place, "test_raise")
    async with place.worker():
        job = await place.ended(id)
    assert (job.status, job.attempts) == ("FAILED", 3)
    assert job.error is not None
    assert job.error["cause"] == "ZeroDivisionError"
    assert "secret" not in str(job.error)


async def test_a_try_that_takes_too_long_is_ended(place: Place) -> None:
    id = await asked(place, "test_hang")
    async with place.worker():
        job = await place.ended(id)
    assert job.status == "FAILED"
    assert job.error is not None
    assert job.error["slug"] == "deadline"


async def test_a_waiting_job_is_cancelled_at_once_and_never_run(place: Place) -> None:
    id = await asked(place, "test_mark")
    async with place.services.context(place.customer) as ctx:
        shown = await access.command(ctx, Job.entity, id, "cancel", None)
        assert shown.status == "CANCELLED"
    later = await asked(place, "test_echo")
    async with place.worker():
        await place.ended(later)
        assert await place.ask("select count(*) from pgqueuer where status = 'queued'") == 0
    assert await marks(place) == []


async def test_a_running_job_is_cancelled_without_its_effect(place: Place) -> None:
    id = await asked(place, "test_wait", "cancelled")
    async with place.worker():
        await place.until(id, lambda job: bool(job.progress))
        async with place.services.context(place.customer) as ctx:
            await access.command(ctx, Job.entity, id, "cancel", None)
        job = await place.ended(id)
    assert job.status == "CANCELLED"
    assert await marks(place) == []


async def test_two_megabytes_of_result_are_kept_and_more_than_eight_refused(place: Place) -> None:
    kept, refused = await asked(place, "test_large", "x"), await asked(place, "test_large", "xxxxx")
    async with place.worker():
        small, large = await place.ended(kept), await place.ended(refused)
    assert small.result == {"text": "x" * 2_000_000}
    assert large.error is not None
    assert large.error["slug"] == "result-too-large"
    told = await place.ask("select string_agg(changes::text, '') from history where record_id = $1::text::uuid", kept)
    assert "xxx" not in told


async def test_a_worker_that_stops_gives_its_jobs_back_without_counting_the_try(place: Place) -> None:
    id = await asked(place, "test_wait", "given back")
    async with place.worker():
        await place.until(id, lambda job: bool(job.progress))
    job = await place.job(id)
    assert (job.status, job.attempts) == ("QUEUED", 0)
    GATES["given back"].set()
    async with place.worker():
        assert (await place.ended(id)).status == "SUCCEEDED"
    assert await marks(place) == ["given back"]


async def test_several_workers_do_each_job_once(place: Place) -> None:
    ids = [await asked(place, "test_mark", f"m{number:03}") for number in range(60)]
    async with place.worker(), place.worker():
        for id in ids:
            assert (await place.ended(id)).status == "SUCCEEDED"
    assert await marks(place) == [f"m{number:03}" for number in range(60)]


async def test_the_job_of_a_killed_worker_is_taken_up_by_another_and_has_one_effect(
    place: Place, tmp_path: Path
) -> None:
    id = await asked(place, "test_slow_mark", "killed")
    with process(place, tmp_path) as first:
        await place.until(id, lambda job: job.status == "RUNNING")
        first.send_signal(signal.SIGKILL)
        first.wait()
    async with place.worker():
        job = await place.ended(id)
    assert (job.status, job.attempts) == ("SUCCEEDED", 2)
    assert await marks(place) == ["killed"]


async def test_what_kills_its_workers_is_given_up_with_its_cause_and_takes_nobody_along(
    place: Place, tmp_path: Path
) -> None:
    poisonous = await asked(place, "test_poison")
    beside = [await asked(place, "test_mark", f"beside {number}") for number in range(3)]
    async with asyncio.timeout(180):  # five times a new process
        while (await place.job(poisonous)).status in ("QUEUED", "RUNNING"):
            with process(place, tmp_path) as worker:
                while worker.poll() is None and (await place.job(poisonous)).status in ("QUEUED", "RUNNING"):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
    async with place.worker():
        others = [await place.ended(id) for id in beside]
    job = await place.job(poisonous)
    assert (job.status, job.attempts) == ("FAILED", 5)
    assert job.error is not None
    assert job.error["detail"] == "The worker died in each of 5 tries"
    assert [other.status for other in others] == ["SUCCEEDED"] * 3
    assert max(other.attempts for other in others) <= 3  # beside it once, and in the worker that the test killed


async def test_a_job_whose_requester_may_not_act_any_more_is_not_run(place: Place) -> None:
    id = await asked(place, "test_mark")
    await place.ask("update \"user\" set status = 'SUSPENDED'")
    async with place.worker():
        job = await place.ended(id)
    assert job.error is not None
    assert job.error["slug"] == "forbidden"
    assert await marks(place) == []


async def test_a_job_pushed_twice_is_done_once(place: Place) -> None:
    async with place.services.context(place.customer) as ctx:
        id = (await enqueue(ctx, "test_mark", {"name": "twice"})).id
        await push(ctx, "job", id)
    after = await asked(place, "test_echo")
    async with place.worker():
        await place.ended(after)
        assert (await place.ended(id)).attempts == 1


async def test_work_lost_from_the_queue_is_put_back(place: Place) -> None:
    id = await asked(place, "test_mark", "found")
    await place.ask("delete from pgqueuer")
    await place.ask("alter table job disable trigger job_touch")
    await place.ask("update job set updated_at = now() - interval '2 minutes'")
    async with place.services.context(WORKER) as ctx:
        assert await ctx.db.fetchval("select app.push_lost()") == 1
        assert await ctx.db.fetchval("select app.push_lost()") == 0
    async with place.worker():
        assert (await place.ended(id)).status == "SUCCEEDED"


async def test_no_trigger_notifies(place: Place) -> None:
    sources = await place.ask(
        "select count(*) from pg_trigger t join pg_proc p on p.oid = t.tgfoid where not t.tgisinternal "
        "and p.prosrc ~* 'notify'"
    )
    assert sources == 0
    assert await place.ask("select count(*) from pg_trigger where tgrelid = 'pgqueuer'::regclass") == 0
