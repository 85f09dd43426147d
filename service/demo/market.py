"""Makes of the demo market: who builds under which brand, how dear, in which grades, under which maker's identifiers.

The organisation of the demo owns `OWN_BRANDS`; cars of other makes stand in stock as trade-ins and carry no brand.
World manufacturer identifiers are assigned facts (SAE, NHTSA); price factors are rough shape, not data.
"""

from __future__ import annotations

import msgspec

ORGANISATION = "Meridian Automotive"


class Make(msgspec.Struct, frozen=True):
    """A make: price level against Toyota, identifiers and grades (low to high) of cars, SUVs and trucks."""

    name: str
    code: str
    price_factor: float
    wmi_car: str
    wmi_suv: str
    wmi_truck: str
    car_grades: tuple[str, ...] = ()
    suv_grades: tuple[str, ...] = ()
    truck_grades: tuple[str, ...] = ()


MAKES = (
    Make("Toyota", "TO", 1.00, "4T1", "JTM", "5TF", ("LE", "SE", "XLE", "XSE"), ("LE", "XLE", "Adventure", "Limited"),
         ("SR", "SR5", "TRD Sport", "Limited")),
    Make("Lexus", "LX", 1.55, "JTH", "2T2", "2T2", ("Base", "Premium", "F Sport", "Luxury"),
         ("Base", "Premium", "F Sport", "Luxury")),
    Make("Ford", "FO", 1.04, "1FA", "1FM", "1FT", ("S", "SE", "SEL", "Titanium"), ("SE", "SEL", "ST-Line", "Limited"),
         ("XL", "XLT", "Lariat", "Platinum")),
    Make("Chevrolet", "CH", 1.02, "1G1", "1GN", "1GC", ("LS", "LT", "RS", "Premier"), ("LS", "LT", "RS", "Premier"),
         ("WT", "LT", "LTZ", "High Country")),
    Make("Hyundai", "HY", 0.90, "KMH", "KM8", "KM8", ("SE", "SEL", "N Line", "Limited"),
         ("SE", "SEL", "SEL Premium", "Limited")),
    Make("BMW", "BM", 1.70, "WBA", "5UX", "5UX"),
    Make("Honda", "HO", 1.00, "1HG", "5J6", "5FP", ("LX", "Sport", "EX-L", "Touring"), ("LX", "EX", "EX-L", "Touring"),
         ("Sport", "RTL", "RTL-E")),
    Make("Nissan", "NI", 0.94, "1N4", "5N1", "1N6", ("S", "SV", "SR", "SL"), ("S", "SV", "SL", "Platinum"),
         ("S", "SV", "PRO-4X")),
    Make("Kia", "KI", 0.90, "KNA", "KND", "KND", ("LX", "S", "EX", "SX"), ("LX", "S", "EX", "SX")),
    Make("Jeep", "JE", 1.08, "1C4", "1C4", "1C6", ("Sport", "Latitude"), ("Sport", "Latitude", "Limited", "Trailhawk"),
         ("Sport", "Overland", "Rubicon")),
    Make("Volkswagen", "VW", 0.98, "3VW", "1V2", "1V2", ("S", "SE", "R-Line", "SEL"), ("S", "SE", "R-Line", "SEL")),
    Make("Subaru", "SU", 0.98, "JF1", "4S4", "4S4", ("Base", "Premium", "Sport", "Limited"),
         ("Base", "Premium", "Limited", "Touring")),
    Make("Mazda", "MA", 0.96, "JM1", "JM3", "JM3", ("Sport", "Touring", "Grand Touring"),
         ("Sport", "Touring", "Grand Touring", "Signature")),
    Make("GMC", "GM", 1.15, "1GK", "1GK", "1GT", (), ("SLE", "SLT", "Denali"), ("SLE", "Elevation", "SLT", "Denali")),
    Make("Mercedes-Benz", "MB", 1.80, "WDD", "4JG", "WD4"),
    Make("Audi", "AU", 1.60, "WAU", "WA1", "WA1", ("Premium", "Premium Plus", "Prestige"),
         ("Premium", "Premium Plus", "Prestige")),
    Make("RAM", "RA", 1.10, "1C6", "1C6", "1C6", (), (), ("Tradesman", "Big Horn", "Laramie", "Limited")),
    Make("Tesla", "TE", 1.70, "5YJ", "5YJ", "5YJ"),
    Make("Volvo", "VO", 1.45, "YV1", "YV4", "YV4", ("Momentum", "R-Design", "Inscription"),
         ("Momentum", "R-Design", "Inscription")),
    Make("Cadillac", "CA", 1.50, "1G6", "1GY", "1GY", ("Luxury", "Premium Luxury", "Sport", "Platinum"),
         ("Luxury", "Premium Luxury", "Sport", "Platinum")),
    Make("Acura", "AC", 1.35, "19U", "5J8", "5J8", ("Base", "Technology", "Advance"),
         ("Base", "Technology", "Advance")),
    Make("INFINITI", "IN", 1.35, "JN1", "5N3", "5N3", ("Pure", "Luxe", "Sensory"), ("Pure", "Luxe", "Sensory")),
    Make("Lincoln", "LI", 1.45, "3LN", "5LM", "5LM", ("Premiere", "Select", "Reserve"), ("Standard", "Reserve")),
    Make("Buick", "BU", 1.15, "1G4", "5GA", "5GA", ("Preferred", "Essence", "Avenir"),
         ("Preferred", "Essence", "Avenir")),
    Make("MINI", "MI", 1.10, "WMW", "WMW", "WMW"),
    Make("Porsche", "PO", 2.60, "WP0", "WP1", "WP1"),
)  # fmt: skip

