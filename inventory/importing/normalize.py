"""One row of a stock file → a vehicle in canonical values, or every reason why not."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import date

from domain.kit.values import EARLIEST, ExternalKey, on_our_calendar
from inventory.importing.amounts import read_odometer, read_price
from inventory.importing.attributes import read_attributes
from inventory.importing.findings import Action, rejection
from inventory.importing.mapping import LIST_PROPERTIES, DateFormat, Mapping
from inventory.importing.place import read_location
from inventory.importing.plan import Plan, Taken, cleaned
from inventory.importing.row import Row
from inventory.importing.rows import REPORT_COLUMNS, Cell, RawRow, ReadRow, UnreadRow
from inventory.importing.values import CHOICES, VOCABULARIES, Aliases, folded
from inventory.importing.vehicle import Accepted, Identity, ImportVehicle, Rejected
from inventory.vin import (
    agrees_with_year,
    check_digit,
    check_digit_holds,
    check_digit_is_mandatory,
    normal_vin,
    shape_fault,
)

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}")
_ADDRESS = re.compile(r"https?://[^\s<>\"]{1,2000}")
_YEAR = re.compile(r"([0-9]{1,9})(?:\.0+)?")
_GEARS = re.compile(r"\b([0-9]{1,2})[\s-]*(?:speed|spd|gang|rapports|vitesses)\b", re.IGNORECASE)
_DATES: dict[DateFormat, re.Pattern[str]] = {
    "YYYY-MM-DD": re.compile(r"(?P<y>[0-9]{4})-(?P<m>[0-9]{1,2})-(?P<d>[0-9]{1,2})(?:[T ][0-9:.]{5,15}Z?)?"),
    "DD/MM/YYYY": re.compile(r"(?P<d>[0-9]{1,2})/(?P<m>[0-9]{1,2})/(?P<y>[0-9]{4})"),
    "MM/DD/YYYY": re.compile(r"(?P<m>[0-9]{1,2})/(?P<d>[0-9]{1,2})/(?P<y>[0-9]{4})"),
    "DD.MM.YYYY": re.compile(r"(?P<d>[0-9]{1,2})\.(?P<m>[0-9]{1,2})\.(?P<y>[0-9]{4})"),
}
_LONGEST_KEY = 200
_LONGEST_KEY_OF_COLUMNS = 150
"""It is stored with the account's id before it."""


