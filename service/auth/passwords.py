"""Passwords: argon2id in threads of its own, the same work for users who are not there, and what a password must be."""

from __future__ import annotations

import asyncio
import functools
import os
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from domain.kit.errors import Invalid, Unavailable
from service.services import Services

T = TypeVar("T")
SHORTEST, LONGEST = 12, 256
_MOST_WAITING = 256
_FEWEST_DIFFERENT = 5


class Passwords:
    """Hashes and verifies off the event loop; callers beyond a bounded queue are told to come again.

    The parameters are OWASP's for argon2id (19 MiB, two passes, one lane): a check costs about 20 ms of one core.
    """

    def __init__(self, hasher: Argon2Hasher | None = None):
        self._argon2 = PasswordHash((hasher or Argon2Hasher(time_cost=2, memory_cost=19_456, parallelism=1),))
        self._threads = ThreadPoolExecutor(max(2, (os.cpu_count() or 2) // 2), thread_name_prefix="argon2")
        self._waiting = 0

    @functools.cached_property
    def _nobodys(self) -> str:
        return self._argon2.hash("the password of nobody")

    async def hash(self, password: str) -> str:
        """What is stored of a password."""
        return await self._run(functools.partial(self._argon2.hash, _normal(password)))

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Whether it is the password; a new hash where the stored one has outdated parameters.

        Without a stored hash the work is done all the same, so that its time tells nothing.
        """
        right, new = await self._run(functools.partial(self._verify, password, stored))
        return right and stored is not None, new if right and stored is not None else None

    def _verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        if len(password) > LONGEST:
            return False, None
        return self._argon2.verify_and_update(_normal(password), stored or self._nobodys)

    async def _run(self, work: functools.partial[T]) -> T:
        if self._waiting >= _MOST_WAITING:
            raise Unavailable("Too many people are signing in at this moment", retry_after=2)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def passwords(services: Services) -> Passwords:
    """The process's own; a test puts a cheaper one into `services.parts` before."""
    found: Passwords = services.parts.setdefault("passwords", _ours())
    return found


@functools.cache
def _ours() -> Passwords:
    return Passwords()


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


def acceptable(password: str, mail: str, pointer: str = "/password") -> str:
    """The password, if it may become one; Invalid with the reason."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid.at(pointer, f"has {SHORTEST} to {LONGEST} characters")
    if len(set(password)) < _FEWEST_DIFFERENT:
        raise Invalid.at(pointer, f"has fewer than {_FEWEST_DIFFERENT} different characters")
    if password.casefold() in (mail.casefold(), mail.partition("@")[0].casefold()):
        raise Invalid.at(pointer, "is the e-mail address")
    return password
