"""The network of locations as a car is looked for in it: the own place, its regional centre, then hub after hub."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import msgspec

from inventory.index.places import Places

CENTRE, HUB = "DISTRIBUTION_CENTER", "HUB"


class Site(msgspec.Struct, frozen=True):
    """A location as far as its place in the network goes."""

    id: str
    kind: str
    latitude: float | None = None
    longitude: float | None = None
    parent_location_id: str | None = None


class Way(msgspec.Struct, frozen=True):
    """How locations follow each other from an origin.

    Hop 0 is the origin's own location, hop 1 its regional centre with everything that the centre serves, and from 2 on
    each hub with what it serves, by distance from the origin, then by id. `beyond` is the hop of everything else.
    """

    latitude: float
    longitude: float
    hops: tuple[tuple[str, ...], ...]
    hop_of: Mapping[str, int]
    distances: Mapping[str, float]
    """Kilometres to each location that has a point."""

    @property
    def beyond(self) -> int:
        """The last hop: locations that no hub serves, and vehicles that stand nowhere known."""
        return len(self.hops)


class Network:
    """All locations.

    A location is served by the first centre among itself and its ancestors, and by the first hub; one that has neither
    by the nearest centre, one that has no hub by the nearest hub. A hub is served by itself and by no centre.
    """

    def __init__(self, sites: Iterable[Site]) -> None:
        self.sites = {site.id: site for site in sites}
        self._places = Places()
        self._codes = {id: self._places.code_of(site.latitude, site.longitude) for id, site in self.sites.items()}
        self._centres = [site for site in self.sites.values() if site.kind == CENTRE]
        self._hubs = [site for site in self.sites.values() if site.kind == HUB]
        self._served = {id: self._servers(site) for id, site in self.sites.items()}

    def distances(self, latitude: float, longitude: float) -> dict[str, float]:
        """Kilometres from a point to every location that has one: to the last bit those of a search."""
        found = self._places.distances_km(latitude, longitude, range(len(self._places))).tolist()
        return {id: found[code] for id, code in self._codes.items() if code}

    def way_from(self, latitude: float, longitude: float, own: str | None = None) -> Way:
        """The way from a point, or from the location `own` at that point."""
        distances = self.distances(latitude, longitude)
        centre = self._above(self.sites[own], CENTRE) if own is not None else None
        centre = centre or _nearest(self._centres, distances)
        hubs = sorted(self._hubs, key=lambda hub: (distances.get(hub.id, math.inf), hub.id))
        number = {hub.id: at for at, hub in enumerate(hubs, 2)}
        members: list[list[str]] = [[] for _ in range(2 + len(hubs))]
        hop_of: dict[str, int] = {}
        for id, (serving_centre, hub) in self._served.items():
            hop = number.get(hub or "", len(members))
            if id == own:
                hop = 0
            elif centre is not None and serving_centre == centre.id:
                hop = 1
            hop_of[id] = hop
            if hop < len(members):
                members[hop].append(id)
        return Way(latitude, longitude, tuple(map(tuple, members)), hop_of, distances)

    def _above(self, site: Site, kind: str) -> Site | None:
        """The first of a kind among a location and its ancestors; parents may stand in a circle."""
        seen: set[str] = set()
        at: Site | None = site
        while at is not None and at.id not in seen:
            if at.kind == kind:
                return at
            seen.add(at.id)
            at = self.sites.get(at.parent_location_id or "")
        return None

    def _servers(self, site: Site) -> tuple[str | None, str | None]:
        """The ids of the centre and the hub that serve a location."""
        if site.kind == HUB:
            return None, site.id
        centre, hub = self._above(site, CENTRE), self._above(site, HUB)
        if hub is None and site.latitude is not None and site.longitude is not None:
            distances = self.distances_among(site.latitude, site.longitude)
            centre = centre or _nearest(self._centres, distances)
            hub = _nearest(self._hubs, distances)
        return centre.id if centre else None, hub.id if hub else None

    def distances_among(self, latitude: float, longitude: float) -> dict[str, float]:
        """Kilometres from a point to the centres and hubs that have one."""
        found = self._places.distances_km(latitude, longitude, range(len(self._places)))
        codes = ((site.id, self._codes[site.id]) for site in (*self._centres, *self._hubs))
        return {id: float(found[code]) for id, code in codes if code}


def _nearest(sites: Iterable[Site], distances: Mapping[str, float]) -> Site | None:
    reachable = [site for site in sites if site.id in distances]
    return min(reachable, key=lambda site: (distances[site.id], site.id), default=None)
