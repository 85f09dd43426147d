"""Stock search in memory: immutable segments of columns, searched by the kernel, changed by whole snapshots.

What the contract leaves open is decided so:

- Without `sort` the newest in stock come first (`days_in_stock` ascending), then by id. `relevance` is the number of
  the text's words that stand whole in make, model or trim; its order is descending unless given.
- The options facet leaves out `options_all` and `options_any`; every other facet the criterion of its name, the
  default status included. `near` without a radius filters nothing and is no relaxation.
- A distance is the arc over the chord between two points on the sphere, to the last bit the same on every processor;
  a radius takes in what lies exactly on its rim.
- A search that could hold a core for half a second is refused (`search-too-costly`), at the criterion that costs most.
- Buckets of model years and odometers are followed by `{"value": null}` where numbers are absent; price buckets hold
  the vehicles priced in the currency asked for and no others. The first and the last bucket are open.
- The commonest spelling of a value is taken over the rows that the audience's class sees: offered cars for guests and
  customers, what is shown to the network for partners, all for staff; the smallest text among equals.
  It does not change with the criteria, and guests and partners see no spelling that only rows unseen by them have;
  staff limited to brands may see another brand's.
- An attribute's value compares by its text (true, 7, 7 for 7.0), a range only with numbers. A code that nobody has
  matches nothing, unless the index knows the catalogue of codes: then it is an unknown property.
- A word of the text is a run of letters, marks and digits; what signs divide is found joined too (F-150 by f150).
"""

from inventory.index.answer import Finding
from inventory.index.audience import EVERYTHING, GUEST, Audience
from inventory.index.bulk import Tuples, kilometres
from inventory.index.fragments import VehicleView
from inventory.index.stock import StockIndex

__all__ = [
    "EVERYTHING",
    "GUEST",
    "Audience",
    "Finding",
    "StockIndex",
    "Tuples",
    "VehicleView",
    "kilometres",
]
