"""Rate limits: so many requests a second for each caller, counted once over all worker processes of a node.

A signed-in caller is counted under their own name, a guest under the address (IPv6: the /64 network). Tokens that open
nothing are counted under the address too, so that guessing is slow. The counts of all workers of a node lie in one
small shared file: two processes that write the same place at the same moment may lose one count, never more.
"""

from __future__ import annotations

import functools
import hashlib
import ipaddress
import math
import mmap
import os
import struct
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from domain.kit.errors import TooManyRequests
from domain.kit.policy import Principal
from service.settings import Network, Settings

BURST_SECONDS = 10.0
"""A caller who was silent may catch up this many seconds' worth at once."""
_ROUNDING = 1e-6
_PLACES = 16_384
_WAYS = 4
_ROW = struct.Struct("<QdQdQdQd")
_ENTRY = struct.Struct("<Qd")


class Limits:
    """The limiter of one process; `folder` holds what it shares with the other workers of the node."""

    def __init__(self, settings: Settings, folder: Path, clock: Callable[[], float] = time.monotonic):
        self._guests = settings.rate_guests
        self._people = settings.rate_people
        self._systems = settings.rate_systems
        self._clock = clock
        self._secret = hashlib.sha256(b"limits" + settings.secret_key.encode()).digest()
        self._shared = _opened(folder / "limits") if self._guests or self._people or self._systems else None

    def take(self, principal: Principal, address: str) -> None:
        """Count one request of the caller; TooManyRequests."""
        if principal.persona == "GUEST":
            self._take(f"a{network_of(address)}", self._guests)
        elif principal.persona == "SYSTEM":
            self._take(f"s{principal.name}", self._systems)
        else:
            self._take(f"p{principal.name}", self._people)

    def may_try(self, address: str) -> None:
        """TooManyRequests where too many wrong tokens came from the address lately."""
        self._take(f"t{network_of(address)}", self._guests, count=False)

    def tried(self, address: str) -> None:
        """Count one wrong token."""
        self._take(f"t{network_of(address)}", self._guests)

    def _take(self, name: str, rate: int, *, count: bool = True) -> None:
        """A leaky bucket: what is stored is the moment at which it will be empty."""
        if not rate or self._shared is None:
            return
        mark = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8, key=self._secret).digest(), "little") | 1
        place = mark % _PLACES * _ROW.size
        row = _ROW.unpack_from(self._shared, place)
        marks, moments = row[0::2], row[1::2]
        way = marks.index(mark) if mark in marks else moments.index(min(moments))
        now = self._clock()
        empty_at = moments[way] if marks[way] == mark else 0.0
        if not now <= empty_at <= now + BURST_SECONDS + 1.0:  # long ago, or of a clock before the last start
            empty_at = now
        waiting = empty_at + 1 / rate - now - BURST_SECONDS
        if waiting > _ROUNDING:
            raise TooManyRequests(retry_after=max(1, math.ceil(waiting)))
        if count:
            _ENTRY.pack_into(self._shared, place + way * _ENTRY.size, mark, empty_at + 1 / rate)


def _opened(path: Path) -> mmap.mmap:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.ftruncate(handle, _PLACES * _ROW.size)
        return mmap.mmap(handle, _PLACES * _ROW.size)
    finally:
        os.close(handle)


@functools.lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, an IPv6 /64 network."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def client_of(peer: str, headers: Sequence[tuple[bytes, bytes]], trusted: tuple[Network, ...]) -> str:
    """The address of the client: the peer, or what trusted proxies tell in X-Forwarded-For, read from its end.

    Whatever stands before the first address that no trusted proxy wrote is the client's own invention.
    """
    if not trusted or not _is_trusted(peer, trusted):
        return peer
    told = b",".join(value for name, value in headers if name == b"x-forwarded-for").decode("latin-1")
    for part in reversed(told.split(",")):
        found = part.strip().strip("[]")
        try:
            ipaddress.ip_address(found)
        except ValueError:
            return peer
        if not _is_trusted(found, trusted):
            return found
        peer = found
    return peer


@functools.lru_cache(maxsize=4096)
def _is_trusted(address: str, trusted: tuple[Network, ...]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in trusted)
