"""Row scopes: which rows of a table each persona reaches, as at most three indexable arms a policy."""

from __future__ import annotations

import msgspec

from domain.kit.policy import Persona

_SHAPES = {
    "own": "{column} = any((select app.units())::uuid[])",
    "owner": "{column} = (select app.uid())",
    "group": "{column} = any((select app.group_units())::uuid[])",
    "related": "{column} = any((select app.related())::uuid[])",
    "assets": "{column} = any((select app.assets())::uuid[])",
    "shared": "audience = any((select app.audiences())::smallint[])",
    "everyone": "true",
}
MOST_ARMS = 3


class Arm(msgspec.Struct, frozen=True):
    """One way to reach a row. `own`: rows reached so are the caller's own; `writes`: they may be changed."""

    kind: str
    column: str
    personas: tuple[Persona, ...]
    own: bool
    writes: bool

    def to(self, *personas: Persona) -> Rows:
        """The same arm for these personas only."""
        return Rows((msgspec.structs.replace(self, personas=personas),))

    @property
    def sql(self) -> str:
        """The condition, in the one shape that keeps an index usable and the set evaluated once a query."""
        return _SHAPES[self.kind].format(column=self.column)


class Rows(msgspec.Struct, frozen=True):
    """The arms of a record type."""

    arms: tuple[Arm, ...]

    def __or__(self, other: Rows) -> Rows:
        return Rows(self.arms + other.arms)

    def to(self, *personas: Persona) -> Rows:
        """These arms for these personas only."""
        return Rows(tuple(msgspec.structs.replace(arm, personas=personas) for arm in self.arms))

    def read_only(self) -> Rows:
        """These arms for reading alone."""
        return Rows(tuple(msgspec.structs.replace(arm, writes=False) for arm in self.arms))

    def of(self, persona: Persona) -> tuple[Arm, ...]:
        """The arms that apply to a persona; ValueError beyond three, for each more costs every list."""
        found = tuple(arm for arm in self.arms if persona in arm.personas)
        if len(reading(found)) > MOST_ARMS:
            raise ValueError(f"{len(found)} arms for {persona}: a policy carries at most {MOST_ARMS}")
        return found

    @property
    def account(self) -> str | None:
        """The column that says whose row it is."""
        return next((arm.column for arm in self.arms if arm.kind == "own"), None)


def own(column: str) -> Rows:
    """Rows whose account is one of the caller's."""
    return Rows((Arm("own", column, ("CUSTOMER", "PARTNER"), own=True, writes=True),))


def group(column: str) -> Rows:
    """Rows of the whole dealer group, for reading: what a branch shows to its sisters."""
    return Rows((Arm("group", column, ("PARTNER",), own=False, writes=False),))


def reading(arms: tuple[Arm, ...]) -> list[Arm]:
    """The arms that a reading policy needs: own accounts are part of the group's."""
    grouped = {arm.column for arm in arms if arm.kind == "group"}
    return [arm for arm in arms if not (arm.kind == "own" and arm.column in grouped)]


def owner(column: str) -> Rows:
    """Rows that belong to the calling user."""
    return Rows((Arm("owner", column, ("CUSTOMER", "PARTNER"), own=True, writes=True),))


def related(column: str) -> Rows:
    """Rows of customers with whom the caller's dealership has a relation that is in force today."""
    return Rows((Arm("related", column, ("PARTNER",), own=True, writes=True),))


def assets(column: str) -> Rows:
    """Rows about cars in which the caller's account or contact takes part today."""
    return Rows((Arm("assets", column, ("CUSTOMER",), own=True, writes=False),))


def shared() -> Rows:
    """Rows opened by their `audience` code, kept by the record's behaviour and by sharing rules."""
    return Rows((Arm("shared", "audience", ("GUEST", "CUSTOMER", "PARTNER"), own=False, writes=False),))


def everyone() -> Rows:
    """Every row, to whoever holds a grant on the record type."""
    return Rows((Arm("everyone", "", ("GUEST", "CUSTOMER", "PARTNER"), own=False, writes=False),))


def staff_only() -> Rows:
    """No row to anybody but the manufacturer's staff and systems."""
    return Rows(())
