"""Whatever is killed or stopped while people write: what was acknowledged is there once, and the service comes back."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.journeys.served import Served
from tests.journeys.writing import Writers, check

pytestmark = pytest.mark.xdist_group("journeys")
PARTS = ("web worker", "job worker", "database", "supervisor")


async def _killed(served: Served, parts: list[str], chance: random.Random) -> None:
    async with Writers(served) as writers:
        for part in parts:
            await writers.acknowledge(chance.randint(1, 40))
            await asyncio.sleep(chance.random() * 0.02)
            await asyncio.to_thread(served.kill, part)
            if part == "supervisor":
                served.start()
            await asyncio.to_thread(served.until_ready)
        await writers.acknowledge(20)
    assert len(writers.account.acknowledged) >= 20 * len(parts) // 2
    await check(served, writers.account)


@pytest.mark.parametrize("part", PARTS)
async def test_what_was_acknowledged_is_there_once_after_a_kill(served: Served, part: str) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    await _killed(served, [part], random.Random(seed))


@pytest.mark.stress
async def test_what_was_acknowledged_is_there_once_after_a_hundred_kills(served: Served) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    parts = [chance.choice(PARTS) for _ in range(100)]
    for start in range(0, len(parts), 10):
        await _killed(served, parts[start : start + 10], chance)


async def _stopped(served: Served, chance: random.Random) -> None:
    async with Writers(served, again=False) as writers:
        await writers.acknowledge(chance.randint(20, 60))
        assert await asyncio.to_thread(served.stop) == 0
    served.start()
    await asyncio.to_thread(served.until_ready)
    answerless = await check(served, writers.account)
    assert not answerless, "requests that had begun were not answered"


async def test_a_stop_under_load_answers_what_has_begun_and_loses_nothing(served: Served) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    await _stopped(served, random.Random(seed))


@pytest.mark.stress
async def test_twenty_stops_under_load_answer_what_has_begun_and_lose_nothing(served: Served) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(20):
        await _stopped(served, chance)
