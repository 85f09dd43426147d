"""Derives definitions.csv.gz from the EPA's fuel-economy file.

`python -m service.demo.derive FILE` reads vehicles.csv (or .csv.gz) of fueleconomy.gov, a work of the United States
government in the public domain, keeps the retail vehicles of the newest model years and writes the compact file that
`service.demo.definitions` loads. The same input gives the same bytes of CSV.

Body style. The EPA's class is a class of size for cars and of kind for the rest, so a car's body comes, in this order,
from the list of those sold as SUVs, from a body word in its name, from its door volumes (only two-door volumes: coupe,
only hatchback volumes: hatchback) and from `BODY_BY_CLASS`.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from service.demo.definitions import COLUMNS, DATA_FILE, Definition, write_definitions
from service.demo.mending import (
    BATTERY,
    BLENDED_PLUG_IN,
    BODY_WORDS,
    BRACKETS,
    DRIVE_WORDS,
    FUEL_WORDS,
    MAKE_NAMES,
    MENDS,
    NO_TRIM,
    NOT_RETAIL,
    OWN_MODELS,
    SUVS,
)

FIRST_YEAR = 2012
KM_PER_MILE = 1.609344
LITRES_PER_100_KM_AT_ONE_MPG = 235.214583

BODY_BY_CLASS = {
    "Two Seaters": "Coupe",
    "Minicompact Cars": "Coupe",
    "Subcompact Cars": "Sedan",
    "Compact Cars": "Sedan",
    "Midsize Cars": "Sedan",
    "Large Cars": "Sedan",
    "Small Station Wagons": "Wagon",
    "Midsize Station Wagons": "Wagon",
    "Small Sport Utility Vehicle 2WD": "SUV",
    "Small Sport Utility Vehicle 4WD": "SUV",
    "Standard Sport Utility Vehicle 2WD": "SUV",
    "Standard Sport Utility Vehicle 4WD": "SUV",
    "Sport Utility Vehicle - 2WD": "SUV",
    "Sport Utility Vehicle - 4WD": "SUV",
    "Small Pickup Trucks 2WD": "Pickup",
    "Small Pickup Trucks 4WD": "Pickup",
    "Standard Pickup Trucks 2WD": "Pickup",
    "Standard Pickup Trucks 4WD": "Pickup",
    "Minivan - 2WD": "Minivan",
    "Minivan - 4WD": "Minivan",
    "Vans, Passenger Type": "Van",
    "Vans, Cargo Type": "Van",
    "Special Purpose Vehicle 2WD": "Van",
    "Special Purpose Vehicle 4WD": "Van",
}
CAR_CLASSES = frozenset(name for name, body in BODY_BY_CLASS.items() if body in {"Coupe", "Sedan", "Wagon"})

DRIVETRAINS = {
    "Front-Wheel Drive": "Front-wheel Drive",
    "Rear-Wheel Drive": "Rear-wheel Drive",
    "All-Wheel Drive": "All-wheel Drive",
    "4-Wheel Drive": "Four-wheel Drive",
    "Part-time 4-Wheel Drive": "Four-wheel Drive",
}

FUELS = {
    "Regular": "Gasoline",
    "Premium": "Gasoline",
    "Midgrade": "Gasoline",
    "Gasoline or E85": "Flex Fuel",
    "Premium or E85": "Flex Fuel",
    "Diesel": "Diesel",
    "Electricity": "Electric",
    "Premium and Electricity": "Plug-in Hybrid",
    "Premium Gas or Electricity": "Plug-in Hybrid",
    "Regular Gas and Electricity": "Plug-in Hybrid",
    "Regular Gas or Electricity": "Plug-in Hybrid",
    "CNG": "CNG",
}


def transmission(text: str) -> tuple[str, int | None]:
    """The canonical kind and the number of gears of an EPA transmission text such as "Automatic (AM-S7)".

    AM is the EPA's code for automated manuals; those of more than five gears have two clutches.
    """
    gears = int(found.group()) if (found := re.search(r"\d+", text)) else None
    if "variable gear" in text or "(AV" in text:
        return "CVT", None
    if "(AM" in text:
        return "Dual-clutch" if gears is not None and gears > 5 else "Semi-automatic", gears
    if text.startswith("Manual"):
        return "Manual", gears
    return "Automatic", gears


def _tidy(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip(" -,")


def strip_name(name: str) -> tuple[str, str | None]:
    """A model name without drive and body words, and the body style that those words gave."""
    remarks: list[str] = []
    for remark in BRACKETS.findall(name):
        battery = BATTERY.match(remark.strip())
        remarks.append(f"{battery.group(1)} kWh" if battery and "kw" in remark.lower() else "" if battery else remark)
    text = BRACKETS.sub(lambda _: f" {remarks.pop(0)} ", name)
    text = _tidy(DRIVE_WORDS.sub(" ", text))
    body: str | None = None
    for word, style in BODY_WORDS:
        pattern = re.compile(rf"(?i)\b(?:{word})\b")
        if pattern.search(text) and (rest := _tidy(pattern.sub(" ", text))):
            text, body = rest, body or style
    return text, body


def body_style(row: Mapping[str, str], named: str | None) -> str:
    """The body style of an EPA row whose name says `named`."""
    by_class = BODY_BY_CLASS[row["VClass"]]
    if row["VClass"] not in CAR_CLASSES:
        return "Convertible" if named == "Convertible" else by_class
    if named is not None and named != "Van":
        return named
    if by_class == "Wagon" or row["VClass"] == "Two Seaters":
        return by_class
    volumes = {column for column in ("hpv", "pv2", "pv4") if float(row[column]) > 0}
    if volumes == {"pv2"}:
        return "Coupe"
    if volumes == {"hpv"}:
        return "Hatchback"
    return "Sedan" if "pv4" in volumes else by_class


def _make(row: Mapping[str, str]) -> str:
    return MAKE_NAMES.get(row["make"], row["make"])


def _mended(make: str, name: str) -> tuple[str, str] | None:
    for mend in MENDS:
        if mend.make == make and (match := mend.pattern.fullmatch(name)):
            return match.expand(mend.model), _tidy(match.expand(mend.trim))
    return None


def split_names(make: str, names: Iterable[str]) -> dict[str, tuple[str, str | None]]:
    """Model and trim of each stripped name of a make.

    What the make's table does not know is split at the longest other name of the make that it begins with; a word that
    tells the drive train's fuel ("Hybrid") stays with the model.
    """
    distinct = sorted(set(names))
    known = {name: mended for name in distinct if (mended := _mended(make, name))}
    roots = OWN_MODELS | {name.casefold() for name in distinct if name not in known}
    roots |= {model.casefold() for model, _ in known.values()}
    split: dict[str, tuple[str, str | None]] = {}
    for name in distinct:
        if name in known:
            model, trim = known[name]
        else:
            model, trim = _split_at_root(name, roots)
        if NO_TRIM.search(trim):
            trim = ""
        split[name] = (model, trim or None)
    return split


def _split_at_root(name: str, roots: frozenset[str]) -> tuple[str, str]:
    words = BLENDED_PLUG_IN.sub(lambda found: found.group().split()[0], name).split(" ")
    own = next((n for n in range(len(words), 0, -1) if " ".join(words[:n]).casefold() in OWN_MODELS), 0)
    head = own or next((n for n in range(1, len(words)) if " ".join(words[:n]).casefold() in roots), len(words))
    rest = " ".join(words[head:])
    if fuel := FUEL_WORDS.match(rest):
        head += len(fuel.group().split(" "))
    return " ".join(words[:head]), " ".join(words[head:])


def _commonest_spelling(names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for make, name in names:
        counts[make, name.casefold()][name] += 1
    return {key: min(spelt, key=lambda name: (-spelt[name], name)) for key, spelt in counts.items()}


def derive(rows: Iterable[Mapping[str, str]]) -> list[Definition]:
    """Definitions of the retail vehicles from `FIRST_YEAR` on, in the order of make, model, year and EPA id."""
    kept = [row for row in rows if int(row["year"]) >= FIRST_YEAR and not NOT_RETAIL.search(row["model"])]
    stripped = {row["id"]: strip_name(row["model"]) for row in kept}
    by_make: dict[str, list[str]] = defaultdict(list)
    for row in kept:
        by_make[_make(row)].append(stripped[row["id"]][0])
    split = {make: split_names(make, names) for make, names in by_make.items()}
    made = [_definition(row, *split[_make(row)][stripped[row["id"]][0]], stripped[row["id"]][1]) for row in kept]
    models = _commonest_spelling((d.make, d.model) for d in made)
    trims = _commonest_spelling((d.make, d.trim) for d in made if d.trim)
    distinct: dict[tuple[object, ...], Definition] = {}
    for found in sorted(made, key=lambda d: d.epa_id):
        model = models[found.make, found.model.casefold()]
        trim = trims[found.make, found.trim.casefold()] if found.trim else None
        values = {column: getattr(found, column) for column in COLUMNS} | {"model": model, "trim": trim}
        key = tuple(value for column, value in values.items() if column not in {"epa_id", "litres_per_100_km"})
        distinct.setdefault(key, Definition(**values))
    return sorted(distinct.values(), key=lambda d: (d.make, d.model, d.model_year, d.epa_id))


def _definition(row: Mapping[str, str], model: str, trim: str | None, named_body: str | None) -> Definition:
    fuel = FUELS[row["fuelType"]]
    if fuel == "Gasoline" and row["atvType"] == "Hybrid":
        fuel = "Hybrid"
    kind, gears = transmission(row["trany"])
    miles = row["range"] if fuel == "Electric" else row["rangeA"] if fuel == "Plug-in Hybrid" else ""
    mpg = int(row["comb08"])
    kwh_per_100_miles = float(row["combE"])
    return Definition(
        epa_id=int(row["id"]),
        make=_make(row),
        model=model,
        trim=trim,
        model_year=int(row["year"]),
        body_style="SUV" if model in SUVS else body_style(row, named_body),
        drivetrain=DRIVETRAINS[row["drive"]],
        transmission=kind,
        gears=gears,
        cylinders=int(float(row["cylinders"])) if row["cylinders"] else None,
        displacement_l=float(row["displ"]) if row["displ"] else None,
        fuel_type=fuel,
        electric_range_km=round(int(miles) * KM_PER_MILE) if miles.isdigit() and int(miles) else None,
        litres_per_100_km=None if fuel == "Electric" else round(LITRES_PER_100_KM_AT_ONE_MPG / mpg, 1),
        kwh_per_100_km=round(kwh_per_100_miles / KM_PER_MILE, 1) if kwh_per_100_miles else None,
    )


def read_epa(path: Path) -> Iterator[dict[str, str]]:
    """The rows of vehicles.csv, gzipped or not."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as raw, io.TextIOWrapper(raw, encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text)


def main() -> None:
    """Command line: `python -m service.demo.derive FILE [--output FILE]`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="vehicles.csv of fueleconomy.gov")
    parser.add_argument("--output", type=Path, default=DATA_FILE)
    arguments = parser.parse_args()
    definitions = derive(read_epa(arguments.file))
    write_definitions(definitions, arguments.output)
    print(f"{len(definitions)} definitions written to {arguments.output}")


if __name__ == "__main__":
    main()