class Normalizer:
    """Normalises the rows of one file by one mapping; the same row, aliases and day always give the same answer."""

    def __init__(self, mapping: Mapping, aliases: Aliases, today: date) -> None:
        """MappingFault if the mapping contradicts itself. `today` bounds the model years."""
        self.plan = Plan(mapping, aliases)
        self._today = today

    def __call__(self, read: ReadRow) -> Accepted | Rejected:
        """Every reason of a rejected row is collected, not only the first; warnings likewise."""
        if isinstance(read, UnreadRow):
            return Rejected(read.number, read.raw, None, read.reasons)
        row = Row(self.plan, read.cells, read.typed)
        if not any(_is_stated(cell) for column, cell in read.cells.items() if column not in REPORT_COLUMNS):
            row.findings.append(rejection("row-empty", "the row holds no value"))
            return self._rejected(read, row)
        self._check_columns(row)
        self._check_refusals(row)
        vehicle = self._vehicle(row)
        identities = self._identities(row, vehicle)
        if any(finding.action is Action.REJECT for finding in row.findings):
            return self._rejected(read, row, identities)
        return Accepted(read.number, vehicle, identities, tuple(row.findings), read.raw, dict(read.cells))

    @staticmethod
    def _rejected(read: RawRow, row: Row, identities: tuple[Identity, ...] = ()) -> Rejected:
        reasons = tuple(finding for finding in row.findings if finding.action is Action.REJECT)
        return Rejected(read.number, read.raw, dict(read.cells), reasons, identities)

    def _check_columns(self, row: Row) -> None:
        """JSON has no header that could be refused: each row answers for its properties."""
        if not row.typed:
            return
        for column in self.plan.unknown(row.cells):
            row.findings.append(rejection("property-unknown", self.plan.why_unknown(column), column))
        lists = {column for name in LIST_PROPERTIES for column in self.plan.columns_of(name)}
        for column, cell in row.cells.items():
            if isinstance(cell, tuple) and len(cell) > 0 and column not in lists and column in self.plan.columns:
                row.findings.append(rejection("value-listed", "takes one value, not a list", column))

    @staticmethod
    def _check_refusals(row: Row) -> None:
        for refusal in row.mapping.refusals:
            texts = row.plan.column_text(refusal.column, row.cells)
            if texts is not None and texts[0].casefold() in map(str.casefold, refusal.values):
                row.findings.append(rejection("row-refused", f"{texts[0]!r}: {refusal.because}", refusal.column))

    def _vehicle(self, row: Row) -> ImportVehicle:
        given = self.plan.given(tuple(row.cells))
        in_stock_since = _date(row, "in_stock_since")
        model_year = self._model_year(row, in_stock_since, "model_year" in given)
        price, odometer = read_price(row), read_odometer(row)
        attributes = read_attributes(row)
        transmission, gears = _transmission(row)
        if "transmission" in given and "gears" not in row.mapping.attributes:
            given |= {"attributes.gears"}
            if gears is not None:
                attributes.setdefault("gears", gears)
        return ImportVehicle(
            vin=_vin(row, model_year),
            registration_number=row.line("registration_number"),
            stock_number=row.line("stock_number"),
            external_keys=_external_keys(row),
            brand=_code(row, "brand"),
            make=_needed(row, "make", "make" in given),
            model=_needed(row, "model", "model" in given),
            trim=row.line("trim"),
            model_year=model_year,
            model_code=_code(row, "model_code"),
            body_style=_known(row, "body_style"),
            drivetrain=_known(row, "drivetrain"),
            fuel_type=_known(row, "fuel_type"),
            transmission=transmission,
            exterior_color=_known(row, "exterior_color"),
            interior_color=_known(row, "interior_color"),
            condition=_choice(row, "condition"),
            status=_choice(row, "status"),
            holds=_holds(row),
            visibility=_choice(row, "visibility"),
            available_on=_date(row, "available_on"),
            price_minor=price.minor,
            price_currency=price.currency,
            price_tax=_choice(row, "price_tax"),
            odometer_value=odometer.value,
            odometer_unit=odometer.unit,
            odometer_status=_choice(row, "odometer_status"),
            odometer_km=odometer.km,
            options=_entries(row, "options"),
            attributes=attributes,
            photos=_photos(row),
            location=read_location(row),
            dealer_account=row.line("dealer_account"),
            in_stock_since=in_stock_since,
            raw=row.raw,
            given=given,
        )

    def _model_year(self, row: Row, in_stock_since: date | None, given: bool) -> int | None:
        taken = row.take("model_year")
        if taken is None:
            if given:
                row.report("model-year-missing", "no model year", None, "model_year")
            return None
        match = _YEAR.fullmatch(taken.text)
        if match is None:
            row.report("model-year-malformed", f"{taken.text[:40]!r} is not a year", taken, "model_year")
            return None
        year, latest = int(match[1]), self._today.year + row.mapping.years_ahead
        if not EARLIEST.year <= year <= latest:
            detail = f"{taken.text[:40]!r} is not a year from {EARLIEST.year} to {latest}"
            row.report("model-year-impossible", detail, taken, "model_year")
            return None
        if in_stock_since is not None and year > in_stock_since.year + row.mapping.years_ahead:
            kept = row.kept("model-year-after-stock", f"{year} lies after {in_stock_since}", taken, "model_year")
            return year if kept else None
        return year

    def _identities(self, row: Row, vehicle: ImportVehicle) -> tuple[Identity, ...]:
        found: list[Identity] = []
        if vehicle.vin is not None:
            found.append(Identity("VIN", "", vehicle.vin))
        found += (Identity("EXTERNAL_KEY", key.system, key.key) for key in vehicle.external_keys)
        if vehicle.stock_number is not None and vehicle.location is not None:
            found.append(Identity("STOCK_NUMBER", "", vehicle.stock_number))
        if row.mapping.key is not None:
            parts = [row.plan.column_text(column, row.cells) for column in row.mapping.key.columns]
            texts = [part[0] if part else "" for part in parts]
            if any(texts):
                short = len(texts) == 1 and len(texts[0]) <= _LONGEST_KEY_OF_COLUMNS
                found.append(Identity("KEY_COLUMNS", row.mapping.key.system, texts[0] if short else _digest(texts)))
        return tuple(found) or (Identity("ROW_HASH", row.mapping.code, self._row_hash(row)),)

    def _row_hash(self, row: Row) -> str:
        """Of the mapped columns' texts, not of what they were read as: a new alias must not make new cars."""
        texts = [
            (column, texts[0])
            for column in sorted(row.cells)
            if self.plan.reads(column) and (texts := self.plan.column_text(column, row.cells)) is not None
        ]
        return _digest(texts)


def _is_stated(cell: Cell) -> bool:
    return bool(cleaned(cell) if isinstance(cell, str) else cell)


def _digest(texts: object) -> str:
    return hashlib.sha256(json.dumps(texts, ensure_ascii=False).encode()).hexdigest()


def _vin(row: Row, model_year: int | None) -> str | None:
    taken = row.take("vin")
    if taken is None:
        return None
    vin = normal_vin(taken.text)
    fault = shape_fault(vin)
    if fault is not None:
        row.report("vin-malformed", f"{taken.text[:40]!r} {fault}", taken, "vin")
        return None
    if not check_digit_holds(vin):
        elsewhere = "" if check_digit_is_mandatory(vin) else "-elsewhere"
        detail = f"{vin} has the check digit {vin[8]}, not {check_digit(vin)}"
        if not row.kept(f"vin-check-digit{elsewhere}", detail, taken, "vin"):
            return None
    elif model_year is not None and not agrees_with_year(vin, model_year):
        row.report("vin-year", f"{vin} does not stand for the model year {model_year}", taken, "vin")
    return vin


