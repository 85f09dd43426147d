"""Logs: JSON lines without VINs, secrets, values of the database or line breaks from outside."""

import json
import logging

import asyncpg
import pytest
import structlog

from service.ops import logs


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """What was logged so far, one object a line."""
    root = logging.getLogger()
    before, level = root.handlers, root.level
    logs.configure("INFO")
    yield lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    root.handlers, root.level = before, level
    structlog.reset_defaults()


def test_an_event_is_one_line_whatever_it_holds(lines) -> None:  # type: ignore[no-untyped-def]
    structlog.get_logger().info("request", route='/x\r\n{"forged": true}\u2028', other="a\nb")
    (line,) = lines()
    assert (line["event"], line["level"]) == ("request", "info")
    assert line["other"] == "a\nb"


def test_vins_tokens_and_passwords_are_hidden(lines) -> None:  # type: ignore[no-untyped-def]
    structlog.get_logger().warning(
        "refused 1HGCM82633A004352",
        told={"password": "hunter2", "what": ["vin 1hgcm82633a004352."]},
        client_secret="s",
        address="postgresql://service:hunter2@db/forecourt",
        header="Bearer fcs_0123456789abcdefghijABCDEFGHIJ_-0123456",
    )
    text = json.dumps(lines())
    for hidden in ("1HGCM82633A004352", "1hgcm82633a004352", "hunter2", "fcs_01234", '"s"'):
        assert hidden not in text


def test_a_fault_tells_where_it_happened_and_not_what_the_row_held(lines) -> None:  # type: ignore[no-untyped-def]
    fault = asyncpg.UniqueViolationError("duplicate key value violates unique constraint")
    fault.detail = "Key (email)=(somebody@example.com) already exists."
    try:
        raise fault
    except asyncpg.UniqueViolationError:
        structlog.get_logger().exception("refused")
    (line,) = lines()
    assert line["fault"]["sqlstate"] == "23505"
    assert line["fault"]["at"][-1].startswith("test_logs.py:")
    assert "somebody" not in json.dumps(line)


def test_the_standard_library_logs_the_same_way(lines) -> None:  # type: ignore[no-untyped-def]
    logging.getLogger("litestar").warning("strange %s", "WVWZZZ1JZ3W386752")
    (line,) = lines()
    assert line["event"] == "strange (vin)"
    assert line["logger"] == "litestar"


def test_what_merely_looks_long_stays() -> None:
    for text in ("01a20057-a2cb-7fa9-8b55-d6b72cd238fd", "INTERNATIONALIZATION", "ABCDEFGHIJKLMNOPQ"):
        assert logs.masked(text) == text
