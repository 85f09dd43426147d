"""Spellings of values: one meaning each, labels by language, and model names out of titles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.importing.errors import MappingFault
from inventory.importing.values import CHOICES, Aliases, Spelling, folded, model_and_trim, shipped_spellings

from .files import ALIASES


@pytest.mark.parametrize(
    ("vocabulary", "text", "value"),
    [
        ("color", "Schwarz", "Black"),
        ("color", "black", "Black"),
        ("color", "WEISS", "White"),
        ("color", "Weiß", "White"),
        ("color", "grey", "Gray"),
        ("color", "Jet Black", None),
        ("fuel_type", "benzin", "Gasoline"),
        ("fuel_type", "Petrol", "Gasoline"),
        ("fuel_type", "Gasoline/Mild Electric Hybrid", "Mild Hybrid"),
        ("fuel_type", "E85 Flex Fuel", "Flex Fuel"),
        ("drivetrain", "AWD", "All-wheel Drive"),
        ("drivetrain", "All-wheel Drive", "All-wheel Drive"),
        ("drivetrain", "Front Wheel Drive", "Front-wheel Drive"),
        ("drivetrain", "4WD", "Four-wheel Drive"),
        ("transmission", "A/T", "Automatic"),
        ("transmission", "manuell", "Manual"),
        ("transmission", "Automatic CVT", "CVT"),
        ("body_style", "Limousine", "Sedan"),
        ("body_style", "kombi", "Wagon"),
        ("make", "vw", "Volkswagen"),
        ("make", "mercedes_benz", "Mercedes-Benz"),
        ("make", "ŠKODA", "Skoda"),
        ("make", "vauxhall", "Vauxhall"),
        ("country", " usa", "US"),
        ("country", "Deutschland", "DE"),
        ("region.US", "new jersey", "NJ"),
        ("region.US", "RT", None),
        ("condition", "gebraucht", "USED"),
        ("boolean", "nein", "false"),
        ("nothing", "x", None),
    ],
)
def test_spellings_mean_one_value(vocabulary: str, text: str, value: str | None) -> None:
    assert ALIASES.value(vocabulary, text) == value


def test_every_value_spells_itself_and_has_labels_where_people_see_it() -> None:
    labelled = {(one.vocabulary, one.value) for one in shipped_spellings() if one.locale == "de"}
    for one in shipped_spellings():
        assert ALIASES.value(one.vocabulary, one.value) == one.value
        assert ALIASES.value(one.vocabulary, one.alias) == one.value
        if one.vocabulary in ("color", "fuel_type", "drivetrain", "transmission", "body_style"):
            assert (one.vocabulary, one.value) in labelled


def test_the_seed_can_be_stored_one_row_a_spelling_and_locale() -> None:
    keys = [(one.vocabulary, one.alias, one.locale) for one in shipped_spellings()]
    assert len(keys) == len(set(keys))


def test_the_closed_vocabularies_are_those_of_the_contract() -> None:
    for vocabulary, choices in CHOICES.items():
        assert {one.value for one in shipped_spellings() if one.vocabulary == vocabulary} == set(choices)


def test_a_spelling_of_two_values_is_refused() -> None:
    with pytest.raises(MappingFault, match="both"):
        Aliases([Spelling("color", "noir", "Black"), Spelling("color", "Noir", "Dark")])


@given(st.text(max_size=30))
def test_folding_is_stable_and_blind_to_case_and_blanks(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    assert folded(f"  {text}_") == folded(text)


@pytest.mark.parametrize(
    ("make", "text", "model", "trim"),
    [
        ("Jeep", "Grand Cherokee Limited", "Grand Cherokee", "Limited"),
        ("Jeep", "Grand Cherokee L Summit", "Grand Cherokee L", "Summit"),
        ("Land Rover", "Range Rover Sport 5.0L SVR", "Range Rover Sport", "5.0L SVR"),
        ("Land Rover", "Range Rover", "Range Rover", None),
        ("Toyota", "Camry XLE", "Camry", "XLE"),
        ("Tesla", "Model 3 Long Range", "Model 3", "Long Range"),
        ("Chrysler", "Town & Country Touring-L", "Town & Country", "Touring-L"),
        (None, "Grand Cherokee Limited", "Grand", "Cherokee Limited"),
        ("Toyota", "", None, None),
    ],
)
def test_the_longest_known_model_name_is_the_model(make: str, text: str, model: str | None, trim: str | None) -> None:
    assert model_and_trim(make, text) == (model, trim)


def test_a_make_is_found_at_the_start_of_a_title() -> None:
    assert ALIASES.at_start("make", "Land Rover Discovery HSE") == ("Land Rover", "Discovery HSE")
    assert ALIASES.at_start("make", "VW SHARAN TDI") == ("Volkswagen", "SHARAN TDI")
    assert ALIASES.at_start("make", "Suche ein Auto") is None
