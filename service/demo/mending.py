"""Tables that turn the names of the EPA's fuel-economy file into a make's own model, trim and body words.

The file writes drive, fuel and body into the model ("F150 Pickup 4WD FFV"), and sells one model under many spellings.
"""

from __future__ import annotations

import re
from typing import NamedTuple

NOT_RETAIL = re.compile(
    r"(?i)\b(cab chassis|incomplete|taxi|special service|usps|hearse|limousine|conversion|postal|police|natural gas)\b"
)

DRIVE_WORDS = re.compile(
    r"(?i)\b(2wd|4wd|awd|fwd|rwd|4x4|4matic(?: plus)?|quattro|4motion|xdrive|ffv|phev|"
    r"gvwr>?\d* ?lbs|payload(?: package)?|base payload.*|lt tire|active drive ii|lwb|swb)(?!\w)"
)
BRACKETS = re.compile(r"\(([^)]*)\)")
BATTERY = re.compile(r"(?i)^(\d+) ?(?:kw-?hr?|amp-hour|ah)\b.*$")

MAKE_NAMES = {"Infiniti": "INFINITI", "Ram": "RAM", "McLaren Automotive": "McLaren"}
NO_TRIM = re.compile(r"(?i)/|\b\d+ ?hp\b|\blbs\b")

# Longest first: "Gran Coupe" must not be read as a coupe. None: the word says nothing against the size class.
BODY_WORDS: tuple[tuple[str, str | None], ...] = (
    (r"gran coupe", "Sedan"),
    (r"gran turismo", "Hatchback"),
    (r"sports? wagon", "Wagon"),
    (r"station wagon", "Wagon"),
    (r"sportwagen", "Wagon"),
    (r"avant", "Wagon"),
    (r"convertible", "Convertible"),
    (r"cabriolet", "Convertible"),
    (r"crosscabriolet", "Convertible"),
    (r"roadster", "Convertible"),
    (r"spyder", "Convertible"),
    (r"spider", "Convertible"),
    (r"volante", "Convertible"),
    (r"coupe", "Coupe"),
    (r"2-?dr|2-door", "Coupe"),
    (r"sportback", "Hatchback"),
    (r"hatchback", "Hatchback"),
    (r"5-?dr|5-door", "Hatchback"),
    (r"sedan", "Sedan"),
    (r"4-?dr|4-door", "Sedan"),
    (r"wagon", "Wagon"),
    (r"cargo van|passenger van|cargo|passenger|van", "Van"),
    (r"pickup|truck", None),
)

FUEL_WORDS = re.compile(r"(?i)^(hybrid|energi|electric drive|electric|ev|eassist|plug-in hybrid|plug-in|natural gas)\b")
BLENDED_PLUG_IN = re.compile(r"(?i)\b(energi plug-in hybrid|plug-in)\b")


class Mend(NamedTuple):
    """Where `pattern` matches the whole stripped name of `make`, the name becomes `model` and `trim`."""

    make: str
    pattern: re.Pattern[str]
    model: str
    trim: str


def _mend(make: str, pattern: str, model: str, trim: str = "") -> Mend:
    return Mend(make, re.compile(pattern, re.IGNORECASE), model, trim)


