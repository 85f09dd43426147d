"""Who asks, as far as the index must know: whose rows and which fields they may see."""

from __future__ import annotations

import msgspec


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of a caller; equal to the row policies of the database.

    `guarded` (guests, customers): offered cars only, and never VIN, registration or stock number, not even by text.
    Else `everything` (staff, systems): all rows. Else (partners): the rows of the accounts in `units`, and what
    others show to the network or the public. `brands` limits each of them to rows of these brands, spelled so.
    """

    guarded: bool = True
    units: frozenset[str] = frozenset()
    everything: bool = False
    brands: frozenset[str] | None = None

    @property
    def kind(self) -> str:
        """The class of rows over which the commonest spelling of a value is taken: offered, network or all."""
        return "offered" if self.guarded else "all" if self.everything else "network"


GUEST = Audience()
EVERYTHING = Audience(guarded=False, everything=True)
