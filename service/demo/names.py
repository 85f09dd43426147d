"""Names of the demo world's companies, streets and people: all made up; no real person or firm is in them."""

from __future__ import annotations

import numpy as np

FIRST_NAMES = (
    "Abel", "Ada", "Alma", "Anton", "Bea", "Bruno", "Cara", "Cyril", "Dana", "Dario", "Edda", "Elmar", "Esme", "Fabio",
    "Fern", "Gwen", "Hector", "Hilda", "Ida", "Ivo", "Jonas", "June", "Kaya", "Kurt", "Lena", "Linus", "Mabel", "Milo",
    "Nadia", "Nils", "Olive", "Oscar", "Pia", "Quentin", "Rhea", "Rufus", "Selma", "Silas", "Tilda", "Timo", "Una",
    "Ursula", "Vera", "Viktor", "Wanda", "Wilbur", "Xenia", "Yara", "Yorick", "Zelda",
)  # fmt: skip
FAMILY_STEMS = (
    "Aldermoss", "Bramblet", "Candlewick", "Dapplewood", "Eiderquill", "Fennimarsh", "Gorsebrook", "Hazelthorn",
    "Inkberrow", "Juniperly", "Kestreldown", "Larkmeadow", "Mossgrove", "Nettlecombe", "Oatfield", "Pebblebank",
    "Quillfeather", "Reedwater", "Sparrowgate", "Thistlemoor", "Umberlane", "Vetchling", "Willowhatch", "Yarrowfold",
)  # fmt: skip
FAMILY_ENDINGS = ("", "er", "by", "son", "low", "ard", "wick", "ley")

GROUP_NAMES = (
    "Ambercrest", "Bluefinch", "Cobaltway", "Dunlark", "Eastmere", "Fairholt", "Goldthorn", "Highbarrow", "Ironquay",
    "Junewood", "Kingsparrow", "Lindenmark", "Merrowgate", "Northquill", "Oakenfell", "Pinehurdle", "Quarrybank",
    "Ridgewren", "Stonemallow", "Tealbridge", "Upperdale", "Violetmoor", "Westhatch", "Yellowfen",
)  # fmt: skip
GROUP_ENDINGS = ("Motor Group", "Automotive", "Auto Group", "Motors")
BUSINESS_NAMES = ("Courier", "Landscaping", "Plumbing", "Catering", "Logistics", "Care Services", "Roofing", "Studio")
SUPPLIER_NAMES = ("Pebblebank Brake Systems", "Larkmeadow Batteries", "Inkberrow Glass")

STREETS = {
    "US": ("Harvest Road", "Old Mill Avenue", "Granary Street", "Signal Hill Road", "Larkspur Drive", "Quarry Street"),
    "DE": ("Mühlenweg", "Lindenallee", "Am Speicher", "Gewerbering", "Kranichstraße", "Torfweg"),
    "GB": ("Granary Lane", "Mill Street", "Signal Road", "Orchard Way", "Quarry Lane", "Weir Street"),
}


def family_name(rng: np.random.Generator) -> str:
    """An invented family name."""
    return FAMILY_STEMS[rng.integers(len(FAMILY_STEMS))] + FAMILY_ENDINGS[rng.integers(len(FAMILY_ENDINGS))]


def address(rng: np.random.Generator, country: str) -> str:
    """Street and number in the order of the country; the streets are invented."""
    streets = STREETS[country]
    street, number = streets[rng.integers(len(streets))], int(rng.integers(1, 990))
    return f"{street} {number}" if country == "DE" else f"{number} {street}"


def phone(country: str, number: int) -> str:
    """A telephone number out of the ranges kept for fiction, E.164; only the last digits differ."""
    if country == "DE":
        return f"+4930231255{number % 100:02d}"  # Bundesnetzagentur's numbers for films, Berlin
    if country == "GB":
        return f"+442079460{number % 1000:03d}"  # Ofcom's numbers for drama, London
    return f"+1{(201, 303, 412, 509, 615, 718, 816, 919)[number // 100 % 8]}55501{number % 100:02d}"


def group_name(number: int) -> str:
    """A dealer group's name, different for each number."""
    ending = GROUP_ENDINGS[number // len(GROUP_NAMES) % len(GROUP_ENDINGS)]
    round_ = number // (len(GROUP_NAMES) * len(GROUP_ENDINGS))
    return f"{GROUP_NAMES[number % len(GROUP_NAMES)]} {ending}" + (f" {round_ + 1}" if round_ else "")
