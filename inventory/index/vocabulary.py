"""All dictionaries of an index, and the number by which kernel, segments and queries know each column."""

from __future__ import annotations

from inventory.index.dictionary import AttributeDictionary, Codes, Dictionary
from inventory.index.places import Places
from inventory.vehicle_row import STATUSES

TEXT_COLUMNS = (
    "make", "model", "trim", "body_style", "drivetrain", "fuel_type", "transmission", "exterior_color",
    "interior_color", "condition", "status", "location_id", "dealer_account_id", "brand", "price_currency",
)  # fmt: skip
"""Columns of one text a row; the code of a text is the code of its exact spelling."""
OPTIONS, PLACE, MODEL_YEAR, PRICE_BAND, ODOMETER_BAND = range(len(TEXT_COLUMNS), len(TEXT_COLUMNS) + 5)
FIXED_COLUMNS = ODOMETER_BAND + 1
"""Attributes have the numbers from here on, in the order in which they were first seen."""
WORD_COLUMNS = ("make", "model", "trim", "options")
INT_COLUMNS = ("price_minor", "model_year", "odometer_km", "in_stock_since", "available_on")
COLUMN = {name: number for number, name in enumerate(TEXT_COLUMNS)} | {"options": OPTIONS}
STATUS_CODES = {status: code for code, status in enumerate(STATUSES, 1)}
"""Known from the start, so that every segment can take any of them in place."""
INT = {name: number for number, name in enumerate(INT_COLUMNS)}


class Vocabulary:
    """Grows with the rows; never shrinks and never changes what a code means. One writer, any number of readers."""

    def __init__(self) -> None:
        self.options = Dictionary()
        self.texts = tuple(Dictionary() for _ in TEXT_COLUMNS)
        for status in STATUS_CODES:
            self.text("status").code(status)
        self.places = Places()
        self.years: Codes[int] = Codes()
        self.price_bands: Codes[tuple[str, int]] = Codes()
        self.odometer_bands: Codes[int] = Codes()
        self.attributes: dict[str, int] = {}
        """Column number by attribute code."""
        self._attribute_values: list[AttributeDictionary] = []

    @property
    def columns(self) -> int:
        """How many code columns there are; also a number that no column has."""
        return FIXED_COLUMNS + len(self._attribute_values)

    def text(self, name: str) -> Dictionary:
        """The dictionary of a text column or of the options."""
        return self.options if name == "options" else self.texts[COLUMN[name]]

    def attribute_column(self, code: str) -> int:
        """The column of an attribute, new if it was never seen. Writer only."""
        number = self.attributes.get(code)
        if number is None:
            number = self.columns
            self._attribute_values.append(AttributeDictionary())
            self.attributes[code] = number
        return number

    def attribute_values(self, column: int) -> AttributeDictionary:
        """The dictionary of an attribute by its column number."""
        return self._attribute_values[column - FIXED_COLUMNS]

    def size(self, column: int) -> int:
        """How many codes a column has by now, code 0 included."""
        if column < len(self.texts):
            return len(self.texts[column])
        if column >= FIXED_COLUMNS:
            return len(self.attribute_values(column)) if column < self.columns else 1
        return len((self.options, self.places, self.years, self.price_bands, self.odometer_bands)[column - OPTIONS])

    def dictionary(self, column: int) -> Dictionary:
        """The dictionary of a column that holds texts, options or an attribute."""
        if column < len(self.texts):
            return self.texts[column]
        return self.options if column == OPTIONS else self.attribute_values(column)

    def index_words(self) -> None:
        """Makes new makes, models, trims and options findable by their words. Writer only, before publishing."""
        for name in WORD_COLUMNS:
            self.text(name).index_words()
