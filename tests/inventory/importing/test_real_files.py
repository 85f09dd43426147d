"""Every row of every real listings file is accounted for, and the counts agree with counts made by other means.

The expected numbers are counted from the cells with csv and re alone; nothing of the import takes part in them.
"""

import csv
import gzip
import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from inventory.importing.normalize import Normalizer
from inventory.importing.reader import read_file
from inventory.importing.result import RejectWriter
from inventory.importing.shipped import shipped_mappings
from inventory.importing.vehicle import Accepted, LocationDescription, Rejected

from .files import ALIASES, TODAY, outcomes, reader_by, written

Find = Callable[[str], Path]
MAPPINGS = {
    "listings_us": "listings_us",
    "listings_us_auction": "listings_us_auction",
    "listings_de": "listings_de",
    "listings_de_cp1252_sample": "listings_de",
    "listings_uk": "listings_uk",
    "listings_uk_unclean_focus": "listings_uk_unclean",
}
ROWS = {
    "listings_us": 4749,
    "listings_us_auction": 2501,
    "listings_de": 14_027,
    "listings_de_cp1252_sample": 300,
    "listings_uk": 74_941,
    "listings_uk_unclean_focus": 5604,
}
NO_STATES = ("RT", "Bldg", "Glens", "Suite")
NO_MODELS = (
    "door", "doors", "mpv", "van", "vans", "wagon", "pickup", "pk", "sedan", "suv", "coupe", "convertible", "truck",
    "bus", "cab", "chassis", "cutaway", "cargo", "passenger", "utility", "vehicl", "srw", "drw", "series",
)  # fmt: skip


class Read(NamedTuple):
    header: tuple[str, ...]
    accepted: list[Accepted]
    rejected: list[Rejected]
    warnings: Counter[str]
    reasons: Counter[str]

    @property
    def vehicles(self) -> dict[str, Counter[object]]:
        fields = ("make", "fuel_type", "drivetrain", "transmission", "condition", "body_style", "exterior_color")
        return {field: Counter(getattr(one.vehicle, field) for one in self.accepted) for field in fields}


@cache
def read(path: Path) -> Read:
    name = path.name.removesuffix(".csv.gz")
    mapping = shipped_mappings()[MAPPINGS[name]]
    reader, normalizer = reader_by(mapping), Normalizer(mapping, ALIASES, TODAY)
    found = [normalizer(row) for row in read_file(path, reader)]
    normalizer.plan.check_header(reader.header or ())
    assert [one.number for one in found] == list(range(1, len(found) + 1))
    accepted = [one for one in found if isinstance(one, Accepted)]
    rejected = [one for one in found if isinstance(one, Rejected)]
    return Read(
        tuple(reader.header or ()),
        accepted,
        rejected,
        Counter(warning.code for one in accepted for warning in one.warnings),
        Counter(reason.code for one in rejected for reason in one.reasons),
    )


@cache
def plain(path: Path, encoding: str = "utf-8") -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding=encoding, newline="") as file:
        return list(csv.DictReader(file))


