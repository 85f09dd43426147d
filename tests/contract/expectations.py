"""The checked-in table of who is answered what: `expected.txt`, one block a route, one line a group of callers.

    GET /api/v1/things/{id}
      200 200 404 404  dealers !BDC
      404 404 404 404  GUEST

The numbers are the statuses for own rows, rows of the same account, rows of others, and rows that are not there.
`dealers` and `staff` are all roles of the kind, `!ROLE` takes one out. After a change of rights that is meant, write
the table anew with FORECOURT_WRITE_EXPECTED=1 and read the difference before you commit it.
"""

from __future__ import annotations

from pathlib import Path

from domain.kit.policy import DEALER_ROLES, STAFF_ROLES

FILE = Path(__file__).with_name("expected.txt")
_KINDS = {"dealers": frozenset(DEALER_ROLES) - {"SUPPLIER"}, "staff": frozenset(STAFF_ROLES)}
Cells = dict[str, dict[str, str]]
"""Route → caller → statuses, separated by spaces."""


def read() -> Cells:
    """The table; ValueError for a line that says nothing."""
    found: Cells = {}
    route = ""
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        if not line.startswith(" "):
            route = line
            found[route] = {}
            continue
        statuses, _, names = line.strip().partition("  ")
        if not names:
            raise ValueError(line)
        for caller in _expanded(names.split()):
            found[route][caller] = statuses
    return found


def _expanded(words: list[str]) -> set[str]:
    found: set[str] = set()
    for word in words:
        found |= _KINDS.get(word, frozenset({word} if not word.startswith("!") else ()))
    return found - {word[1:] for word in words if word.startswith("!")}


def write(cells: Cells) -> None:
    """Write the table."""
    lines = ["# See expectations.py."]
    for route in sorted(cells, key=lambda name: (name.split()[1], name)):
        lines.append(route)
        groups: dict[str, set[str]] = {}
        for caller, statuses in cells[route].items():
            groups.setdefault(statuses, set()).add(caller)
        lines.extend(f"  {statuses}  {_shortened(names)}" for statuses, names in sorted(groups.items()))
    FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _shortened(names: set[str]) -> str:
    words: list[str] = []
    rest = set(names)
    for word, kind in _KINDS.items():
        if len(names & kind) > len(kind) / 2:
            words += [word, *(f"!{name}" for name in sorted(kind - names))]
            rest -= kind
    return " ".join([*sorted(rest), *words])
