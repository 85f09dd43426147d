"""The command line: every subcommand has help, and faults are sentences with an exit code."""

import pytest

from service import cli


@pytest.mark.parametrize("words", [subcommand.words for subcommand in cli.SUBCOMMANDS])
def test_every_subcommand_has_help(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([*words.split(), "--help"])
    assert ended.value.code == 0
    assert f"usage: forecourt {words}" in capsys.readouterr().out


def test_settings_are_shown_with_secrets_hidden(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORECOURT_SECRET_KEY", "geheim" * 8)
    assert cli.main(["settings"]) == 0
    out = capsys.readouterr().out
    assert "FORECOURT_PORT" in out
    assert "geheim" not in out


def test_a_wrong_setting_ends_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORECOURT_PORT", "high")
    assert cli.main(["settings"]) == 2
    assert capsys.readouterr().err.startswith("forecourt: FORECOURT_PORT is 'high', which is not a whole number")