def holds(vin: str) -> bool:
    """The check digit by the published tables, written out."""
    values = dict(zip("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "012345678912345678123457923456789"), strict=True))
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    rest = sum(values[sign] * weight for sign, weight in zip(vin, weights, strict=True)) % 11
    return vin[8] == "0123456789X"[rest]


@pytest.mark.parametrize("name", MAPPINGS)
def test_every_row_is_accepted_or_rejected_with_a_reason(name: str, real_data: Find) -> None:
    found = read(real_data(f"{name}.csv.gz"))
    assert len(found.accepted) + len(found.rejected) == ROWS[name]
    assert all(one.reasons for one in found.rejected)
    mapping = shipped_mappings()[MAPPINGS[name]]
    decided = {code for decision in mapping.decisions for code in decision.codes}
    assert found.warnings.keys() | found.reasons.keys() <= decided


@pytest.mark.parametrize("name", MAPPINGS)
def test_its_rejects_sent_again_are_the_same_rejects(name: str, real_data: Find) -> None:
    found = read(real_data(f"{name}.csv.gz"))
    mapping = shipped_mappings()[MAPPINGS[name]]
    again = outcomes(written(RejectWriter(mapping, found.header), found.rejected), mapping)
    assert [one.reasons for one in again if isinstance(one, Rejected)] == [one.reasons for one in found.rejected]
    assert len(again) == len(found.rejected)


def test_us_listings(real_data: Find) -> None:
    path = real_data("listings_us.csv.gz")
    found, rows = read(path), plain(path)
    assert found.reasons == {}
    assert found.warnings == {
        "postcode-padded": sum(re.fullmatch("[0-9]{4}", row["Zipcode"]) is not None for row in rows),
        "postcode-malformed": sum(re.fullmatch("[0-9]{4,5}", row["Zipcode"]) is None for row in rows),
        "region-unknown": sum(row["State"] in NO_STATES for row in rows),
    }
    assert found.warnings["postcode-padded"] == 446
    vins = Counter(row["VIN"] for row in rows)
    assert Counter(one.identities[0].key for one in found.accepted) == vins
    assert sum(vins.values()) - len(vins) == 438
    assert [one.vehicle.price_minor for one in found.accepted] == [
        None if row["Price"] == "Not Priced" else 100 * int(row["Price"]) for row in rows
    ]
    assert [one.vehicle.odometer_value for one in found.accepted] == [int(row["Mileage"]) for row in rows]
    assert [one.vehicle.model_year for one in found.accepted] == [int(row["Year"]) for row in rows]
    drive = Counter(row["Drivetrain"] for row in rows)
    assert found.vehicles["drivetrain"] == {
        "All-wheel Drive": drive["All-wheel Drive"] + drive["AWD"],
        "Front-wheel Drive": drive["Front-wheel Drive"] + drive["FWD"] + drive["Front Wheel Drive"],
        "Four-wheel Drive": drive["Four-wheel Drive"] + drive["4WD"],
        "Rear-wheel Drive": drive["Rear-wheel Drive"] + drive["RWD"],
        None: drive["–"],
    }
    fuel = Counter(row["FuelType"] for row in rows)
    assert found.vehicles["fuel_type"]["Gasoline"] == fuel["Gasoline"] + fuel["Gasoline Fuel"]
    assert found.vehicles["fuel_type"]["Flex Fuel"] == sum(n for text, n in fuel.items() if "Flex" in text)
    assert found.vehicles["condition"] == {
        "USED": sum(row["Used/New"] == "Used" for row in rows),
        "CERTIFIED": sum("Certified" in row["Used/New"] for row in rows),
    }
    gears = [re.search(r"\b([0-9]+)[ -](?:speed|spd)\b", row["Transmission"], re.IGNORECASE) for row in rows]
    assert [one.vehicle.attributes.get("gears") for one in found.accepted] == [
        int(match[1]) if match else None for match in gears
    ]
    texts = [row["Transmission"].casefold() for row in rows]
    assert found.vehicles["transmission"] == Counter(
        "Dual-clutch" if "clutch" in text or "s tronic" in text
        else "CVT" if re.search("cvt|variable", text)
        else "Manual" if re.search(r"manual\b|m/t", text)
        else "Automatic" if re.search(r"auto|a/t|shift mode", text)
        else {"–": None, "7-speed": "7-Speed"}[text]
        for text in texts
    )  # fmt: skip


def test_us_makes_and_models_are_the_words_of_the_listing(real_data: Find) -> None:
    path = real_data("listings_us.csv.gz")
    for one, row in zip(read(path).accepted, plain(path), strict=True):
        words = f"{row['Make']} {row['Model']}".casefold()
        parts = (one.vehicle.make, one.vehicle.model, one.vehicle.trim)
        assert " ".join(part for part in parts if part).casefold() == words
        assert (row["Make"] == "Land") == (one.vehicle.make == "Land Rover")


def test_us_dealers_become_places(real_data: Find) -> None:
    path = real_data("listings_us.csv.gz")
    found, rows = read(path), plain(path)
    places = {one.vehicle.location for one in found.accepted}
    assert all(isinstance(place, LocationDescription) and place.country == "US" for place in places)
    named = {place.name for place in places if isinstance(place, LocationDescription)}
    assert len(named - {None}) == len({" ".join(row["SellerName"].split()) for row in rows} - {""})


def test_us_auction_lots(real_data: Find) -> None:
    path = real_data("listings_us_auction.csv.gz")
    found, rows = read(path), plain(path)
    vins = [row["vin"].strip().upper() for row in rows]
    bad = [len(vin) != 17 or (vin[0] in "12345" and not holds(vin)) for vin in vins]
    assert found.reasons == {
        "vin-malformed": sum(len(vin) != 17 for vin in vins),
        "vin-check-digit": sum(len(vin) == 17 and vin[0] in "12345" and not holds(vin) for vin in vins),
        "make-missing": sum(not row["brand"] for row in rows),
    }
    assert [one.number for one in found.rejected] == [n for n, wrong in enumerate(bad, 1) if wrong]
    good = [row for row, wrong in zip(rows, bad, strict=True) if not wrong]
    assert found.warnings == {
        "price-zero": sum(row["price"] == "0" for row in good),
        "price-low": sum(0 < int(row["price"]) < 100 for row in good),
        "model-missing": sum(row["model"] in NO_MODELS for row in good),
        # 1,000,000 km are 621,371.2 miles
        "odometer-implausible": sum(float(row["mileage"]) > 621_371 for row in good),
    }
    assert [one.vehicle.vin for one in found.accepted] == [
        vin for vin, wrong in zip(vins, bad, strict=True) if not wrong
    ]
    assert found.vehicles["condition"] == Counter(
        "SALVAGE" if row["title status"] == "salvage insurance" else "USED" for row in good
    )
    assert found.vehicles["exterior_color"][None] == sum(row["color"].strip() in ("", "color:") for row in good)


def number(text: str) -> int:
    return int(re.sub("[^0-9]", "", text))


@pytest.mark.parametrize(("name", "encoding"), [("listings_de", "utf-8"), ("listings_de_cp1252_sample", "cp1252")])
def test_german_classifieds(name: str, encoding: str, real_data: Find) -> None:
    path = real_data(f"{name}.csv.gz")
    found, rows = read(path), plain(path, encoding)
    rejected = {one.number: {reason.code for reason in one.reasons} for one in found.rejected}
    years = {n for n, row in enumerate(rows, 1) if not 1900 <= int(row["yearOfRegistration"]) <= 2026}
    wanted = {n for n, row in enumerate(rows, 1) if row["offerType"] == "Gesuch"}
    assert {n for n, codes in rejected.items() if "model-year-impossible" in codes} == years
    assert {n for n, codes in rejected.items() if "row-refused" in codes} == wanted
    others = {n for n, row in enumerate(rows, 1) if row["brand"] == "sonstige_autos"}
    nameless = {n for n, codes in rejected.items() if "make-missing" in codes}
    assert rejected.keys() == years | wanted | nameless
    assert nameless <= others
    good = [row for n, row in enumerate(rows, 1) if n not in rejected]
    kept = {
        "postcode-padded": sum(len(row["postalCode"]) == 4 for row in good),
        "price-zero": sum(number(row["price"]) == 0 for row in good),
        "price-low": sum(0 < number(row["price"]) < 50 for row in good),
        "price-implausible": sum(number(row["price"]) > 2_000_000 for row in good),
        "model-missing": sum(row["model"] in ("", "andere") for row in good),
        "model-year-after-stock": sum(int(row["yearOfRegistration"]) > int(row["dateCreated"][:4]) for row in good),
        "attribute-implausible": sum(0 < number(row["powerPS"]) < 4 or number(row["powerPS"]) > 1500 for row in good),
        "taken-from-other-column": sum(row["brand"] == "sonstige_autos" for row in good),
    }
    assert found.warnings == {code: count for code, count in kept.items() if count}
    assert Counter(one.identities[0].kind for one in found.accepted) == {"KEY_COLUMNS": len(good)}
    assert len({one.identities[0] for one in found.accepted}) == len(good)
    german = Counter(row["fuelType"] for row in good)
    fuels = {"Gasoline": "benzin", "Diesel": "diesel", "LPG": "lpg", "CNG": "cng", "Hybrid": "hybrid",
             "Electric": "elektro", "Other": "andere", None: ""}  # fmt: skip
    assert found.vehicles["fuel_type"] == Counter({fuel: german[word] for fuel, word in fuels.items()})
    assert found.vehicles["body_style"]["Wagon"] == sum(row["vehicleType"] == "kombi" for row in good)
    assert [one.vehicle.odometer_km for one in found.accepted] == [number(row["odometer"]) for row in good]
    assert [one.vehicle.attributes["title"] for one in found.accepted] == [
        " ".join(row["name"].replace("_", " ").split()) for row in good
    ]
    assert sum(one.vehicle.attributes.get("unrepaired_damage") is True for one in found.accepted) == sum(
        row["notRepairedDamage"] == "ja" for row in good
    )


def test_the_cp1252_sample_says_what_the_utf8_file_says(real_data: Find) -> None:
    sample, whole = read(real_data("listings_de_cp1252_sample.csv.gz")), read(real_data("listings_de.csv.gz"))
    known = {one.identities[0]: one.vehicle for one in whole.accepted}
    assert all(known[one.identities[0]] == one.vehicle for one in sample.accepted)


def test_uk_listings(real_data: Find) -> None:
    path = real_data("listings_uk.csv.gz")
    found, rows = read(path), plain(path)
    good = [row for row in rows if int(row["year"]) <= 2027]
    assert found.reasons == {"model-year-impossible": len(rows) - len(good)} == {"model-year-impossible": 1}
    assert found.warnings == {"attribute-implausible": sum(float(row["mpg"]) < 5 for row in good)}
    names = {"vw": "Volkswagen", "bmw": "BMW"}
    assert found.vehicles["make"] == Counter(names.get(row["make"], row["make"].title()) for row in good)
    assert [one.vehicle.model for one in found.accepted] == [row["model"].strip() for row in good]
    assert sum("engine_litres" in one.vehicle.attributes for one in found.accepted) == sum(
        float(row["engineSize"]) > 0 for row in good
    )
    contents = Counter(tuple(text.strip() for column, text in row.items() if column != "source_file") for row in good)
    assert sorted(Counter(one.identities[0] for one in found.accepted).values()) == sorted(contents.values())


def test_uk_listings_before_cleaning(real_data: Find) -> None:
    path = real_data("listings_uk_unclean_focus.csv.gz")
    found, rows = read(path), plain(path)
    good = [row for row in rows if any(text.strip() for text in row.values())]
    assert found.reasons == {"row-empty": len(rows) - len(good)} == {"row-empty": 56}
    second = [bool(row["fuel type2"]) for row in good]
    sizes = [row["engine size2"] if two else row["engine size"] for row, two in zip(good, second, strict=True)]
    assert found.warnings == {
        "model-year-missing": sum(not row["year"] for row in good),
        "attribute-malformed": sum(
            not re.fullmatch(r"[0-9.]+|Unknown|[0-9.]+ *(cc|l)", size.strip(), re.IGNORECASE) for size in sizes
        ),
    }
    miles = [row["mileage"] if two else row["mileage2"] for row, two in zip(good, second, strict=True)]
    assert [one.vehicle.odometer_value for one in found.accepted] == [
        number(text) if text.strip() != "Unknown" else None for text in miles
    ]
    fuels = [row["fuel type2"] if two else row["fuel type"] for row, two in zip(good, second, strict=True)]
    assert [one.vehicle.fuel_type for one in found.accepted] == [
        {"Petrol": "Gasoline"}.get(fuel.strip(), fuel.strip()) for fuel in fuels
    ]
    assert [one.vehicle.price_minor for one in found.accepted] == [100 * number(row["price"]) for row in good]
