"""`forecourt bench booking`: bookings beside an unsafe peer in interleaved pairs, and one slot that everybody wants."""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Sequence

import asyncpg
import uvloop

from bench.booking import rivals
from bench.booking.rivals import OURS, UNSAFE
from bench.data import served
from service.ops.database import Addresses

AT_LEAST, AIM = 0.45, 0.6


def parser() -> argparse.ArgumentParser:
    """What may be said after `forecourt bench booking`."""
    made = argparse.ArgumentParser(prog="forecourt bench booking", description=__doc__)
    made.add_argument("--clients", type=int, default=64, metavar="N", help="connections; 64 unless given")
    made.add_argument("--pairs", type=int, default=5, metavar="N", help="interleaved pairs; 5 unless given")
    made.add_argument("--seconds", type=float, default=3, metavar="S", help="each half of a pair; 3 unless given")
    made.add_argument("--rounds", type=int, default=200, metavar="N", help="of all for one slot; 200 unless given")
    made.add_argument("--seed", type=int, default=20261122, metavar="N")
    return made


def main(words: Sequence[str] | None = None) -> int:
    """Measures and prints; 1 where something collided or deadlocked."""
    arguments = parser().parse_args(words)
    with served("bench_booking") as addresses:
        return uvloop.run(_measured(addresses, arguments))


async def _measured(addresses: Addresses, arguments: argparse.Namespace) -> int:
    owner = await rivals.prepared(addresses)
    clients = [await rivals.connected(addresses) for _ in range(arguments.clients)]
    rng = random.Random(arguments.seed)
    print(f"seed {arguments.seed}, {arguments.clients} connections, commits are durable")
    collided = await _pairs(owner, clients, arguments, rng)
    lost = await _stampede(owner, clients, arguments.rounds, rng)
    deadlocks = await rivals.deadlocks(owner)
    print(f"deadlocks {deadlocks}")
    for one in (*clients, owner):
        await one.close()
    return int(bool(collided or lost or deadlocks))


async def _pairs(
    owner: asyncpg.Connection, clients: list[asyncpg.Connection], arguments: argparse.Namespace, rng: random.Random
) -> int:
    """Pairs of phases on empty tables, the order changing: bookings a second of both, and the ratios."""
    ratios, collided = [], 0
    print(f"{'':>6} {'ours/s':>8} {'p99 ms':>7} {'unsafe/s':>9} {'p99 ms':>7} {'ratio':>6}  overlaps: ours, unsafe")
    for pair in range(arguments.pairs):
        await rivals.emptied(owner)
        seeds = rng.random()
        rates, tails = {}, {}
        for how in (OURS, UNSAFE) if pair % 2 else (UNSAFE, OURS):
            times, seconds = await _phase(clients, how, arguments.seconds, seeds)
            rates[how], tails[how] = len(times) / seconds, _percentile(times, 99)
        met = {how: await rivals.overlaps(owner, how) for how in (OURS, UNSAFE)}
        collided += met[OURS]
        ratios.append(rates[OURS] / rates[UNSAFE])
        print(
            f"{pair + 1:>6} {rates[OURS]:>8,.0f} {tails[OURS] * 1e3:>7.1f} {rates[UNSAFE]:>9,.0f} "
            f"{tails[UNSAFE] * 1e3:>7.1f} {ratios[-1]:>6.2f}  {met[OURS]}, {met[UNSAFE]}"
        )
    print(f"median ratio {statistics.median(ratios):.2f}, at least {AT_LEAST}, aim {AIM}; overlaps of ours {collided}")
    return collided


async def _phase(clients: list[asyncpg.Connection], how: str, seconds: float, seed: float) -> tuple[list[float], float]:
    """All clients book random places for so long: how long each booking took, and the time for all."""
    times: list[float] = []
    began = time.perf_counter()
    until = began + seconds

    async def work(connection: asyncpg.Connection, rng: random.Random) -> None:
        while (start := time.perf_counter()) < until:
            await rivals.take(connection, how, rivals.place(rng))
            times.append(time.perf_counter() - start)

    await asyncio.gather(*(work(one, random.Random(f"{seed} {at}")) for at, one in enumerate(clients)))
    return times, time.perf_counter() - began


async def _stampede(
    owner: asyncpg.Connection, clients: list[asyncpg.Connection], rounds: int, rng: random.Random
) -> int:
    """All want one slot and half of those that get it roll back: rounds without exactly one winner, and overlaps."""
    await rivals.emptied(owner)
    times: list[float] = []
    lost = 0
    for number in range(rounds):
        first = rivals.FIRST + number * rivals.LENGTH
        wanted = ([1, rivals.RESOURCES], [first] * 2, [first + rivals.LENGTH] * 2)
        won = await asyncio.gather(*(_attempt(one, wanted, rng.random() < 0.5, times) for one in clients))
        lost += sum(won) != 1
    collided = await rivals.overlaps(owner, OURS)
    print(
        f"one slot for {len(clients)} clients, {rounds} rounds: p50 {_percentile(times, 50) * 1e3:.1f} ms, "
        f"p99 {_percentile(times, 99) * 1e3:.1f} ms (at most 50), max {max(times) * 1e3:.1f} ms (at most 500); "
        f"rounds without exactly one winner {lost}, overlaps {collided}"
    )
    return lost + collided


async def _attempt(
    connection: asyncpg.Connection, wanted: tuple[list[int], list[int], list[int]], gives_up: bool, times: list[float]
) -> bool:
    start = time.perf_counter()
    transaction = connection.transaction()
    await transaction.start()
    had = await rivals.take(connection, OURS, wanted)
    if had and not gives_up:
        await transaction.commit()
    else:
        await transaction.rollback()
    times.append(time.perf_counter() - start)
    return had and not gives_up


def _percentile(times: list[float], percent: int) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


if __name__ == "__main__":
    raise SystemExit(main())
