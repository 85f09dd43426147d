"""The booking benchmark runs, and what it measures never collides."""

from __future__ import annotations

import pytest

from bench.booking.__main__ import main


def test_booking_is_measured_beside_its_peer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--clients", "8", "--pairs", "1", "--seconds", "0.2", "--rounds", "5"]) == 0
    told = capsys.readouterr().out
    assert "overlaps of ours 0" in told
    assert "rounds without exactly one winner 0" in told
    assert "deadlocks 0" in told
