"""Single rows by the default mapping: what is read, what is refused, with every reason."""

import json
from dataclasses import dataclass
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kit.values import ExternalKey
from inventory.importing.findings import KINDS
from inventory.importing.mapping import DEFAULT, PROPERTIES, AttributeSource, Key, Mapping, Source
from inventory.importing.shipped import shipped_mappings
from inventory.importing.vehicle import Accepted, Identity, LocationDescription, LocationReference, Rejected

from .files import car, csv_of, one, outcomes, refused, warned

FULL = {
    "vin": " 1ftew1eg6jfa12345", "registration_number": "AB-C 123", "stock_number": "S-42A",
    "external_keys": "dms:A:1|oem:7",
    "brand": "FORD", "make": "ford", "model": "F-150", "trim": "Lariat", "model_year": "2018", "model_code": "W1E",
    "body_style": "pickup truck", "drivetrain": "4x4", "fuel_type": "petrol", "transmission": "10-Speed A/T",
    "exterior_color": "Schwarz", "interior_color": "Shadow  Black", "condition": "used", "status": "in stock",
    "holds": "recall|DAMAGE", "visibility": "network", "available_on": "2026-10-01", "price": "41250.50",
    "currency": "usd", "price_tax": "EXCLUDED", "mileage_mi": "30000", "odometer_status": "actual",
    "options": "Tow bar|Heated seats|Tow bar", "photos": "https://example.org/1.jpg", "location": "NYC-1",
    "dealer_account": "A-000001", "in_stock_since": "2026-08-01",
    "attributes.seats": "5", "attributes.range_km": "400.5", "attributes.tow_bar": "true", "attributes.code": "007",
}  # fmt: skip


def test_a_full_row_becomes_a_vehicle_in_canonical_values() -> None:
    found = car(**FULL)
    assert (found.vin, found.make, found.body_style, found.drivetrain) == (
        "1FTEW1EG6JFA12345", "Ford", "Pickup", "Four-wheel Drive",
    )  # fmt: skip
    assert (found.fuel_type, found.transmission, found.exterior_color, found.interior_color) == (
        "Gasoline", "Automatic", "Black", "Shadow Black",
    )  # fmt: skip
    assert (found.condition, found.status, found.holds, found.visibility) == (
        "USED", "IN_STOCK", ("RECALL", "DAMAGE"), "NETWORK",
    )  # fmt: skip
    assert (found.price_minor, found.price_currency, found.price_tax) == (4_125_050, "USD", "EXCLUDED")
    # 30,000 · 1.609344 = 48,280.32
    assert (found.odometer_value, found.odometer_unit, found.odometer_km, found.odometer_status) == (
        30_000, "MI", 48_280, "ACTUAL",
    )  # fmt: skip
    assert found.options == ("Tow bar", "Heated seats")
    assert found.attributes == {"seats": 5, "range_km": 400.5, "tow_bar": True, "code": "007", "gears": 10}
    assert found.external_keys == (ExternalKey("dms", "A:1"), ExternalKey("oem", "7"))
    assert (found.location, found.dealer_account) == (LocationReference("NYC-1"), "A-000001")
    assert (found.available_on, found.in_stock_since) == (date(2026, 10, 1), date(2026, 8, 1))
    assert found.raw == {
        "make": "ford", "body_style": "pickup truck", "drivetrain": "4x4", "fuel_type": "petrol",
        "transmission": "10-Speed A/T", "exterior_color": "Schwarz",
    }  # fmt: skip


def test_json_rows_say_the_same_in_the_shapes_of_the_contract() -> None:
    row = {
        "vin": "1FTEW1EG6JFA12345", "make": "Ford", "model": "F-150", "model_year": 2018,
        "price": {"amount": "41250.50", "currency": "USD"},
        "odometer": {"value": 30000, "unit": "MI", "status": "ACTUAL"}, "odometer_km": 48280,
        "options": ["Tow bar", "a|b"], "external_keys": [{"system": "dms", "key": "A:1"}],
        "attributes": {"seats": 5, "code": "007", "doors": "4", "tow_bar": True, "gone": None}, "trim": None,
    }  # fmt: skip
    (found,) = outcomes(json.dumps(row).encode(), file_format="NDJSON")
    assert isinstance(found, Accepted), found
    vehicle = found.vehicle
    assert (vehicle.price_minor, vehicle.odometer_km, vehicle.model_year) == (4_125_050, 48_280, 2018)
    assert vehicle.options == ("Tow bar", "a|b")
    assert vehicle.attributes == {"seats": 5, "code": "007", "doors": "4", "tow_bar": True}
    assert {"trim", "attributes.gone"} <= vehicle.given
    assert "stock_number" not in vehicle.given