MENDS: tuple[Mend, ...] = (
    _mend("BMW", r"(m?(\d)\d\d\w*)(.*)", r"\2 Series", r"\1\3"),
    _mend("BMW", r"activehybrid (\d)l?", r"\1 Series", r"ActiveHybrid \1"),
    _mend("BMW", r"(x\d|z4|m\d)\b ?(.*)", r"\1", r"\2"),
    _mend("BMW", r"i3s?\b.*", "i3"),
    _mend("BMW", r"i8\b.*", "i8"),
    _mend("Chevrolet", r"silverado (?:ld )?[ck]?1[05](?: xfe)?", "Silverado 1500"),
    _mend("Chevrolet", r"silverado (?:ld )?[ck]?1[05] trailboss", "Silverado 1500", "Trail Boss"),
    _mend("Chevrolet", r"silverado 15 hybrid", "Silverado 1500 Hybrid"),
    _mend("Chevrolet", r"suburban [ck]?(?:10|1500)", "Suburban"),
    _mend("Chevrolet", r"tahoe [ck]?(?:10|1500)", "Tahoe"),
    _mend("Chevrolet", r"avalanche 1500", "Avalanche"),
    _mend("Chevrolet", r"colorado crew cab", "Colorado", "Crew Cab"),
    _mend("Chevrolet", r"sonic 5 ?(.*)", "Sonic", r"\1"),
    _mend("Ford", r"f150 raptor", "F-150", "Raptor"),
    _mend("Ford", r"f150 limited", "F-150", "Limited"),
    _mend("Ford", r"f150\b.*", "F-150"),
    _mend("Ford", r"e(\d{3})\b.*", r"E-\1"),
    _mend("Ford", r"shelby (gt350) mustang", "Mustang", r"Shelby \1"),
    _mend("Ford", r"transit t?(\d{3})\b.*", r"Transit \1"),
    _mend("Ford", r"fiesta (sfe|st)", "Fiesta", r"\1"),
    _mend("Dodge", r"(dart|challenger) (.+)", r"\1", r"\2"),
    _mend("GMC", r"sierra (?:ltd )?[ck]?1[05](?: xfe)?", "Sierra 1500"),
    _mend("GMC", r"sierra [ck]?1[05] at4", "Sierra 1500", "AT4"),
    _mend("GMC", r"sierra 15 hybrid", "Sierra 1500 Hybrid"),
    _mend("GMC", r"yukon (denali )?1500 hybrid", "Yukon Hybrid", r"\1"),
    _mend("GMC", r"yukon denali k10", "Yukon", "Denali"),
    _mend("GMC", r"yukon [ck]?(?:10|1500) xl|yukon xl (?:[ck]?10|1500|2500)", "Yukon XL"),
    _mend("GMC", r"yukon [ck]?(?:10|1500)", "Yukon"),
    _mend("GMC", r"canyon crew cab", "Canyon", "Crew Cab"),
    _mend("Honda", r"civic - (type r)", "Civic", r"\1"),
    _mend("Honda", r"accord 2\.0t .*", "Accord", "2.0T"),
    _mend("Jeep", r"new (.+)", r"\1"),
    _mend("Jeep", r"grand cherokee (srt)8?", "Grand Cherokee", r"\1"),
    _mend("Lexus", r"(is \d{3})/.*", r"\1"),
    _mend("Mazda", r"([2356])(?: di)?", r"Mazda\1"),
    _mend("Mercedes-Benz", r"((?:amg |maybach )?([abcegrs])\d{2,3}.*)", r"\2-Class", r"\1"),
    _mend("Mercedes-Benz", r"((?:amg )?(cla|cls|cl|gla|glc|gle|glk|gls|gl|slc|slk|sl|ml)\d{2,3}.*)", r"\2", r"\1"),
    _mend("Mercedes-Benz", r"amg (gt)\b ?(.*)", r"AMG \1", r"\2"),
    _mend("Porsche", r"(?:new )?911 (.+)", "911", r"\1"),
    _mend("Subaru", r"ascent .*", "Ascent"),
    _mend("Tesla", r"(model \w)\b[ -]*(.*)", r"\1", r"\2"),
    _mend("Volkswagen", r"(beetle) (.+)", r"\1", r"\2"),
)

# Names that begin with another model's name and yet are models of their own.
OWN_MODELS = frozenset(
    name.casefold()
    for name in (
        "Corolla iM", "Elantra GT", "Elantra Touring", "Expedition EL", "Expedition MAX", "Forte 5", "Genesis R-Spec",
        "Golf Alltrack", "Golf R", "Malibu Limited", "Prius Prime", "Prius v", "Rogue Select", "Rogue Sport",
        "Santa Fe Sport", "Santa Fe XL", "Yaris iA", "Yukon XL", "Wrangler Unlimited", "Escalade ESV", "Escalade EXT",
        "Transit Connect", "Cruze Limited", "Range Rover Sport", "Range Rover Evoque", "Range Rover Velar",
        "Discovery Sport", "Eclipse Cross", "Outlander Sport", "A4 allroad", "Cooper Countryman", "Cooper Clubman",
    )
)  # fmt: skip

# What the EPA classes as a car for its size and everybody sells as an SUV.
SUVS = frozenset({
    "C-HR", "Cooper Countryman", "Crosstrek", "Crosstrek Hybrid", "E-Pace", "HR-V", "JCW Countryman", "Juke", "Kona",
    "Murano", "Murano Hybrid", "Niro", "Niro Electric", "Niro Plug-in Hybrid", "QX30", "UX 200", "UX 250h", "Venza",
    "X1", "X2", "XV Crosstrek", "XV Crosstrek Hybrid",
})  # fmt: skip
