"""The column mappings that come with the product; the decision for each kind of dirt stands in each one's own file."""

from __future__ import annotations

import functools
from collections.abc import Mapping as Mapped
from importlib.resources import files
from types import MappingProxyType

import msgspec

from inventory.importing.mapping import DEFAULT, Mapping, checked

NAMES = ("listings_us", "listings_us_auction", "listings_de", "listings_uk", "listings_uk_unclean")


@functools.cache
def shipped_mappings() -> Mapped[str, Mapping]:
    """Every shipped mapping by its code, `default` first."""
    found = {DEFAULT.code: DEFAULT}
    for name in NAMES:
        source = files("inventory.importing") / "mappings" / f"{name}.toml"
        mapping = checked(msgspec.toml.decode(source.read_bytes(), type=Mapping))
        found[mapping.code] = mapping
    return MappingProxyType(found)
