"""Logs: one JSON object a line, without vehicle identification numbers, secrets or line breaks from outside."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

_VIN = re.compile(r"(?<![0-9A-Za-z])(?=[A-HJ-NPR-Z0-9]*[0-9])[A-HJ-NPR-Z0-9]{17}(?![0-9A-Za-z])", re.IGNORECASE)
_TOKEN = re.compile(r"\bfc[a-z]_[A-Za-z0-9_-]{20,}|\b[Bb]earer\s+\S+")
_SECRET = re.compile(r"password|secret|token|authorization|cookie|otp", re.IGNORECASE)
_PASSWORD_IN_URL = re.compile(r"(\w+://[^:/@\s]*):[^@/\s]*@")
_LONGEST = 2_000
_encoder = msgspec.json.Encoder(enc_hook=str)
_BREAKS = str.maketrans({character: f"\\u{ord(character):04x}" for character in "\x7f\x85\u2028\u2029"})


def configure(level: str = "INFO") -> None:
    """Send everything that this process logs, by structlog or by the standard library, to its output as JSON."""
    number = logging.getLevelNamesMapping()[level]
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        fault_told,
        safe,
    ]
    structlog.configure(
        processors=[*shared, _line],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: _Lines(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(_Stdout())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared[:2]],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *shared[2:],
                _line,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(number, logging.WARNING) if number > logging.DEBUG else number)


class _Stdout:
    """The process's output at the moment of writing, which tests exchange."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


class _Lines:
    """Writes one line an event in one piece, so that the lines of several processes do not mix."""

    def msg(self, line: str) -> None:
        try:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except (BrokenPipeError, ValueError):
            return  # nobody reads the log any more; requests are answered all the same

    debug = info = warning = error = critical = exception = msg


def _line(_: WrappedLogger, __: str, event: EventDict) -> str:
    """One line, for every reader's idea of what breaks lines."""
    text = _encoder.encode(event).decode()
    return text if text.isascii() and "\x7f" not in text else text.translate(_BREAKS)


def fault_told(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """An exception as type, SQLSTATE, message and places in the code; never the values that it met."""
    fault = event.pop("exc_info", None)
    if fault is True:
        fault = sys.exc_info()[1]
    if isinstance(fault, tuple):
        fault = fault[1]
    if isinstance(fault, BaseException):
        frames = traceback.extract_tb(fault.__traceback__)[-12:]
        event["fault"] = {
            "type": f"{type(fault).__module__}.{type(fault).__qualname__}",
            "message": str(fault.args[0]) if fault.args else "",  # asyncpg's str() adds the row's values
            "sqlstate": getattr(fault, "sqlstate", None),
            "at": [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames],
        }
    return event


def safe(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The event without what must not be kept in logs."""
    return {name: _masked(name, value) for name, value in event.items()}


def _masked(name: str, value: Any) -> Any:
    if isinstance(value, str):
        if _SECRET.search(name):
            return "(hidden)"
        return masked(value)
    if isinstance(value, Mapping):
        return {str(key): _masked(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(name, inner) for inner in value]
    return value


def masked(text: str) -> str:
    """A text without VINs, tokens and passwords inside addresses, of bounded length."""
    text = text[:_LONGEST]
    if len(text) >= 17:
        text = _VIN.sub("(vin)", text)
        text = _TOKEN.sub("(token)", text)
        text = _PASSWORD_IN_URL.sub(r"\1:(hidden)@", text)
    return text