def _needed(row: Row, name: str, given: bool) -> str | None:
    value = _known(row, name)
    if value is None and given and not any(finding.field == name for finding in row.findings):
        row.report(f"{name}-missing", f"no {name}", None, name)
    return value


def _known(row: Row, name: str) -> str | None:
    """The value that the text spells; a text that no alias knows is a value of its own."""
    taken = row.take(name)
    if taken is None:
        return None
    vocabulary = VOCABULARIES.get(name)
    value = row.aliases.value(vocabulary, taken.text) if vocabulary else None
    if value is None:
        value = row.fitting(name, taken.text, taken)
    if value != cleaned(taken.raw) and not (taken.part and value is not None and value in taken.raw):
        row.keep_raw(name, taken)
    return value


def _transmission(row: Row) -> tuple[str | None, int | None]:
    """The kind of transmission and its number of gears: of "8-Speed A/T" the 8 is no part of the kind."""
    taken = row.take("transmission")
    if taken is None:
        return None, None
    match = _GEARS.search(taken.text)
    gears = int(match[1]) if match else None
    rest = cleaned(_GEARS.sub(" ", taken.text)) if match else taken.text
    value = row.aliases.value("transmission", taken.text) or row.aliases.value("transmission", rest)
    if value is None:
        value = row.fitting("transmission", taken.text, taken)
    if value != cleaned(taken.raw):
        row.keep_raw("transmission", taken)
    return value, gears


def _code(row: Row, name: str) -> str | None:
    taken = row.take(name)
    if taken is None or _CODE.fullmatch(taken.text):
        return taken.text if taken else None
    row.report("code-malformed", f"{taken.text[:80]!r} is not a code", taken, name)
    return None


def _choice(row: Row, name: str) -> str | None:
    taken = row.take(name)
    return None if taken is None else _one_of(row, name, taken.text, taken)


def _one_of(row: Row, name: str, text: str, taken: Taken) -> str | None:
    value = row.aliases.value(name, text)
    if value is None or value not in CHOICES[name]:
        row.report("choice-unknown", f"{text[:80]!r} is not one of {', '.join(CHOICES[name])}", taken, name)
        return None
    if folded(value) != folded(text):
        row.keep_raw(name, taken)
    return value


def _date(row: Row, name: str) -> date | None:
    taken = row.take(name)
    if taken is None:
        return None
    match = _DATES[row.mapping.date_format].fullmatch(taken.text)
    try:
        if match is None:
            raise ValueError(f"is not written {row.mapping.date_format}")
        return on_our_calendar(date(int(match["y"]), int(match["m"]), int(match["d"])))
    except ValueError as fault:
        row.report("date-malformed", f"{taken.text[:40]!r}: {fault}", taken, name)
        return None


def _entries(row: Row, name: str) -> tuple[str, ...]:
    """A list's entries in their order, each once, without those that are too long."""
    entries, column = row.plan.entries(name, row.cells)
    most, longest = LIST_PROPERTIES[name]
    taken = Taken("", f"{len(entries)} entries", column)
    found = tuple(dict.fromkeys(entries))
    if any(len(entry) > longest for entry in found):
        row.report("text-too-long", f"has an entry of more than {longest} characters", taken, name)
        found = tuple(entry for entry in found if len(entry) <= longest)
    if len(found) > most:
        row.report("list-too-long", f"has {len(found):,} entries; {most} is the most", taken, name)
        return ()
    return found


def _holds(row: Row) -> tuple[str, ...]:
    _, column = row.plan.entries("holds", row.cells)
    held = {_one_of(row, "holds", entry, Taken(entry, entry, column)) for entry in _entries(row, "holds")}
    return tuple(hold for hold in CHOICES["holds"] if hold in held)


def _photos(row: Row) -> tuple[str, ...]:
    _, column = row.plan.entries("photos", row.cells)
    found = []
    for entry in _entries(row, "photos"):
        if _ADDRESS.fullmatch(entry):
            found.append(entry)
        else:
            detail = f"{entry[:80]!r} is not an http or https address"
            row.report("photo-malformed", detail, Taken(entry, entry, column), "photos")
    return tuple(found)


def _external_keys(row: Row) -> tuple[ExternalKey, ...]:
    _, column = row.plan.entries("external_keys", row.cells)
    found = []
    for entry in _entries(row, "external_keys"):
        system, colon, key = entry.partition(":")
        if colon and _CODE.fullmatch(system) and 0 < len(key.strip()) <= _LONGEST_KEY:
            found.append(ExternalKey(system, key.strip()))
        else:
            detail = f"{entry[:80]!r} is not system:key"
            row.report("external-key-malformed", detail, Taken(entry, entry, column), "external_keys")
    return tuple(found)
