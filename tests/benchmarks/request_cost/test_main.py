"""The whole benchmark, short, with a small network."""

import sys
from pathlib import Path

import pytest

from benchmarks.request_cost import __main__ as module
from benchmarks.request_cost.differences import Plan, Rounds
from benchmarks.request_cost.features import FEATURES, NOISE
from benchmarks.request_cost.stages import REST, STAGES
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.page import filled

SHORT = Rounds(pairs=2, warm=0.001, seconds=0.001)
PLAN = Plan(usual=SHORT, counted=SHORT, written=SHORT, start=0.1)
TABLES = ("machine", "whole", "stages", "calls", "network", "features", "additions")


def test_every_table_is_printed_and_written_to_the_page(
    file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = tmp_path / "page.md"
    page.write_text("".join(f"<!-- {name} --><!-- /{name} -->\n" for name in TABLES))
    monkeypatch.setattr(module, "PAGE", page)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "QUICK", PLAN)
    monkeypatch.setattr(sys, "argv", ["benchmarks.request_cost", str(file), "--quick", "--write"])
    module.main()
    text = page.read_text()
    assert text.startswith("<!-- machine -->\n\n`tiny` on ")
    assert "| request | rows | 1 connection | 16 connections |" in text
    assert "| V2 binary | 32 | " in text
    for change in (NOISE, *FEATURES, *STAGES, REST):
        assert f"| {change.name} | {change.how} | " in text
    assert "| `service.classifier` | 1.0 + 0.0 | 0.1 + 0.0 |" in text
    assert "| with both | " in text
    assert capsys.readouterr().out.startswith("whole\n\n| request |")


def test_without_write_the_page_stays(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def one_table(_file: Path, plan: Plan) -> dict[str, str]:
        assert plan == Plan()
        return {"whole": "| new |"}

    monkeypatch.setattr(module, "measured", one_table)
    monkeypatch.setattr(module, "PAGE", tmp_path / "docs" / "missing.md")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["benchmarks.request_cost", str(file)])
    module.main()


def test_an_error_of_the_benchmark_is_one_sentence(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_file: Path, _plan: Plan) -> dict[str, str]:
        raise BenchmarkError("response: expected the status 200, found 'HTTP/1.1 500'")

    monkeypatch.setattr(module, "measured", fail)
    monkeypatch.setattr(sys, "argv", ["benchmarks.request_cost", str(file)])
    with pytest.raises(SystemExit, match=r"^error: response: expected the status 200"):
        module.main()


def test_the_page_has_a_place_for_every_table() -> None:
    assert filled(module.PAGE.read_text(), dict.fromkeys(TABLES, "| a |"))