def test_json_rows_with_unknown_properties_or_lists_for_values_are_rejected() -> None:
    row = b'{"make": ["Ford"], "model": "F-150", "colour": "red", "attributes": {"Bad": 1, "list": [1, 2]}}'
    (found,) = outcomes(row, file_format="NDJSON")
    assert sorted(refused(found)) == ["property-unknown", "property-unknown", "value-listed", "value-listed"]


def test_every_reason_of_a_row_is_told_with_its_column() -> None:
    found = one(
        vin="1FTEW1EG1JFA12345", make="", model_year="9999", price="12,5", currency="USD", mileage_mi="-1",
        condition="good", postcode="Falls", country="US", available_on="01/02/2026",
    )  # fmt: skip
    assert isinstance(found, Rejected)
    assert {(reason.code, reason.column) for reason in found.reasons} == {
        ("vin-check-digit", "vin"), ("make-missing", None), ("model-year-impossible", "model_year"),
        ("price-malformed", "price"), ("odometer-malformed", "mileage_mi"), ("choice-unknown", "condition"),
        ("postcode-malformed", "postcode"), ("date-malformed", "available_on"),
    }  # fmt: skip
    assert all(reason.sentence.startswith(reason.column or "make") for reason in found.reasons)
    assert found.cells is not None
    assert found.cells["price"] == "12,5"


@dataclass
class Case:
    code: str
    cells: dict[str, str]
    accepted: bool = False
    mapping: Mapping = DEFAULT


