import sys
from pathlib import Path

import pytest

from benchmarks.explanations import networks
from benchmarks.explanations.__main__ import main


def test_the_tables_are_written_to_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = networks.BREAST_CANCER
    monkeypatch.setattr(networks, "SUBJECTS", {name: ("table-5", 1)})
    monkeypatch.setattr("benchmarks.explanations.__main__.SUBJECTS", [name])
    page = tmp_path / "page.md"
    markers = ("machine", "correlation", "counterfactuals")
    page.write_text("\n".join(f"<!-- {marker} --><!-- /{marker} -->" for marker in markers))
    line = f"benchmarks.explanations --runs {tmp_path} --rows 2 "
    line += f"--only correlation counterfactuals --page {page}"
    monkeypatch.setattr(sys, "argv", line.split())
    main()
    assert f"| {name} | 2 | " in page.read_text()
    assert "torch" in capsys.readouterr().out


def test_the_invented_table_has_twenty_numbers_and_a_label() -> None:
    table = networks.invented_table()
    assert table.shape == (4000, 21)
    assert set(table["label"]) == {"yes", "no"}
