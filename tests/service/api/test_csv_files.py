"""CSV over HTTP: the list's rows and fields go out, rows come in with a result each."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from domain.kit.ids import new_id
from service.jobs import csv_import, running
from service.jobs.worker import work
from service.ops.database import Addresses
from service.settings import Settings
from tests.service.auth.world import Person, World, world_on

CSV = {"content-type": "text/csv"}


@pytest.fixture
async def world(fresh_database: Addresses, settings: Settings, tmp_path: Path) -> AsyncIterator[World]:
    ours = msgspec.structs.replace(
        settings, database_url=fresh_database.service, database_owner_url=fresh_database.owner, data_dir=tmp_path
    )
    async with world_on(fresh_database, ours) as found:
        yield found


async def manager(world: World) -> tuple[Person, str]:
    person = await world.user("STAFF", "PRODUCT_MANAGER")
    return person, await world.token(person)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


async def test_an_import_makes_changes_and_refuses_row_by_row_and_a_dry_run_changes_nothing(world: World) -> None:
    _, token = await manager(world)
    text = "code,name,type,external_key.erp\nP1,=1+1,PART,E1\nP2,Second,NONSENSE,E2\nP3,Third,PART,E3\n"
    dry = await world.call("POST", "/products/import?dry_run=true", token, content=text, headers=CSV)
    assert dry.status_code == 200, dry.text
    assert dry.json()["counts"] == {"received": 3, "created": 2, "updated": 0, "unchanged": 0, "rejected": 1}
    assert await world.owner.fetchval("select count(*) from product") == 0

    done = (await world.call("POST", "/products/import", token, content=text, headers=CSV)).json()
    assert [row["result"] for row in done["results"]] == ["CREATED", "REJECTED", "CREATED"]
    assert done["results"][1]["error"]["errors"][0]["pointer"] == "/type"
    again = (await world.call("POST", "/products/import", token, content=text, headers=CSV)).json()
    assert [row["result"] for row in again["results"]] == ["UNCHANGED", "REJECTED", "UNCHANGED"]
    changed = text.replace("Third", "Changed")
    more = (await world.call("POST", "/products/import", token, content=changed, headers=CSV)).json()
    assert [row["result"] for row in more["results"]] == ["UNCHANGED", "REJECTED", "UPDATED"]


async def test_a_file_for_machines_comes_back_unchanged_and_one_for_people_runs_nothing(world: World) -> None:
    _, token = await manager(world)
    text = "code,name,type,external_key.erp\n" + "".join(f"Q{n},=cmd|{n},PART,F{n}\n" for n in range(700))
    await world.call("POST", "/products/import", token, content=text, headers=CSV)
    people = await world.call("GET", "/products/export?sort=code", token)
    assert people.headers["content-type"].startswith("text/csv")
    assert people.headers["x-content-type-options"] == "nosniff"
    assert len(found := rows(people.text)) == 700
    assert found[0]["name"] == "'=cmd|0"
    machines = await world.call("GET", "/products/export?format=lossless&code=Q5&code=Q6", token)
    assert [row["name"] for row in rows(machines.text)] in (["=cmd|5", "=cmd|6"], ["=cmd|6", "=cmd|5"])
    for style, exported in (("human", people), ("lossless", machines)):
        back = await world.call(
            "POST", f"/products/import?format={style}", token, content=exported.content, headers=CSV
        )
        counts = back.json()["counts"]
        assert counts["unchanged"] == counts["received"] > 0, back.text[:500]


async def test_an_export_has_the_rows_and_fields_of_the_list_alone(world: World) -> None:
    north, south = await world.account("DEALER"), await world.account("DEALER")
    ours, theirs = await world.contact(north), await world.contact(south)
    token = await world.token(await world.user("PARTNER", "SALES", north))
    answer = await world.call("GET", "/contacts/export", token)
    ids = {row["id"] for row in rows(answer.text)}
    assert ours in ids
    assert theirs not in ids
    assert "birth_on" not in answer.text.splitlines()[0]
    assert (await world.call("GET", "/contacts/export?birth_on=2000-01-01", token)).status_code == 400
    assert (await world.call("GET", "/contacts/export?limit=5", token)).status_code == 400
    assert (await world.call("GET", "/contacts/export?format=xml", token)).status_code == 400
    assert (await world.call("GET", "/contacts/export")).status_code == 401


async def test_a_repeated_key_gives_the_first_answer_and_another_file_under_it_is_refused(world: World) -> None:
    _, token = await manager(world)
    headers = {**CSV, "idempotency-key": new_id()}
    text = "code,name,type\nK1,One,PART\n"
    first = await world.call("POST", "/products/import", token, content=text, headers=headers)
    second = await world.call("POST", "/products/import", token, content=text, headers=headers)
    assert second.headers["idempotent-replayed"] == "true"
    assert second.json() == first.json()
    other = await world.call("POST", "/products/import", token, content=text + "K2,Two,PART\n", headers=headers)
    assert other.status_code == 422


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"code,name,type\nX,\xff\xfe,PART\n", 400),
        (b"no_such_column\n1\n", 400),
        (b"," * 600 + b"\n", 400),
        (b'code,name,type\n"open,x,PART\n', 200),
        (b"code,name,type\rC1,Cee,PART\rC2,Dee,PART\r", 200),
        (b"\xef\xbb\xbfcode,name,type\r\nB1,Bee,PART\r\n", 200),
        (b"code,name,type\nN\x001,Nul,PART\n", 200),
    ],
)
async def test_files_of_any_kind_are_answered(world: World, body: bytes, status: int) -> None:
    _, token = await manager(world)
    answer = await world.call("POST", "/products/import", token, content=body, headers=CSV)
    assert answer.status_code == status, answer.text


async def test_a_large_file_becomes_a_job_that_goes_on_where_it_was_interrupted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, token = await manager(world)
    text = "code,name,type\n" + "".join(f"L{n:05},Large {n},PART\n" for n in range(2_500)) + "bad row\n"
    answer = await world.call("POST", "/products/import", token, content=text, headers=CSV)
    assert answer.status_code == 202, answer.text
    job = answer.json()["id"]
    whole, batches = csv_import.taken, 0

    async def interrupted(*given: object) -> list[object]:
        nonlocal batches
        batches += 1
        if batches == 2:
            raise OSError("the worker is interrupted")
        return await whole(*given)  # type: ignore[arg-type, return-value]

    monkeypatch.setattr(csv_import, "taken", interrupted)
    monkeypatch.setattr(running, "FIRST_PAUSE", timedelta(milliseconds=10))
    stopping = asyncio.Event()
    worker = asyncio.create_task(work(world.services, stopping))
    async with asyncio.timeout(60):
        events = await world.call("GET", f"/jobs/{job}/events", token)  # answered when the job has ended
    assert events.headers["content-type"].startswith("text/event-stream")
    found = (await world.call("GET", f"/jobs/{job}", token)).json()
    stopping.set()
    await worker
    assert found["status"] == "SUCCEEDED", found
    assert found["result"]["counts"] == {
        "received": 2_501,
        "created": 2_500,
        "updated": 0,
        "unchanged": 0,
        "rejected": 1,
    }
    assert found["attempts"] == 2
    assert found["result"]["rejects"][0]["row"] == 2_501
    assert await world.owner.fetchval("select count(*) from product") == 2_500
