"""Rate limits: the stated figure, shared between processes, and no way around by headers or addresses."""

import ipaddress
import multiprocessing
from pathlib import Path

import pytest

from domain.kit.errors import TooManyRequests
from domain.kit.policy import GUEST, Principal
from service.ops.limits import BURST_SECONDS, Limits, client_of, network_of
from service.settings import Settings

SETTINGS = Settings(secret_key="k" * 48, rate_guests=20, rate_people=10, rate_systems=100)
ALICE = Principal("CUSTOMER", user_id="alice")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def admitted(limits: Limits, principal: Principal, tries: int, address: str = "192.0.2.1") -> int:
    count = 0
    for _ in range(tries):
        try:
            limits.take(principal, address)
        except TooManyRequests:
            continue
        count += 1
    return count


def test_a_burst_is_let_through_and_then_the_stated_rate(tmp_path: Path) -> None:
    clock = Clock()
    limits = Limits(SETTINGS, tmp_path, clock)
    assert admitted(limits, ALICE, 500) == 10 * BURST_SECONDS
    count = 0
    for _ in range(1_000):
        clock.now += 0.01
        count += admitted(limits, ALICE, 3)
    assert count == pytest.approx(100, rel=0.05)


def test_the_refusal_says_when_to_come_again(tmp_path: Path) -> None:
    clock = Clock()
    limits = Limits(SETTINGS, tmp_path, clock)
    admitted(limits, ALICE, 200)
    with pytest.raises(TooManyRequests) as refusal:
        limits.take(ALICE, "192.0.2.1")
    clock.now += refusal.value.data["retry_after"]
    limits.take(ALICE, "192.0.2.1")


def test_callers_do_not_pay_for_each_other(tmp_path: Path) -> None:
    limits = Limits(SETTINGS, tmp_path, Clock())
    admitted(limits, ALICE, 500)
    assert admitted(limits, Principal("CUSTOMER", user_id="bob"), 50) == 50
    assert admitted(limits, GUEST, 50) == 50


def test_wrong_tokens_are_counted_under_the_address_and_stop_further_tries_alone(tmp_path: Path) -> None:
    limits = Limits(SETTINGS, tmp_path, Clock())
    with pytest.raises(TooManyRequests):  # noqa: PT012 - one of them is refused
        for _ in range(500):
            limits.tried("192.0.2.1")
    with pytest.raises(TooManyRequests):
        limits.may_try("192.0.2.1")
    limits.may_try("192.0.2.2")
    limits.take(GUEST, "192.0.2.1")


def test_a_clock_from_before_the_last_start_locks_nobody_out(tmp_path: Path) -> None:
    clock = Clock()
    clock.now = 1e6
    admitted(Limits(SETTINGS, tmp_path, clock), ALICE, 500)
    clock.now = 5.0
    assert admitted(Limits(SETTINGS, tmp_path, clock), ALICE, 500) == 100


def _in_another_process(folder: str, tries: int, told: "multiprocessing.Queue[int]") -> None:
    told.put(admitted(Limits(SETTINGS, Path(folder), Clock()), ALICE, tries))


def test_the_limit_is_one_for_all_processes(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    told: multiprocessing.Queue[int] = context.Queue()
    workers = [context.Process(target=_in_another_process, args=(str(tmp_path), 500, told)) for _ in range(2)]
    for worker in workers:
        worker.start()
    counts = [told.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert sum(counts) == pytest.approx(10 * BURST_SECONDS, rel=0.05)


def test_no_limit_means_none(tmp_path: Path) -> None:
    limits = Limits(Settings(secret_key="k" * 48), tmp_path / "absent", Clock())
    assert admitted(limits, GUEST, 5_000) == 5_000
    assert not (tmp_path / "absent").exists()


def test_rotating_within_an_ipv6_network_does_not_help() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1:2") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") != network_of("192.0.2.2")


PROXIES = (ipaddress.ip_network("10.0.0.0/8"),)


@pytest.mark.parametrize(
    ("peer", "told", "found"),
    [
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),  # no proxy of ours: the header is the client's invention
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "10.9.9.9", "10.9.9.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, <script>", "10.0.0.1"),
        ("10.0.0.1", "[2001:db8::1]", "2001:db8::1"),
    ],
)
def test_only_trusted_proxies_tell_who_calls(peer: str, told: str, found: str) -> None:
    headers = [(b"x-real-ip", b"9.9.9.9"), (b"forwarded", b"for=9.9.9.9"), (b"x-forwarded-for", told.encode())]
    assert client_of(peer, headers, PROXIES) == found
    assert client_of(peer, headers, ()) == peer
