"""One row while it is read: hands out its texts and gathers what is found wrong and what is kept raw."""

from __future__ import annotations

from collections.abc import Mapping

from inventory.importing.findings import Action, Finding, finding
from inventory.importing.mapping import TEXT_PROPERTIES
from inventory.importing.plan import Plan, Taken, has_removed_characters
from inventory.importing.rows import Cell

_LONGEST_RAW = 500


class Row:
    """The working state of one row. Readers take texts from it and report faults to it; it never stops at the first."""

    def __init__(self, plan: Plan, cells: Mapping[str, Cell], typed: bool = False) -> None:
        self.plan = plan
        self.mapping = plan.mapping
        self.aliases = plan.aliases
        self.cells = cells
        self.typed = typed
        self.findings: list[Finding] = []
        self.raw: dict[str, str] = {}

    def take(self, name: str) -> Taken | None:
        """The property's text; None where nothing is stated."""
        if name not in self.plan.active:
            return None
        taken = self.plan.take(name, self.cells)
        if taken is None:
            return None
        if has_removed_characters(taken.raw):
            self.report("characters-removed", "control or direction characters were taken out", taken, name)
        if not taken.text:
            self.keep_raw(name, taken)
            return None
        if taken.second_choice:
            self.report("taken-from-other-column", f"{name} was read from here", taken, name)
        return taken

    def line(self, name: str) -> str | None:
        """A text property as it stands; None where nothing is stated or it is too long."""
        taken = self.take(name)
        return None if taken is None else self.fitting(name, taken.text, taken)

    def fitting(self, name: str, text: str, taken: Taken) -> str | None:
        """The text, if it is not longer than its property takes."""
        longest = TEXT_PROPERTIES[name]
        if len(text) <= longest:
            return text
        self.report("text-too-long", f"has {len(text):,} characters; {longest} is the most", taken, name)
        return None

    def report(self, code: str, detail: str, taken: Taken | None = None, field: str | None = None) -> Action:
        """Notes a fault; what the mapping does about it. Unless it rejects, the raw text is kept."""
        action = self.plan.actions[code]
        self.findings.append(finding(code, action, detail, taken.column if taken else None, field))
        if taken is not None and field is not None and action is not Action.REJECT:
            self.keep_raw(field, taken)
        return action

    def keep_raw(self, field: str, taken: Taken) -> None:
        """Stores the text as it came beside the value that was made of it."""
        self.raw[field] = taken.raw.strip()[:_LONGEST_RAW]

    def kept(self, code: str, detail: str, taken: Taken | None = None, field: str | None = None) -> bool:
        """Notes a fault; whether the value stays."""
        return self.report(code, detail, taken, field) in (Action.KEEP, Action.MEND)
