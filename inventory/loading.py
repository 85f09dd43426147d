"""The whole stock from the database as columns: one binary COPY in one snapshot, no Python object a vehicle.

PostgreSQL sends about 900 bytes a vehicle, texts as they are: `core_ext.copy` numbers what repeats while it reads, for
less than the server would look codes up, and `core_ext.render` writes each vehicle's JSON from the columns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray

from core_ext.copy import CopyReader
from core_ext.render import SLACK, Writer
from domain.kit.db import Connection
from domain.kit.money import digits
from inventory.index.columns import Coded, Columns, Listed
from inventory.index.fragments import VehicleView
from inventory.index.numbers import Texts
from inventory.statements import SQL
from inventory.vehicle_row import GUARDED_FIELDS

Table = tuple[NDArray[np.uint8], NDArray[np.int64]]
Piece = tuple[Any, ...]
BATCH_ROWS = 8_192
PIECE_BYTES = 1 << 22
"""The stream is read in threads, so many bytes at a time."""
FULL_BYTES, GATHER_SECONDS = 1 << 16, 0.001
"""The server sends 8 KiB at a time: a pause lets more gather, and both sides wake up a tenth as often."""
_SECONDS = 3_600
_encode = msgspec.json.Encoder().encode

FIELDS = {
    "id": "uuid", "version": "int", "vin": "text", "registration_number": "text", "stock_number": "text",
    "listing_number": "text", "brand": "code", "make": "code", "model": "code", "trim": "code", "model_year": "int",
    "model_code": "code", "body_style": "code", "drivetrain": "code", "fuel_type": "code", "transmission": "code",
    "exterior_color": "code", "interior_color": "code", "condition": "code", "status": "code", "holds": "codes",
    "visibility": "code", "available_on": "date", "price_minor": "int", "price_currency": "code", "price_tax": "code",
    "odometer_value": "int", "odometer_unit": "code", "odometer_status": "code", "odometer_km": "int",
    "options": "codes", "attributes": "members", "photos": "texts", "location_id": "code", "dealer_account_id": "code",
    "in_stock_since": "date",
}  # fmt: skip
"""What the statement `stock_copy` selects, in its order, and how it is read."""
_SEEN = tuple(name for name in VehicleView.__struct_fields__ if name not in (*GUARDED_FIELDS, "distance_km"))
_ACCOUNTS_AND_PLACES = ("location_id", "dealer_account_id")
_KEPT = ("version", "model_year", "price_minor", "odometer_km", "in_stock_since", "available_on")
_NUMBERS = ("listing_number", "vin", "registration_number", "stock_number")


async def columns(connection: Connection) -> Columns:
    """All vehicles as the connection's transaction sees them; about 5 µs a vehicle, and as much of the server's.

    ValueError where a vehicle holds what the index cannot: a currency that nobody knows, a day beyond the calendar.
    """
    points = {row["id"]: (row["latitude"], row["longitude"]) for row in await connection.fetch(SQL["location_points"])}
    intake = Intake()
    waiting: list[bytes] = []
    held = 0
    reading: asyncio.Task[None] | None = None

    async def hand_on() -> None:
        nonlocal waiting, held, reading
        if reading is not None:
            await reading
        pieces, waiting, held = waiting, [], 0
        reading = asyncio.create_task(asyncio.to_thread(intake.feed, pieces))

    async def take(data: bytes) -> None:
        nonlocal held
        waiting.append(data)
        held += len(data)
        if held >= PIECE_BYTES:
            await hand_on()
        elif len(data) < FULL_BYTES:
            await asyncio.sleep(GATHER_SECONDS)

    await connection.execute("set local statement_timeout = 0")
    try:
        await connection.copy_from_query(SQL["stock_copy"], output=take, format="binary", timeout=_SECONDS)
        await hand_on()
    finally:
        if reading is not None:
            await asyncio.wait([reading])
    await reading  # type: ignore[misc]
    return await asyncio.to_thread(intake.finished, points)


class Intake:
    """Reads the stream of `stock_copy` piece by piece. One thread at a time."""

    def __init__(self) -> None:
        self._reader = CopyReader(list(FIELDS.values()))
        self._writer = Writer()
        self._place = {name: place for place, name in enumerate(FIELDS)}
        self._words = {name: _Words(_reading(name, kind)) for name, kind in FIELDS.items() if kind in _CODED}
        self._decimals = np.zeros(1, np.int64)
        self._taken: list[list[Any]] = []

    def feed(self, pieces: Sequence[bytes]) -> None:
        """Takes the next pieces. ValueError for a stream that is not what was asked for."""
        for piece in pieces:
            self._reader.feed(piece)
            if self._reader.rows >= BATCH_ROWS:
                self._take()

    def finished(self, points: dict[str, tuple[float, float]]) -> Columns:
        """All columns; ValueError if the stream was cut off."""
        self._reader.finish()
        self._take()
        values = {name: words.values for name, words in self._words.items()}

        def whole(name: str) -> Any:
            return np.concatenate([taken[self._place[name]] for taken in self._taken])

        def listed(name: str) -> Listed:
            return Listed(*_joined([taken[self._place[name]] for taken in self._taken], np.uint32), values[name])

        rows = np.arange(sum(len(taken[0]) for taken in self._taken), dtype=np.uint32)
        return Columns(
            ids=whole("id"),
            coded={name: Coded(whole(name), values[name]) for name, kind in FIELDS.items() if kind == "code"},
            options=listed("options"),
            holds=listed("holds"),
            attributes=listed("attributes"),
            whole={name: whole(name) for name in _KEPT},
            points=points,
            numbers={
                name: Texts(*_joined([taken[self._place[name]] for taken in self._taken], np.int64)[::-1], rows)
                for name in _NUMBERS
            },
            fragments=self._writer.finish(),
        )

    def _take(self) -> None:
        """Writes the JSON of the rows read so far and puts their columns by."""
        rows = self._reader.rows
        taken = self._reader.take()
        for name, words in self._words.items():
            words.learn(self._reader.dictionary(self._place[name], len(words.values)))
        currencies = self._words["price_currency"].values
        fresh = [digits(currency or "") for currency in currencies[len(self._decimals) :]]
        self._decimals = np.concatenate((self._decimals, np.array(fresh, np.int64)))
        self._writer.write(rows, self._pieces(dict(zip(FIELDS, taken, strict=True))))
        for name in _NUMBERS:
            blob, starts, _ = taken[self._place[name]]
            taken[self._place[name]] = (starts, blob)
        for name in ("photos", "odometer_value"):
            taken[self._place[name]] = None
        self._taken.append(taken)

    def _pieces(self, taken: dict[str, Any]) -> list[Piece]:
        """What the writer makes a row of: the properties in the order of the wire, the guarded ones behind the cut."""
        pieces: list[Piece] = []
        for before, name in ((b"{" if not place else b",", name) for place, name in enumerate(_SEEN)):
            pieces += [("raw", before + b'"%b":' % name.encode()), self._piece(name, taken)]
        pieces.append(("cut",))
        for name in GUARDED_FIELDS:
            pieces += [("raw", b',"%b":' % name.encode()), self._piece(name, taken)]
        return pieces

    def _piece(self, name: str, taken: dict[str, Any]) -> Piece:
        if name == "price":
            currency = self._words["price_currency"].table
            return ("money", taken["price_minor"], taken["price_currency"], self._decimals, currency)
        if name == "odometer":
            unit, status = self._words["odometer_unit"].table, self._words["odometer_status"].table
            values = taken["odometer_value"]
            return ("odometer", values, taken["odometer_unit"], unit, taken["odometer_status"], status)
        kind = FIELDS[name]
        if kind == "code":
            return ("code", taken[name], self._words[name].table)
        if kind in ("codes", "members"):
            return (
                "codes",
                *taken[name],
                self._words[name].table,
                *((b"[", b"]") if kind == "codes" else (b"{", b"}")),
            )
        if kind in ("text", "texts"):
            return (kind, *taken[name])
        return (kind, taken[name])


class _Words:
    """What the codes of a field mean, and their JSON."""

    def __init__(self, read: Callable[[bytes], tuple[Any, bytes]]) -> None:
        self._read = read
        self.values: list[Any] = [None]
        self._json = bytearray(b"null")
        self._starts = [0, 4]
        self.table: Table = self._told()

    def learn(self, fresh: list[bytes]) -> None:
        for raw in fresh:
            value, json = self._read(raw)
            self.values.append(value)
            self._json += json
            self._starts.append(len(self._json))
        if fresh:
            self.table = self._told()

    def _told(self) -> Table:
        return np.frombuffer(bytes(self._json) + bytes(SLACK), np.uint8), np.array(self._starts, np.int64)


_CODED = ("code", "codes", "members")


def _reading(name: str, kind: str) -> Callable[[bytes], tuple[Any, bytes]]:
    """How a field's content becomes a value and its JSON."""
    if kind == "members":
        return _member
    return _uuid if name in _ACCOUNTS_AND_PLACES else _text


def _text(raw: bytes) -> tuple[str, bytes]:
    value = raw.decode()
    return value, _encode(value)


def _uuid(raw: bytes) -> tuple[str, bytes]:
    return _text(str(UUID(bytes=raw)).encode())


def _member(raw: bytes) -> tuple[tuple[str, Any], bytes]:
    """A member of an object as the store reads it, and as it is written again."""
    whole = msgspec.json.decode(b"{%b}" % raw)
    ((code, value),) = whole.items()
    return (code, value), _encode(whole)[1:-1]


def _joined(parts: list[tuple[Any, Any]], dtype: Any) -> tuple[Any, Any]:
    """Lists of several batches one after the other: (starts, elements)."""
    shifts = np.cumsum([0, *(len(elements) for _, elements in parts)])
    if int(shifts[-1]) > np.iinfo(dtype).max:
        raise ValueError("more elements than can be told apart")
    starts = [part[:-1] + dtype(shift) for (part, _), shift in zip(parts, shifts[:-1], strict=True)]
    return np.concatenate([*starts, shifts[-1:].astype(dtype)]), np.concatenate([elements for _, elements in parts])
