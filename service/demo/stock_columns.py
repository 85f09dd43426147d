"""Columns of generated stock, one batch at a time, and the flattened vehicles made of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from inventory.vehicle_row import HOLDS, VehicleRow
from service.demo.equipment import option_names
from service.demo.identity import Bytes, texts, uuid_texts

ABSENT = -1
NO_DATE = np.datetime64("NaT", "D")


class Coded(msgspec.Struct, frozen=True):
    """A column of few distinct values: `codes` index `values`; a code below zero is an absent value."""

    codes: NDArray[Any]
    values: tuple[str, ...]

    def decoded(self) -> list[str | None]:
        """The values, one a row."""
        table = np.array([*self.values, None], dtype=object)
        return table[self.codes].tolist()  # type: ignore[no-any-return]


class StockColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Vehicles as aligned arrays of n rows.

    `id` is (n, 16) bytes of UUIDs; `vin`, `registration_number`, `stock_number` and `listing_number` are ASCII padded
    by NUL, all NUL where absent; integers are `ABSENT` and dates NaT where absent. `variant`, `location` and `dealer`
    index the world's variants, locations and dealers (dealer `ABSENT`: the organisation's own stock). `holds` is a bit
    set over HOLDS, `options` one over OPTIONS. A car on its way is in stock since the day it was ordered.
    """

    ordinal: NDArray[np.int64]
    id: Bytes
    vin: Bytes
    registration_number: Bytes
    stock_number: Bytes
    listing_number: Bytes
    variant: NDArray[np.int32]
    brand: Coded
    make: Coded
    model: Coded
    trim: Coded
    model_code: Coded
    body_style: Coded
    drivetrain: Coded
    fuel_type: Coded
    transmission: Coded
    model_year: NDArray[np.int32]
    exterior_color: Coded
    interior_color: Coded
    condition: Coded
    status: Coded
    holds: NDArray[np.uint8]
    visibility: Coded
    available_on: NDArray[np.datetime64]
    price_minor: NDArray[np.int64]
    price_currency: Coded
    price_tax: Coded
    odometer_value: NDArray[np.int32]
    odometer_unit: Coded
    odometer_status: Coded
    odometer_km: NDArray[np.int32]
    options: NDArray[np.uint64]
    attributes: dict[str, Coded | NDArray[Any]]
    location: NDArray[np.int32]
    dealer: NDArray[np.int32]
    location_id: Coded
    dealer_account_id: Coded
    group_account_id: Coded
    in_stock_since: NDArray[np.datetime64]
    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ordinal)

    def first(self, count: int) -> StockColumns:
        """The first `count` rows as views of the same arrays."""
        return self.part(0, count)

    def part(self, start: int, stop: int) -> StockColumns:
        """The rows from `start` until before `stop` as views of the same arrays."""

        def cut(column: Any) -> Any:
            if isinstance(column, Coded):
                return Coded(column.codes[start:stop], column.values)
            if isinstance(column, dict):
                return {name: cut(values) for name, values in column.items()}
            return column[start:stop]

        return StockColumns(**{name: cut(getattr(self, name)) for name in self.__struct_fields__})


def _whole(column: NDArray[Any]) -> list[int | None]:
    values: list[int | None] = column.tolist()
    for at in np.flatnonzero(column == ABSENT).tolist():
        values[at] = None
    return values


def _present(raw: Bytes) -> list[str | None]:
    return [text or None for text in texts(raw)]


def _dates(column: NDArray[np.datetime64]) -> list[date | None]:
    return column.tolist()  # type: ignore[no-any-return]


@lru_cache(maxsize=1 << 16)
def _options(mask: int) -> tuple[str, ...]:
    return option_names(mask)


_HOLD_SETS = tuple(tuple(hold for at, hold in enumerate(HOLDS) if mask >> at & 1) for mask in range(1 << len(HOLDS)))


def _attributes(columns: dict[str, Coded | NDArray[Any]], count: int) -> list[dict[str, str | int | float | bool]]:
    rows: list[dict[str, str | int | float | bool]] = [{} for _ in range(count)]
    for name, column in columns.items():
        if isinstance(column, Coded):
            values, present = column.decoded(), column.codes >= 0
        elif column.dtype == np.float64:
            values, present = column.tolist(), ~np.isnan(column)
        elif column.dtype == np.int8:  # three states: no, yes, absent
            values, present = (column == 1).tolist(), column != ABSENT
        else:
            values, present = column.tolist(), column != ABSENT
        if present.all():
            for row, value in zip(rows, values, strict=True):
                row[name] = value  # type: ignore[assignment]
        else:
            for at in np.flatnonzero(present).tolist():
                rows[at][name] = values[at]  # type: ignore[assignment]
    return rows


def rows(columns: StockColumns) -> Iterator[VehicleRow]:
    """The batch as flattened vehicles, all of version 1 and without photos."""
    count = len(columns)
    coded = [
        getattr(columns, name).decoded()
        for name in (
            "brand", "make", "model", "trim", "model_code", "body_style", "drivetrain", "fuel_type", "transmission",
            "exterior_color", "interior_color", "condition", "status", "visibility", "price_currency", "price_tax",
            "odometer_unit", "odometer_status", "location_id", "dealer_account_id", "group_account_id",
        )
    ]  # fmt: skip
    for (
        id_, vin, registration, stock_number, listing, year, holds, available_on, price, odometer, odometer_km, options,
        attributes, since, latitude, longitude,
        brand, make, model, trim, model_code, body_style, drivetrain, fuel_type, transmission,
        exterior, interior, condition, status, visibility, currency, tax, unit, odometer_status,
        location, dealer, group,
    ) in zip(
        uuid_texts(columns.id), _present(columns.vin), _present(columns.registration_number),
        _present(columns.stock_number), texts(columns.listing_number), columns.model_year.tolist(),
        columns.holds.tolist(), _dates(columns.available_on), _whole(columns.price_minor),
        _whole(columns.odometer_value), _whole(columns.odometer_km), columns.options.tolist(),
        _attributes(columns.attributes, count), _dates(columns.in_stock_since), columns.latitude.tolist(),
        columns.longitude.tolist(), *coded, strict=True,
    ):  # fmt: skip
        yield VehicleRow(
            id=id_, version=1, vin=vin, registration_number=registration, stock_number=stock_number,
            listing_number=listing, brand=brand, make=make, model=model, trim=trim, model_year=year,
            model_code=model_code, body_style=body_style, drivetrain=drivetrain, fuel_type=fuel_type,
            transmission=transmission, exterior_color=exterior, interior_color=interior, condition=condition,
            status=status, holds=_HOLD_SETS[holds], visibility=visibility, available_on=available_on,
            price_minor=price, price_currency=currency, price_tax=tax, odometer_value=odometer, odometer_unit=unit,
            odometer_status=odometer_status, odometer_km=odometer_km, options=_options(options), attributes=attributes,
            location_id=location, dealer_account_id=dealer, group_account_id=group, in_stock_since=since,
            latitude=latitude, longitude=longitude,
        )  # fmt: skip
