"""Column mappings are data that is checked, and the shipped ones say what they do about every kind of dirt."""

import msgspec
import pytest

from inventory.importing.errors import HeaderFault, MappingFault, UnknownColumn
from inventory.importing.findings import KINDS, Action
from inventory.importing.mapping import DEFAULT, PROPERTIES, Decision, Key, Mapping, Source, checked
from inventory.importing.plan import Plan, Words
from inventory.importing.shipped import shipped_mappings

from .files import ALIASES


def test_the_shipped_mappings_are_those_of_the_contract() -> None:
    assert list(shipped_mappings()) == [
        "default", "listings_us", "listings_us_auction", "listings_de", "listings_uk", "listings_uk_unclean",
    ]  # fmt: skip


@pytest.mark.parametrize("mapping", shipped_mappings().values(), ids=shipped_mappings().keys())
def test_a_mapping_is_plain_json_and_back(mapping: Mapping) -> None:
    stored = msgspec.json.encode(mapping)
    assert checked(msgspec.json.decode(stored, type=Mapping)) == mapping


@pytest.mark.parametrize("mapping", [m for m in shipped_mappings().values() if m is not DEFAULT], ids=lambda m: m.code)
def test_every_decision_gives_its_reason(mapping: Mapping) -> None:
    assert len(mapping.decisions) >= 5
    assert all(decision.because.endswith(".") for decision in mapping.decisions)


def test_what_contradicts_itself_is_refused_with_every_place() -> None:
    mapping = Mapping(
        code="bad",
        properties={"colour": Source(columns=("c",)), "make": Source(columns=("m",))},
        constants={"make": "Ford"},
        values={"condition": {"good": "FINE"}, "model": {"a*b": "x", "*": "y"}},
        ignored=("m",),
        price_lowest="10",
        price_highest="5",
        decisions=(
            Decision(dirt="x", action=Action.KEEP, because="y", codes=("vin-check-digit", "no-such-thing")),
            Decision(dirt="z", action=Action.REJECT, because="y", codes=("vin-check-digit",)),
        ),
    )
    with pytest.raises(MappingFault) as fault:
        checked(mapping)
    assert [error.pointer for error in fault.value.errors] == [
        "/properties/colour", "/constants/make", "/values/condition/good", "/values/model/a*b", "/values/model/*",
        "/ignored/0", "/price_lowest", "/decisions/0/codes", "/decisions/0/codes", "/decisions/1/codes",
    ]  # fmt: skip


@pytest.mark.parametrize("code", sorted(KINDS))
def test_every_kind_of_fault_says_what_it_means_and_may_do(code: str) -> None:
    kind = KINDS[code]
    assert kind.meaning
    assert len(set(kind.actions)) == len(kind.actions) >= 1


def test_an_unknown_column_refuses_the_file_and_is_named() -> None:
    plan = Plan(DEFAULT, ALIASES)
    plan.check_header(["vin", "make", "attributes.seats", "forecourt_row"])
    with pytest.raises(UnknownColumn, match="'colour'") as refusal:
        plan.check_header(["vin", "colour", "id", ""])
    assert refusal.value.status == 400
    assert [(error.pointer, error.detail) for error in refusal.value.errors] == [
        ("/colour", "is not a column of this mapping"),
        ("/id", "is set by the service and cannot be imported"),
        ("/", "has no name"),
    ]


def test_a_file_without_its_key_columns_or_any_known_column_is_refused() -> None:
    mapping = Mapping(
        code="keyed", properties={"make": Source(columns=("m",))}, key=Key(system="s", columns=("k",)), ignored=("x",)
    )
    with pytest.raises(HeaderFault, match="'k'"):
        Plan(mapping, ALIASES).check_header(["m"])
    plain = msgspec.structs.replace(mapping, key=None)
    with pytest.raises(HeaderFault, match="none of the file's columns"):
        Plan(plain, ALIASES).check_header(["x"])


def test_words_match_whole_or_by_their_beginning_or_end() -> None:
    words = Words({"* Certified": "CERTIFIED", "New*": "NEW", "used": "USED", "andere": ""})
    assert [words.meaning(text) for text in ("BMW Certified", "new car", "USED", "Andere", "Certified BMW")] == [
        "CERTIFIED", "NEW", "USED", "", None,
    ]  # fmt: skip


def test_the_default_mapping_reads_every_property_under_its_own_name() -> None:
    assert DEFAULT.columns() >= PROPERTIES
    assert all(DEFAULT.action(code) is kind.usual for code, kind in KINDS.items())


def test_what_a_row_speaks_of_is_told_by_its_columns() -> None:
    given = Plan(DEFAULT, ALIASES).given
    assert given(("vin", "price", "currency", "mileage_mi", "postcode", "attributes.seats")) == {
        "vin", "price", "odometer", "location", "attributes.seats",
    }  # fmt: skip
    us = Plan(shipped_mappings()["listings_us"], ALIASES).given
    assert "location" not in us(("VIN", "Price"))