OWN_BRANDS = ("Toyota", "Lexus", "Ford", "Chevrolet", "Hyundai", "BMW")

# What a dealer may be franchised for, with how many dealers of a hundred are.
FRANCHISES: tuple[tuple[tuple[str, ...], int], ...] = (
    (("Toyota",), 22),
    (("Toyota", "Lexus"), 8),
    (("Ford",), 20),
    (("Chevrolet",), 16),
    (("Hyundai",), 12),
    (("BMW",), 10),
    (("Lexus",), 6),
    (("Ford", "Hyundai"), 3),
    (("Chevrolet", "Hyundai"), 3),
)

# The first models of the market in the order of their rank; the others follow by the number of their definitions.
BEST_SELLERS = (
    ("Ford", "F-150"), ("Toyota", "RAV4"), ("Chevrolet", "Silverado 1500"), ("Toyota", "Camry"), ("Honda", "CR-V"),
    ("Toyota", "Corolla"), ("Chevrolet", "Equinox"), ("Ford", "Explorer"), ("Toyota", "Highlander"),
    ("Toyota", "Tacoma"), ("Hyundai", "Tucson"), ("Ford", "Escape"), ("Honda", "Civic"), ("Nissan", "Rogue"),
    ("BMW", "3 Series"), ("Toyota", "RAV4 Hybrid"), ("Lexus", "RX 350"), ("BMW", "X3"), ("Chevrolet", "Traverse"),
    ("Honda", "Accord"), ("Hyundai", "Elantra"), ("Toyota", "4Runner"), ("Hyundai", "Santa Fe"), ("RAM", "1500"),
    ("BMW", "X5"), ("Chevrolet", "Malibu"), ("Toyota", "Camry Hybrid"), ("Jeep", "Grand Cherokee"),
    ("Ford", "Edge"), ("Toyota", "Tundra"), ("Chevrolet", "Tahoe"), ("Hyundai", "Sonata"), ("Ford", "Mustang"),
    ("Lexus", "NX 300"), ("Lexus", "ES 350"), ("Hyundai", "Kona"), ("Toyota", "Highlander Hybrid"),
    ("Chevrolet", "Bolt EV"), ("BMW", "5 Series"), ("Hyundai", "Kona Electric"), ("Hyundai", "Palisade"),
    ("Tesla", "Model 3"), ("Subaru", "Outback"), ("Jeep", "Wrangler"), ("Nissan", "Altima"), ("Mazda", "CX-5"),
    ("Volkswagen", "Jetta"), ("Kia", "Sportage"), ("Ford", "Expedition"), ("Lexus", "RX 450h"), ("Toyota", "Prius"),
)  # fmt: skip

BODY_PRICES = {
    "Sedan": 26_500,
    "Hatchback": 24_500,
    "Wagon": 30_500,
    "Coupe": 31_000,
    "Convertible": 41_000,
    "SUV": 30_500,
    "Pickup": 35_500,
    "Van": 34_000,
    "Minivan": 36_000,
}
FUEL_PRICES = {"Hybrid": 1.08, "Plug-in Hybrid": 1.22, "Electric": 1.32, "Diesel": 1.07}


def new_price(make: Make, body_style: str, fuel_type: str, drivetrain: str, displacement_l: float | None) -> int:
    """What the plainest such vehicle costs new, in whole United States dollars."""
    engine = (displacement_l / 2.2) ** 0.4 if displacement_l else 1.0
    driven = 1.06 if drivetrain in {"All-wheel Drive", "Four-wheel Drive"} else 1.0
    return round(BODY_PRICES[body_style] * make.price_factor * engine * driven * FUEL_PRICES.get(fuel_type, 1.0))
