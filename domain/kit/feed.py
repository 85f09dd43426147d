"""The change feed: who follows the history sees every committed change exactly once and in the order of commits.

Sequence numbers and transaction ids are given before commits and in another order; a follower that reads "greater than
the last" loses what commits late. So a follower keeps the snapshot it has seen (`Mark`) and asks for the transactions
that were not visible then and are visible now.
"""

from __future__ import annotations

import base64
import re
from datetime import datetime
from typing import Any

import msgspec

from domain.kit.db import Connection
from domain.kit.errors import Malformed

_QUERY = """
select pg_current_snapshot()::text as snapshot, app.epoch()::text as epoch, c.entity, c.record_id, c.op, c.at, c.changes
  from (select 1) one left join (
       select seq, entity, record_id, op, at, changes from history
        where xid >= pg_snapshot_xmin($1::text::pg_snapshot)
          and not pg_visible_in_snapshot(xid, $1::text::pg_snapshot)
          and entity = any($2::text[])) c on true
 order by c.seq"""


class Mark(msgspec.Struct, frozen=True):
    """A state of the database: its epoch and which transactions are visible (PostgreSQL's `xmin:xmax:xip,…`)."""

    epoch: str
    snapshot: str

    @property
    def _parts(self) -> tuple[int, int, frozenset[int]]:
        xmin, xmax, running = self.snapshot.split(":")
        return int(xmin), int(xmax), frozenset(int(xid) for xid in running.split(",") if xid)

    def sees(self, xid: int) -> bool:
        """Whether the transaction's writes belong to this state."""
        _, xmax, running = self._parts
        return xid < xmax and xid not in running

    def covers(self, other: Mark) -> bool:
        """Whether everything visible in the other state is visible in this one."""
        if other.epoch != self.epoch:
            return False
        _, xmax, running = self._parts
        return xmax >= other._parts[1] and not any(other.sees(xid) for xid in running)

    @property
    def token(self) -> str:
        """The state as callers get it."""
        return base64.urlsafe_b64encode(f"{self.epoch}/{self.snapshot}".encode()).decode().rstrip("=")


class Change(msgspec.Struct, frozen=True):
    """A record that has changed: what it is now is read from its table, what it was stands in `changes`."""

    entity: str
    record_id: str
    op: str
    at: datetime
    changes: dict[str, list[Any]]


def written(epoch: str, xid: str, snapshot: str) -> str:
    """The token of a write: its transaction, and the state that the transaction saw when it was done."""
    return f"{epoch}.{xid}.{snapshot.replace(':', '-')}"


_WRITTEN = re.compile(r"(?P<epoch>[0-9a-f-]{36})\.(?P<xid>\d{1,19})\.(?P<snapshot>\d{1,19}-\d{1,19}-[\d,]{0,4000})")
_SNAPSHOT = re.compile(r"\d{1,19}:\d{1,19}:(\d{1,19}(,\d{1,19})*)?")


def covered(mark: Mark, token: str) -> bool:
    """Whether a state contains what a change token (of a write, or an `as_of`) stands for; Malformed if it is none."""
    found = _WRITTEN.fullmatch(token)
    if found:
        return mark.epoch == found["epoch"] and mark.sees(int(found["xid"]))
    return mark.covers(parse(token))


def parse(token: str, where: str = "X-After-Change") -> Mark:
    """The state from which to follow so that nothing after the token is missed; Malformed names `where` it stood."""
    found = _WRITTEN.fullmatch(token)
    try:
        if found:
            epoch, snapshot = found["epoch"], found["snapshot"].replace("-", ":")
        else:
            text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode("ascii")
            epoch, _, snapshot = text.partition("/")
        if not _SNAPSHOT.fullmatch(snapshot):
            raise ValueError
        return Mark(epoch, snapshot)
    except ValueError:
        raise Malformed.at(where, "is no change token") from None


async def begin(connection: Connection) -> Mark:
    """The state that the connection's transaction sees: read it and the tables in one REPEATABLE READ transaction."""
    row = await connection.fetchrow("select app.epoch()::text as epoch, pg_current_snapshot()::text as snapshot")
    return Mark(row["epoch"], row["snapshot"])


async def changes(connection: Connection, after: Mark, entities: list[str]) -> tuple[Mark, list[Change]]:
    """What has been committed since a state, and the state it leads to; a change of epoch shows in the mark alone."""
    rows = await connection.fetch(_QUERY, after.snapshot, entities)
    mark = Mark(rows[0]["epoch"], rows[0]["snapshot"])
    if mark.epoch != after.epoch:
        return mark, []
    return mark, [Change(*row[2:]) for row in rows if row["entity"] is not None]
