"""Files and notes on records: by content, for their readers, gone with nobody's leave but theirs."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.kit import contents
from domain.kit.errors import UnsupportedMediaType
from domain.kit.ids import new_id
from service.ops.database import Addresses
from service.settings import Settings
from tests.service.auth.world import World, world_on

PDF = b"%PDF-1.7\n1 0 obj\n"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


def office(*names: str, extra: bytes = b"<x/>") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(name, extra)
    return made.getvalue()


@pytest.fixture
async def world(fresh_database: Addresses, settings: Settings, tmp_path: Path) -> AsyncIterator[World]:
    ours = msgspec.structs.replace(
        settings, database_url=fresh_database.service, database_owner_url=fresh_database.owner, data_dir=tmp_path
    )
    async with world_on(fresh_database, ours) as found:
        yield found


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        (PDF, "a.exe", "application/pdf"),
        (PNG, "a.png", "image/png"),
        (b"\xff\xd8\xff\xe0jfif", "a.jpg", "image/jpeg"),
        (b"GIF89a....", "a", "image/gif"),
        (b"RIFF1234WEBPVP8 ", "a", "image/webp"),
        (b"a,b\n1,2\n", "a.csv", "text/csv"),
        ("Grüße\r\n\tund mehr".encode(), "a.csv.txt", "text/plain"),
        (office("[Content_Types].xml", "xl/workbook.xml"), "a.xlsx", contents._OFFICE["xl/workbook.xml"]),
        (office("[Content_Types].xml", "word/document.xml"), "a", contents._OFFICE["word/document.xml"]),
    ],
)
def test_a_file_is_what_its_content_is(tmp_path: Path, content: bytes, name: str, kind: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert contents.media_type(path, name) == kind


@pytest.mark.parametrize(
    "content",
    [
        b"<html><script>alert(1)</script>",
        b"  <svg onload=alert(1)>",
        b"\x7fELF\x02\x01",
        b"MZ\x90\x00",
        b"text with \x00 in it",
        b"\xff\xfet\x00",
        b"latin \xe4\xf6",
        b"cut \xc3",
        office("a.txt"),
        office("[Content_Types].xml", "xl/workbook.xml", "xl/vbaProject.bin"),
        office("[Content_Types].xml", "xl/workbook.xml", "word/document.xml"),
        office("[Content_Types].xml", "xl/workbook.xml", *(f"x{n}" for n in range(6_000))),
        b"PK\x03\x04" + bytes(200),
        b"PK\x03\x04" + b"PK\x05\x06" + bytes(18),
    ],
)
def test_what_might_run_or_is_unknown_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(UnsupportedMediaType):
        contents.media_type(path, "harmless.pdf")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\temp\\a.PDF", "a.pdf"),
        ("x\r\nSet-Cookie: a.pdf", "xSet-Cookie a.pdf"),
        ("\u202efdp.exe", "fdp.exe.pdf"),
        ("...", "file.pdf"),
        ("x" * 300 + ".pdf", "x" * 150 + ".pdf"),
        ("Ärger über alles.pdf", "Ärger über alles.pdf"),
    ],
)
def test_names_are_names_and_nothing_else(given: str, name: str) -> None:
    assert contents.safe_name(given, "application/pdf") == name


async def put(world: World, path: str, token: str, content: bytes, name: str, **query: str) -> Any:
    return await world.call("POST", f"{path}/attachments", token, content=content, params={"name": name, **query})


async def test_a_file_is_seen_by_those_who_see_the_record_and_are_its_readers(world: World) -> None:
    dealer, rival = await world.account("DEALER"), await world.account("DEALER")
    seller = await world.token(await world.user("PARTNER", "SALES", dealer))
    stranger = await world.token(await world.user("PARTNER", "SALES", rival))
    customer = await world.user("CUSTOMER")
    theirs = await world.token(customer)
    staff = await world.token(await world.user("STAFF", "SERVICE_AGENT"))
    path = f"/contacts/{customer.contact_id}"
    inside = await put(world, path, staff, PDF, "../secret.exe", audience="INTERNAL")
    assert inside.status_code == 201, inside.text
    assert inside.json()["name"] == "secret.exe.pdf"
    shared = await put(world, path, staff, PDF + b"two", "shared.pdf", audience="CUSTOMER")
    mine = await put(world, path, theirs, PNG, "me.png")
    assert mine.json()["audience"] == "CUSTOMER"
    assert (await put(world, path, theirs, PNG, "me.png", audience="PUBLIC")).status_code == 403

    async def names(token: str | None) -> Any:
        answer = await world.call("GET", f"{path}/attachments", token)
        return [file["name"] for file in answer.json()["items"]] if answer.status_code == 200 else answer.status_code

    assert await names(staff) == ["me.png", "shared.pdf", "secret.exe.pdf"]
    assert await names(theirs) == ["me.png", "shared.pdf"]
    assert await names(seller) == 404
    assert await names(stranger) == 404
    assert await names(None) == 401
    hidden = await world.call("GET", f"{path}/attachments/{inside.json()['id']}", theirs)
    assert hidden.status_code == 404
    content = await world.call("GET", f"{path}/attachments/{shared.json()['id']}", theirs)
    assert content.content == PDF + b"two"
    assert content.headers["content-type"] == "application/pdf"
    assert content.headers["content-disposition"].startswith('attachment; filename="shared.pdf"')
    assert content.headers["x-content-type-options"] == "nosniff"
    assert content.headers["content-security-policy"].startswith("sandbox")
    elsewhere = f"/contacts/{await world.contact(dealer)}/attachments/{shared.json()['id']}"
    assert (await world.call("GET", elsewhere, staff)).status_code == 404
    assert (await world.call("DELETE", f"{path}/attachments/{shared.json()['id']}", theirs)).status_code == 403
    assert (await world.call("DELETE", f"{path}/attachments/{shared.json()['id']}", staff)).status_code == 204
    assert await names(theirs) == ["me.png"]


async def test_a_replaced_file_is_a_new_revision_and_bad_ones_leave_nothing(world: World, tmp_path: Path) -> None:
    staff = await world.token(await world.user("STAFF", "SERVICE_AGENT"))
    path = f"/contacts/{await world.contact(await world.account('DEALER'))}"
    first = (await put(world, path, staff, PDF, "a.pdf")).json()
    second = (await put(world, path, staff, PDF + b"2", "b.pdf", replaces=first["id"])).json()
    assert (second["revision"], second["series"]) == (2, first["series"])
    files = (await world.call("GET", f"{path}/attachments", staff)).json()["items"]
    assert [file["id"] for file in files] == [second["id"]]
    every = (await world.call("GET", f"{path}/attachments?revisions=true", staff)).json()["items"]
    assert len(every) == 2
    assert (await put(world, path, staff, b"<html>", "a.html")).status_code == 415
    assert (await put(world, path, staff, b"", "a.txt")).status_code == 422
    assert (await put(world, path, staff, b"x" * 25_000_001, "a.txt")).status_code == 413
    assert (await put(world, f"/contacts/{new_id()}", staff, PDF, "a.pdf")).status_code == 404
    kept = [file for file in (tmp_path / "files").rglob("*") if file.is_file()]
    assert len(kept) == 2


async def test_notes_are_read_by_their_circle_and_changed_by_their_author_alone(world: World) -> None:
    customer = await world.user("CUSTOMER")
    theirs = await world.token(customer)
    staff, other = [await world.token(await world.user("STAFF", "SERVICE_AGENT")) for _ in range(2)]
    path = f"/contacts/{customer.contact_id}/notes"
    note = (await world.call("POST", path, staff, json={"text": "calls often"})).json()
    assert note["visibility"] == "INTERNAL"
    own = await world.call("POST", path, theirs, json={"text": "please call"})
    assert own.json()["visibility"] == "CUSTOMER"
    assert (await world.call("POST", path, theirs, json={"text": "x", "visibility": "INTERNAL"})).status_code == 403
    seen = (await world.call("GET", path, theirs)).json()["items"]
    assert [found["text"] for found in seen] == ["please call"]
    match = {"if-match": '"1"'}
    changed = {"text": "calls now and then", "visibility": "CUSTOMER"}
    assert (await world.call("PATCH", f"{path}/{note['id']}", staff, json=changed)).status_code == 428
    assert (await world.call("PATCH", f"{path}/{note['id']}", other, json=changed, headers=match)).status_code == 403
    done = await world.call("PATCH", f"{path}/{note['id']}", staff, json=changed, headers=match)
    assert done.json()["version"] == 2
    assert (await world.call("PATCH", f"{path}/{note['id']}", staff, json=changed, headers=match)).status_code == 412

    async def wordings(token: str) -> list[str]:
        answer = await world.call("GET", f"{path}/{note['id']}/wordings", token)
        return [found["text"] for found in answer.json()["items"]]

    assert await wordings(staff) == ["calls now and then", "calls often"]
    assert await wordings(theirs) == ["calls now and then"]
    shown = (await world.call("GET", path, theirs)).json()["items"]
    assert {found["author_id"] for found in shown} == {None, customer.id}