EUROPEAN = "WDDZF4KB1JA000001"
CASES = [
    Case("row-empty", {"make": "", "model": " "}),
    Case("characters-removed", {"make": "Ford", "model": "Fi\u202eesta"}, accepted=True),
    Case("text-too-long", {"make": "x" * 81}),
    Case("vin-malformed", {"vin": "1H87T3N1234"}),
    Case("vin-check-digit", {"vin": "1FTEW1EG1JFA12345"}),
    Case("vin-check-digit-elsewhere", {"vin": EUROPEAN}, accepted=True),
    Case("vin-year", {"vin": "1FTEW1EG6JFA12345", "model_year": "2017"}, accepted=True),
    Case("external-key-malformed", {"external_keys": "no colon"}),
    Case("make-missing", {"make": "", "model": "x"}),
    Case("model-missing", {"make": "Ford", "model": ""}, accepted=True),
    Case("model-year-missing", {"make": "Ford", "model_year": ""}, accepted=True),
    Case("model-year-malformed", {"model_year": "new"}),
    Case("model-year-malformed", {"model_year": "-2018"}),
    Case("model-year-impossible", {"model_year": "1800"}),
    Case("model-year-impossible", {"model_year": "2028"}),
    Case("model-year-impossible", {"model_year": "999999999"}),
    Case("model-year-after-stock", {"model_year": "2019", "in_stock_since": "2017-05-01"}, accepted=True),
    Case("choice-unknown", {"status": "somewhere"}),
    Case("choice-unknown", {"holds": "recall|boredom"}),
    Case("choice-unknown", {"odometer": "5", "odometer_unit": "furlongs"}),
    Case("date-malformed", {"available_on": "2026-02-30"}),
    Case("date-malformed", {"available_on": "0001-01-01"}),
    Case("price-malformed", {"price": "1e5", "currency": "USD"}),
    Case("price-malformed", {"price": "-5", "currency": "USD"}),
    Case("price-malformed", {"price": "5.005", "currency": "USD"}),
    Case("price-malformed", {"price": "0.5", "currency": "JPY"}),
    Case("price-zero", {"price": "0.00", "currency": "USD"}, accepted=True),
    Case("price-low", {"price": "0.50", "currency": "USD"}, accepted=True),
    Case("price-implausible", {"price": "11111111", "currency": "USD"}),
    Case("currency-missing", {"price": "5"}),
    Case("currency-missing", {"price": "$5"}),
    Case("currency-unknown", {"price": "5", "currency": "XYZ"}),
    Case("currency-contradicted", {"price": "£5", "currency": "USD"}),
    Case("odometer-malformed", {"mileage_mi": "1.5"}),
    Case("odometer-malformed", {"odometer_km": str(2**31)}),
    Case("odometer-malformed", {"odometer": "5 leagues"}),
    Case("odometer-unit-missing", {"odometer": "5"}),
    Case("odometer-contradicted", {"mileage_mi": "5 km"}),
    Case("odometer-contradicted", {"mileage_mi": "1000", "odometer_km": "1000"}),
    Case("odometer-implausible", {"odometer_km": "1000001"}, accepted=True),
    Case("country-unknown", {"country": "Utopia", "location_name": "x"}),
    Case("region-unknown", {"country": "US", "region": "RT"}, accepted=True),
    Case("postcode-padded", {"country": "DE", "postcode": "1067"}, accepted=True),
    Case("postcode-malformed", {"country": "US", "postcode": "102"}),
    Case("point-malformed", {"latitude": "91", "longitude": "0"}),
    Case("point-malformed", {"latitude": "NaN", "longitude": "5"}),
    Case("point-malformed", {"latitude": "5"}),
    Case("point-malformed", {"latitude": "0", "longitude": "0.0"}),
    Case("location-described-twice", {"location": "NYC-1", "postcode": "10001", "country": "US"}, accepted=True),
    Case("list-too-long", {"options": "|".join(map(str, range(301)))}),
    Case("text-too-long", {"options": "x" * 121}),
    Case("photo-malformed", {"photos": "https://example.org/1.jpg|javascript:alert(1)"}),
    Case("code-malformed", {"model_code": "a b"}),
    Case("text-too-long", {"attributes.note": "x" * 501}),
    Case(
        "attribute-malformed", {"make": "Ford", "n": "x"},
        mapping=Mapping(code="m", properties={"make": Source(columns=("make",))},
                        attributes={"n": AttributeSource(columns=("n",), kind="INTEGER")}),
    ),
    Case(
        "attribute-implausible", {"make": "Ford", "n": "14009"}, accepted=True,
        mapping=Mapping(code="m", properties={"make": Source(columns=("make",))},
                        attributes={"n": AttributeSource(columns=("n",), kind="INTEGER", highest="1500")}),
    ),
    Case(
        "taken-from-other-column", {"make": "", "title": "VW_Golf"}, accepted=True,
        mapping=Mapping(code="m", properties={
            "make": Source(columns=("make",), otherwise=Source(columns=("title",), reads="MAKE_OF_TITLE"))}),
    ),
    Case(
        "row-refused", {"brand": "ford", "offerType": "GESUCH", "name": "x", "dateCrawled": "y", "postalCode": "10115"},
        mapping=shipped_mappings()["listings_de"],
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}-{'-'.join(case.cells.values())[:20]}")
def test_each_kind_of_fault_is_found_alone(case: Case) -> None:
    found = one(case.mapping, **case.cells)
    assert (warned(found) if case.accepted else refused(found)) == [case.code]


ELSEWHERE = {"row-malformed", "row-too-long", "row-ragged", "property-unknown", "property-nested", "value-listed",
             "characters-impossible", "place-incomplete", "account-unknown", "account-forbidden", "brand-forbidden",
             "location-unknown", "held-elsewhere", "identity-contradicted", "stock-number-taken", "external-key-taken",
             "date-contradicted", "row-forbidden", "row-unstorable"}  # fmt: skip


def test_no_kind_of_fault_is_without_a_test() -> None:
    assert {case.code for case in CASES} | ELSEWHERE == set(KINDS)


def test_a_dropped_or_mended_value_keeps_its_text() -> None:
    found = car(make="Ford", price=" 0 ", currency="USD", country="DE", postcode="1067")
    assert (found.price_minor, found.raw) == (None, {"price": "0", "postcode": "1067"})
    assert found.location == LocationDescription(postcode="01067", country="DE")


def test_a_country_alone_is_no_place() -> None:
    assert car(make="Ford", country="US").location is None


def test_the_currencys_sign_names_it_where_only_one_has_it() -> None:
    found = car(make="Ford", price="£8000")
    assert (found.price_minor, found.price_currency) == (800_000, "GBP")


def test_gears_are_an_attribute_and_no_part_of_the_transmission() -> None:
    assert car(make="Ford", transmission="7-Gang DSG").attributes == {"gears": 7}
    assert car(make="Ford", transmission="7-Speed").transmission == "7-Speed"
    unknown = car(make="Ford", transmission="Magic 3-speed")
    assert (unknown.transmission, unknown.attributes, unknown.raw) == ("Magic 3-speed", {"gears": 3}, {})


def test_identities_come_in_the_order_of_the_contract() -> None:
    mapping = Mapping(
        code="keyed",
        properties={
            name: Source(columns=(name,)) for name in ("vin", "external_keys", "stock_number", "location", "make")
        },
        key=Key(system="lots", columns=("lot",)),
    )
    cells = {"vin": "1FTEW1EG6JFA12345", "external_keys": "dms:1", "stock_number": "S1", "location": "L", "lot": "9",
             "make": "Ford"}  # fmt: skip
    expected = [
        Identity("VIN", "", "1FTEW1EG6JFA12345"),
        Identity("EXTERNAL_KEY", "dms", "1"),
        Identity("STOCK_NUMBER", "", "S1"),
        Identity("KEY_COLUMNS", "lots", "9"),
    ]
    for gone, rest in (("", 0), ("vin", 1), ("external_keys", 2), ("stock_number", 3)):
        cells = {name: "" if name == gone else text for name, text in cells.items()}
        found = one(mapping, **cells)
        assert isinstance(found, Accepted)
        assert list(found.identities) == expected[rest:]
    found = one(mapping, **cells | {"lot": ""})
    assert isinstance(found, Accepted)
    assert [identity.kind for identity in found.identities] == ["ROW_HASH"]


def test_a_stock_number_without_a_place_names_no_car() -> None:
    found = one(stock_number="S1", make="Ford")
    assert isinstance(found, Accepted)
    assert [identity.kind for identity in found.identities] == ["ROW_HASH"]


def test_the_hash_of_a_row_is_that_of_its_texts_and_not_of_their_meaning() -> None:
    def key(**cells: str) -> str:
        found = one(**cells)
        assert isinstance(found, Accepted)
        return found.identities[0].key

    assert key(make="Ford", exterior_color="black") == key(exterior_color=" black ", make="Ford", trim="")
    assert key(make="Ford", exterior_color="black") != key(make="Ford", exterior_color="Black")
    assert key(make="Ford", exterior_color="black") == key(make="Ford", exterior_color="black", forecourt_row="7")
    assert key(make="Ford", model="x", trim="") != key(make="Ford", model="", trim="x")


def test_a_partial_file_speaks_only_of_its_columns() -> None:
    found = one(vin="1FTEW1EG6JFA12345", price="100", currency="USD")
    assert isinstance(found, Accepted)
    assert found.vehicle.given == {"vin", "price"}
    assert found.warnings == ()


hostile = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30),
    st.sampled_from(
        ["1" * 400, "-0", "1e308", "9223372036854775808", "NaN", "Infinity", "2026-13-45", "24:00", "\u202e",
         "=cmd|'/C'!A0", "' OR 1=1", "{{7*7}}", "../..", "%00",
         "| |", ":", "a:", ":b", "İ", "ﬁ", "\ufeff", "١٢٣", "½", "𝟙", "x" * 5000]
    ),
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(sorted(PROPERTIES | {"attributes.a"})), hostile, min_size=1, max_size=12))
def test_any_row_is_accepted_or_rejected_with_reasons_and_raises_nothing(row: dict[str, str]) -> None:
    for found in outcomes(csv_of(list(row), list(row.values()))):
        if isinstance(found, Rejected):
            assert found.reasons
        else:
            # what PostgreSQL can hold as text and jsonb
            assert "\0" not in "".join(found.vehicle.raw.values()).encode().decode()
            json.dumps(found.vehicle.attributes, allow_nan=False)


@given(st.dictionaries(st.sampled_from(sorted(PROPERTIES)), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | hostile,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=6,
), min_size=1, max_size=6))  # fmt: skip
def test_any_json_row_is_accepted_or_rejected_with_reasons_and_raises_nothing(row: dict[str, object]) -> None:
    (found,) = outcomes(json.dumps(row).encode(), file_format="NDJSON")
    assert isinstance(found, Accepted) or found.reasons


@pytest.mark.parametrize("mapping", shipped_mappings().values(), ids=shipped_mappings().keys())
@given(data=st.data())
def test_no_shipped_mapping_raises_on_any_row(mapping: Mapping, data: st.DataObject) -> None:
    columns = sorted(mapping.columns())
    cells = data.draw(st.lists(hostile, min_size=len(columns), max_size=len(columns)))
    for found in outcomes(csv_of(columns, cells), mapping):
        assert isinstance(found, Accepted) or found.reasons
