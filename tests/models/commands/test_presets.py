import pytest

from tests.conftest import command


def test_presets_are_listed_with_the_parameters_of_network_and_twin() -> None:
    done = command("models", "presets")
    assert done.returncode == 0
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["dense-10", "9", "85,660", "102,463"] in [row[:4] for row in rows]
    assert ["cifar-19", "14", "2,256,838", "2,374,006"] in [row[:4] for row in rows]


def test_a_narrow_terminal_shows_all_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    lines = command("models", "presets").stdout.splitlines()
    assert ["cifar-19", "14", "2,256,838", "2,374,006"] in [line.split() for line in lines]
    assert lines[-1].startswith("next: `")
    assert " train DATA --out RUN --preset NAME`" in lines[-1]
