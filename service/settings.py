"""Settings: one frozen Struct read from the environment, checked once, with a sentence for whoever set a wrong one."""

import ipaddress
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

PREFIX = "FORECOURT_"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class OperatorError(Exception):
    """Something that the person who runs the service must mend; the command line prints the sentence and stops."""


class SettingsError(OperatorError):
    """A variable of the environment that the service cannot start with."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings; the field `x` is the variable `FORECOURT_X`."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    data_dir: Path = Path("var")
    database_url: str | None = None
    database_owner_url: str | None = None
    secret_key: str
    public_url: str = ""
    smtp_url: str | None = None
    mail_from: str = "no-reply@forecourt.example"
    currency: str = "USD"
    hold_seconds: int = 600
    trusted_proxies: tuple[Network, ...] = ()
    demo: bool = False
    demo_vehicles: int = 20_000
    test_data: Path | None = None
    log_level: str = "INFO"
    cpu_level: str | None = None
    """The instructions that the kernels may use; they read it themselves when they are loaded."""
    rate_guests: int = 0
    """Requests a second from one address without a token; 0: no limit, as in the demo."""
    rate_people: int = 0
    rate_systems: int = 0
    dask_scheduler: str | None = None

    def __repr__(self) -> str:
        """Without secrets, for settings end up in logs and tracebacks."""
        return f"Settings({', '.join(f'{name}={value}' for name, value in describe(self))})"


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Reads every `FORECOURT_…` variable; an empty one counts as absent.

    In the demo a missing secret key is made once and kept in the data folder. Raises SettingsError.
    """
    given = {name: value.strip() for name, value in environ.items() if name.startswith(PREFIX) and value.strip()}
    if strange := sorted(given.keys() - {PREFIX + field.upper() for field in _READERS}):
        known = ", ".join(sorted(PREFIX + field.upper() for field in _READERS))
        raise SettingsError(
            f"{strange[0]} is no setting of Forecourt. Correct its name or unset it; there are {known}."
        )
    values: dict[str, Any] = {"workers": min(4, len(os.sched_getaffinity(0)))}
    for field, read in _READERS.items():
        name = PREFIX + field.upper()
        if name in given:
            try:
                values[field] = read(given[name])
            except ValueError as problem:
                shown = "set to a value that" if field == "secret_key" else f"{_hide(given[name])!r}, which"
                raise SettingsError(f"{name} is {shown} {problem}") from None
    values["data_dir"] = Path(os.path.abspath(values.get("data_dir", "var")))  # noqa: PTH100 - symbolic links are kept
    host, demo = values.get("host", "127.0.0.1"), values.get("demo", False)
    if demo and not ipaddress.ip_address(host).is_loopback:
        raise SettingsError(
            f"FORECOURT_DEMO has users whose password everybody knows, and FORECOURT_HOST is {host!r}, which others "
            "can reach. Unset FORECOURT_HOST to serve the demo on this machine alone, or set FORECOURT_DEMO to 0."
        )
    if "database_owner_url" in values and "database_url" not in values:
        raise SettingsError(
            "FORECOURT_DATABASE_OWNER_URL is set without FORECOURT_DATABASE_URL. Set the latter to the service's own "
            "role on the same database, or unset both to use the embedded server."
        )
    if "secret_key" not in values:
        if not demo:
            raise SettingsError(
                "FORECOURT_SECRET_KEY is not set. Set it to a long random text that stays the same from start to "
                "start, for example the output of: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
            )
        values["secret_key"] = _kept_key(values["data_dir"] / "secret_key")
    if not demo:
        values = {"rate_guests": 50, "rate_people": 50, "rate_systems": 500, **values}
    shown_host = f"[{host}]" if ":" in host else host
    values.setdefault("public_url", f"http://{shown_host}:{values.get('port', 8000)}")
    return Settings(**values)


def describe(settings: Settings) -> list[tuple[str, str]]:
    """Variable and value of every setting as text, without secrets and without the passwords inside addresses."""
    shown = []
    for field in settings.__struct_fields__:
        value = getattr(settings, field)
        if field == "secret_key":
            text = "(hidden)"
        elif isinstance(value, tuple):
            text = ",".join(map(str, value))
        elif isinstance(value, bool):
            text = str(int(value))
        else:
            text = "" if value is None else _hide(str(value))
        shown.append((PREFIX + field.upper(), text))
    return shown


