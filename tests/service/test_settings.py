"""Settings: every variable is read, checked and shown without its secrets."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.settings import SettingsError, describe, load

KEY = {"FORECOURT_SECRET_KEY": "k" * 48}


def test_without_any_variable_but_the_key_the_defaults_hold() -> None:
    settings = load(KEY)
    assert (settings.host, settings.port, settings.currency, settings.hold_seconds) == ("127.0.0.1", 8000, "USD", 600)
    assert settings.data_dir.is_absolute()
    assert settings.public_url == "http://127.0.0.1:8000"
    assert not settings.demo


def test_every_variable_is_read() -> None:
    given = {
        **KEY,
        "FORECOURT_HOST": "::1",
        "FORECOURT_PORT": "9000",
        "FORECOURT_WORKERS": "3",
        "FORECOURT_DATA_DIR": "/somewhere else/var",
        "FORECOURT_DATABASE_URL": "postgresql://service@db/forecourt",
        "FORECOURT_DATABASE_OWNER_URL": "postgresql://owner@db/forecourt",
        "FORECOURT_PUBLIC_URL": "https://portal.example.com/",
        "FORECOURT_SMTP_URL": "smtp://mail.example.com",
        "FORECOURT_CURRENCY": "EUR",
        "FORECOURT_HOLD_SECONDS": "60",
        "FORECOURT_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
        "FORECOURT_DEMO": "yes",
        "FORECOURT_DEMO_VEHICLES": "5",
        "FORECOURT_TEST_DATA": "/data",
        "FORECOURT_LOG_LEVEL": "debug",
        "FORECOURT_DASK_SCHEDULER": "tcp://dask:8786",
    }
    settings = load(given)
    shown = dict(describe(settings))
    assert given.keys() <= shown.keys()
    assert (settings.port, settings.workers, settings.demo, settings.log_level) == (9000, 3, True, "DEBUG")
    assert settings.data_dir == Path("/somewhere else/var")
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "::1/128"]
    assert settings.public_url == "https://portal.example.com"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PORT", "http", "a whole number from 1 to 65535"),
        ("PORT", "70000", "a whole number from 1 to 65535"),
        ("WORKERS", "0", "a whole number from 1 to 64"),
        ("HOST", "example.com", "is not an IP address"),
        ("DATABASE_URL", "mysql://db/x", "postgresql://role:password@host:5432/database"),
        ("DATABASE_URL", "postgresql://db", "postgresql://role:password@host:5432/database"),
        ("PUBLIC_URL", "portal", "https://portal.example.com"),
        ("SMTP_URL", "mail", "smtp://"),
        ("CURRENCY", "Dollar", "ISO 4217"),
        ("TRUSTED_PROXIES", "proxy", "10.0.0.5"),
        ("DEMO", "maybe", "1 for yes"),
        ("LOG_LEVEL", "loud", "DEBUG, INFO"),
        ("SECRET_KEY", "short", "32 characters"),
        ("DASK_SCHEDULER", "dask", "tcp://"),
        ("PROT", "8000", "no setting of Forecourt"),
    ],
)
def test_a_wrong_one_is_refused_with_its_name_and_a_remedy(name: str, value: str, told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load({**KEY, f"FORECOURT_{name}": value})
    assert f"FORECOURT_{name}" in str(refused.value)
    assert told in str(refused.value)


def test_the_refusal_of_a_secret_does_not_tell_it() -> None:
    for name, value in (("SECRET_KEY", "geheim"), ("DATABASE_URL", "mysql://u:geheim@db/x?password=geheim")):
        with pytest.raises(SettingsError) as refused:
            load({**KEY, f"FORECOURT_{name}": value})
        assert "geheim" not in str(refused.value)


def test_secrets_are_hidden_wherever_settings_are_shown() -> None:
    settings = load(
        {
            "FORECOURT_SECRET_KEY": "geheim" * 8,
            "FORECOURT_DATABASE_URL": "postgresql://service:geheim@db:5432/forecourt?sslmode=require&password=geheim",
            "FORECOURT_SMTP_URL": "smtps://user:geheim@mail.example.com:465",
        }
    )
    shown = "\n".join(f"{name}={value}" for name, value in describe(settings))
    assert "geheim" not in shown + repr(settings) + str(settings)
    assert "postgresql://service:***@db:5432/forecourt?sslmode=require&password=***" in shown


def test_outside_the_demo_the_key_is_required() -> None:
    with pytest.raises(SettingsError, match="FORECOURT_SECRET_KEY is not set"):
        load({})


def test_the_demo_makes_its_key_once_also_when_several_start_at_once(tmp_path: Path) -> None:
    environ = {"FORECOURT_DEMO": "1", "FORECOURT_DATA_DIR": str(tmp_path / "var")}
    with ThreadPoolExecutor(8) as threads:
        keys = {settings.secret_key for settings in threads.map(lambda _: load(environ), range(8))}
    assert len(keys) == 1
    assert len(keys.pop()) >= 48
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["secret_key"]
    assert (tmp_path / "var" / "secret_key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_the_demo_is_refused_where_others_could_reach_it(host: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="password everybody knows"):
        load({"FORECOURT_DEMO": "1", "FORECOURT_HOST": host, "FORECOURT_DATA_DIR": str(tmp_path)})


def test_an_owner_without_a_service_address_is_refused() -> None:
    with pytest.raises(SettingsError, match="FORECOURT_DATABASE_URL"):
        load({**KEY, "FORECOURT_DATABASE_OWNER_URL": "postgresql://owner@db/forecourt"})
