"""All centres in memory as one state of the database has them, and how a change makes the next state of it."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime

import msgspec
import numpy as np
from numpy.typing import NDArray

from scheduling.calendar.center import NOTHING, Center
from scheduling.calendar.patterns import CELLS_A_DAY, WORD, Patterns
from scheduling.calendar.rows import Busy, CenterRow, Resource, WorkType

DAYS_AHEAD = 62
"""So far ahead the bits of every centre are kept; further ones are made when they are asked for."""
EARTH_KM = 6371.0088
Used = Mapping[tuple[date, str], int]


class Reserved(msgspec.Struct, frozen=True):
    """A live reservation with the number and the id of its resource."""

    no: int
    resource_id: str
    busy: Busy


class World:
    """One state of all centres; never changed, so that a reader sees the whole of a change or nothing of it."""

    __slots__ = ("_points", "centers", "outside", "work", "work_version")

    def __init__(
        self,
        centers: Mapping[str, Center],
        outside: Mapping[int, tuple[Busy, ...]],
        work: Mapping[str, WorkType],
        work_version: int,
        points: tuple[list[str], NDArray[np.float64], NDArray[np.float64]] | None = None,
    ) -> None:
        """`outside`: what is reserved of vehicles that belong to no centre."""
        self.centers = centers
        self.outside = outside
        self.work = work
        self.work_version = work_version
        self._points = points

    def points(self) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
        """The ids of centres that have a point, in order, and latitudes and longitudes in radians."""
        if self._points is None:
            placed = [self.centers[id].row for id in sorted(self.centers)]
            placed = [row for row in placed if row.latitude is not None]
            where = np.radians(np.array([(row.latitude, row.longitude) for row in placed], np.float64).reshape(-1, 2))
            self._points = ([row.id for row in placed], where[:, 0].copy(), where[:, 1].copy())
        return self._points

    def nearest(self, latitude: float, longitude: float, most: int, radius_km: float | None = None) -> list[str]:
        """The centres nearest to a point by great circle on a sphere, the nearest first; equal ones by id."""
        ids, half, inside = self._inside(latitude, longitude, most, radius_km)
        return [ids[i] for i in sorted(inside.tolist(), key=lambda i: (half[i], i))]

    def around(self, latitude: float, longitude: float, most: int, radius_km: float | None = None) -> list[str]:
        """The same centres by id."""
        ids, _, inside = self._inside(latitude, longitude, most, radius_km)
        return [ids[i] for i in np.sort(inside).tolist()]

    def _inside(
        self, latitude: float, longitude: float, most: int, radius_km: float | None
    ) -> tuple[list[str], NDArray[np.float64], NDArray[np.intp]]:
        ids, latitudes, longitudes = self.points()
        here, there = np.radians(latitude), np.radians(longitude)
        half = (
            np.sin((latitudes - here) / 2) ** 2
            + np.cos(here) * np.cos(latitudes) * np.sin((longitudes - there) / 2) ** 2
        )
        if radius_km is not None:
            inside = np.flatnonzero(half <= np.sin(min(radius_km / EARTH_KM, np.pi) / 2) ** 2)
        else:
            inside = np.arange(len(ids))
        if len(inside) > most:
            limit = np.partition(half[inside], most - 1)[most - 1]
            nearer = inside[half[inside] < limit]
            inside = np.concatenate([nearer, inside[half[inside] == limit][: most - len(nearer)]])
        return ids, half, inside


def horizon(today: date, days: int = DAYS_AHEAD) -> Patterns:
    """The stretch from the day before `today` (UTC: it is still yesterday somewhere) over so many days."""
    first = int(datetime(today.year, today.month, today.day, tzinfo=UTC).timestamp()) // 300 - CELLS_A_DAY
    cells = -(-(days + 2) * CELLS_A_DAY // WORD) * WORD
    return Patterns(first, cells)


class Calendar:
    """The present state, and what is needed to make the next one; one writer, any number of readers of `world`.

    A reader takes `world` and `patterns` once and works on with them.
    """

    def __init__(self, today: date, days: int = DAYS_AHEAD) -> None:
        self.days = days
        self.today = today
        self.patterns = horizon(today, days)
        self.world = World({}, {}, {}, 0)
        self.resources: dict[int, Resource] = {}
        self.ids: dict[int, str] = {}
        self.numbers: dict[str, int] = {}
        self._members: dict[str, set[int]] = {}
        """The numbers of each centre's resources."""
        self._busy: dict[int, tuple[Busy, ...]] = {}
        self._held_by: dict[str, tuple[int, ...]] = {}
        """The numbers of the resources that each appointment holds."""
        self._ends: dict[str, float] = {}
        """When the holds of appointments end, in Unix seconds."""
        self._wide: dict[tuple[int, int], Patterns] = {}
        self._lock = threading.Lock()

    def turn(self, today: date) -> None:
        """A new day has begun: bits are made for the new stretch when they are asked for."""
        if today != self.today:
            self.today, self.patterns = today, horizon(today, self.days)
            self._wide.clear()

    def stretch(self, first: int, last: int) -> Patterns:
        """The patterns that have the cells [first, last): those kept, or others made for the question."""
        kept = self.patterns
        if kept.first <= first and last <= kept.last:
            return kept
        begin = (first - CELLS_A_DAY) // CELLS_A_DAY * CELLS_A_DAY
        begin -= begin % WORD
        cells = -(-(last - begin) // (7 * CELLS_A_DAY)) * 7 * CELLS_A_DAY
        cells = -(-cells // WORD) * WORD
        with self._lock:
            found = self._wide.get((begin, cells))
            if found is None:
                if len(self._wide) >= 8:
                    self._wide.clear()
                found = self._wide[begin, cells] = Patterns(begin, cells)
        return found

    def load(
        self,
        rows: Iterable[CenterRow],
        resources: Iterable[Resource],
        reserved: Iterable[Reserved],
        used: Mapping[str, Used],
        work: Iterable[WorkType],
        work_version: int,
        now: float,
    ) -> None:
        """Take a whole state of the database; `now` in Unix seconds: holds that ended before count for nothing."""
        self.resources, self._members, self._busy = {}, {}, {}
        self._held_by, self._ends = {}, {}
        for one in resources:
            self._know(one)
        self._hold(reserved, now)
        centers = {row.id: self._built(row, used.get(row.id)) for row in rows}
        self.world = World(centers, self._outside(), {one.code: one for one in work}, work_version)

    def _know(self, one: Resource) -> None:
        known = self.resources.get(one.no)
        if known is not None and one.kind == "VEHICLE":
            one = msgspec.structs.replace(one, members=tuple(dict.fromkeys((*known.members, *one.members))))
        self.resources[one.no] = one
        self.ids[one.no] = one.id
        self.numbers[one.id] = one.no
        for member in one.members:
            self._members.setdefault(member.center_id, set()).add(one.no)

    def _forget(self, no: int) -> set[str]:
        """Takes a resource out of its centres; which they were."""
        one = self.resources.pop(no, None)
        left = {member.center_id for member in one.members} if one is not None else set()
        for id in left:
            self._members[id].discard(no)
        return left

    def _hold(self, reserved: Iterable[Reserved], now: float) -> set[int]:
        """Notes reservations; the numbers of the resources that have got some."""
        found: dict[int, list[Busy]] = defaultdict(list)
        held_by: dict[str, dict[int, None]] = defaultdict(dict)
        for one in reserved:
            busy = one.busy
            if busy.held_until is not None:
                if busy.held_until <= now:
                    continue
                ends = self._ends.get(busy.appointment_id, busy.held_until)
                self._ends[busy.appointment_id] = min(ends, busy.held_until)
            found[one.no].append(busy)
            held_by[busy.appointment_id][one.no] = None
            if one.no not in self.ids:
                self.ids[one.no], self.numbers[one.resource_id] = one.resource_id, one.no
        self._held_by.update((appointment, tuple(nos)) for appointment, nos in held_by.items())
        for no, each in found.items():
            self._busy[no] = tuple(sorted((*self._busy.get(no, NOTHING), *each), key=lambda busy: busy[:3]))
        return set(found)

    def _built(self, row: CenterRow, used: Used | None) -> Center:
        nos = self._members.get(row.id, ())
        busy = {no: self._busy[no] for no in nos if no in self._busy}
        return Center(row, [self.resources[no] for no in nos], busy, used)

    def _outside(self) -> dict[int, tuple[Busy, ...]]:
        return {no: each for no, each in self._busy.items() if no not in self.resources}

    def reshape(
        self, rows: Sequence[CenterRow], gone: Collection[str], resources: Sequence[Resource], asked: Collection[str]
    ) -> None:
        """Put centres and resources in place of theirs.

        `gone`: centres that take no appointments any more. `asked`: ids of resources that have been read again;
        those not among `resources` exist no more.
        """
        centers = self.world.centers
        touched = {row.id for row in rows}
        for id in asked:
            touched |= self._forget(self.numbers.get(id, 0))
        for one in resources:
            self._know(one)
            touched.update(member.center_id for member in one.members)
        known = {id: center.row for id, center in centers.items()} | {row.id: row for row in rows}
        built = {
            id: self._built(known[id], centers[id].used if id in centers else None)
            for id in touched.difference(gone) & known.keys()
        }
        world = self.world
        kept = {id: center for id, center in centers.items() if id not in gone} if gone else centers
        points = None if rows or gone else world.points()
        self.world = World({**kept, **built}, self._outside(), world.work, world.work_version, points)

    def rework(self, work: Iterable[WorkType], version: int) -> None:
        """Put other work types in place."""
        world = self.world
        self.world = World(world.centers, world.outside, {one.code: one for one in work}, version, world.points())

    def rebook(
        self,
        appointments: Collection[str],
        reserved: Sequence[Reserved],
        used: Mapping[str, Used],
        counted: Collection[str],
        now: float,
    ) -> None:
        """Put what these appointments hold now in place of what they held, and the counts of the centres `counted`."""
        world, gone = self.world, set(appointments)
        nos = {no for id in gone for no in self._held_by.pop(id, ())}
        for id in gone:
            self._ends.pop(id, None)
        for no in nos:
            self._busy[no] = tuple(one for one in self._busy[no] if one.appointment_id not in gone)
            if not self._busy[no]:
                del self._busy[no]
        nos |= self._hold(reserved, now)
        touched: dict[str, dict[int, tuple[Busy, ...]]] = {id: {} for id in counted if id in world.centers}
        for no in nos & self.resources.keys():
            for member in self.resources[no].members:
                if member.center_id in world.centers:
                    touched.setdefault(member.center_id, {})[no] = self._busy.get(no, NOTHING)
        centers = {
            id: world.centers[id].with_busy(mine, self.patterns, used.get(id, {}) if id in counted else None)
            for id, mine in touched.items()
        }
        outside = world.outside if nos <= self.resources.keys() else self._outside()
        points = world.points()
        self.world = World({**world.centers, **centers}, outside, world.work, world.work_version, points)

    def held_by(self, appointment_id: str) -> frozenset[int]:
        """The numbers of the resources that an appointment has."""
        return frozenset(self._held_by.get(appointment_id, ()))

    def expired(self, now: float) -> list[str]:
        """The appointments whose holds have ended since."""
        return [id for id, ends in self._ends.items() if ends <= now]