def _hide(value: str) -> str:
    if "://" not in value:
        return value
    try:
        parts = urlsplit(value)
    except ValueError:
        return "(an address)"
    account, at, place = parts.netloc.rpartition("@")
    if ":" in account:
        account = account.partition(":")[0] + ":***"
    query = [(key, "***" if "password" in key.lower() else kept) for key, kept in parse_qsl(parts.query)]
    return urlunsplit((parts.scheme, account + at + place, parts.path, urlencode(query, safe="*/"), parts.fragment))


def _kept_key(path: Path) -> str:
    """The demo's secret key; the first of several starts at once writes it, all read the same."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
    if not path.exists():
        descriptor, draft = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # with mode 0600
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(descriptor)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            Path(draft).unlink()
    return path.read_text()


def _number(lowest: int, highest: int, example: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text) or not lowest <= int(text) <= highest:
            raise ValueError(f"is not a whole number from {lowest} to {highest}. Set it to one, for example {example}.")
        return int(text)

    return read


def _switch(text: str) -> bool:
    if text.lower() not in ("0", "1", "false", "true", "no", "yes"):
        raise ValueError("is neither 1 nor 0. Set it to 1 for yes or to 0 for no.")
    return text.lower() in ("1", "true", "yes")


def _choice(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.upper() not in choices:
            raise ValueError(f"is none of {', '.join(choices)}. Set it to one of them.")
        return text.upper()

    return read


def _host(text: str) -> str:
    if text == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        raise ValueError("is not an IP address. Set it to the address to listen on, for example 127.0.0.1.") from None


def _currency(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", text):
        raise ValueError("is not a currency code. Set it to three capital letters of ISO 4217, for example USD.")
    return text


def _mail_address(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._+-]{1,64}@[a-z0-9][a-z0-9.-]{0,251}[a-z0-9]", text):
        raise ValueError("is not a mail address. Set it to the sender of all mail, for example no-reply@example.com.")
    return text


def _key(text: str) -> str:
    if len(text) < 32:
        raise ValueError("is shorter than 32 characters. Set it to a long random text.")
    return text


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError(
            "is not a list of addresses or networks. Separate them by commas, for example 10.0.0.5,192.168.0.0/24."
        ) from None


def _address(schemes: tuple[str, ...], example: str, *, needs: str = "hostname") -> Callable[[str], str]:
    def read(text: str) -> str:
        try:
            parts = urlsplit(text)
            complete = parts.scheme in schemes and bool(getattr(parts, needs).strip("/"))
            _ = parts.port
        except (ValueError, AttributeError):
            complete = False
        if not complete:
            raise ValueError(f"is not an address of this kind. Set it to one like {example}.")
        return text

    return read


_postgres = _address(("postgresql", "postgres"), "postgresql://role:password@host:5432/database", needs="path")

_READERS: dict[str, Callable[[str], Any]] = {
    "host": _host,
    "port": _number(1, 65_535, 8000),
    "workers": _number(1, 64, 2),
    "data_dir": Path,
    "database_url": _postgres,
    "database_owner_url": _postgres,
    "secret_key": _key,
    "public_url": lambda text: _address(("http", "https"), "https://portal.example.com")(text).rstrip("/"),
    "smtp_url": _address(("smtp", "smtps"), "smtp://user:password@mail.example.com:587"),
    "mail_from": _mail_address,
    "currency": _currency,
    "hold_seconds": _number(10, 86_400, 600),
    "trusted_proxies": _networks,
    "demo": _switch,
    "demo_vehicles": _number(0, 10_000_000, 20_000),
    "test_data": Path,
    "cpu_level": _choice("plain", "avx2", "avx512"),
    "log_level": _choice("DEBUG", "INFO", "WARNING", "ERROR"),
    "rate_guests": _number(0, 1_000_000, 50),
    "rate_people": _number(0, 1_000_000, 50),
    "rate_systems": _number(0, 1_000_000, 500),
    "dask_scheduler": _address(("tcp", "tls"), "tcp://scheduler.example.com:8786"),
}
