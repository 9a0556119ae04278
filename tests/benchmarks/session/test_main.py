import sys
from pathlib import Path

import pytest

from benchmarks.session.__main__ import main
from tests.service.conftest import Recipe


def test_the_tables_are_written_to_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("tiny", "tiny-int8"):
        (tmp_path / f"{name}.onnx").write_bytes(Recipe().build())
    page = tmp_path / "page.md"
    page.write_text("<!-- machine --><!-- /machine -->\n\n<!-- int8 --><!-- /int8 -->\n")
    line = (
        f"benchmarks.session --models {tmp_path} --int8 tiny --rounds 1 --only int8 --page {page}"
    )
    monkeypatch.setattr(sys, "argv", line.split())
    main()
    assert "| network | bytes | 1 row | 32 rows | 64 rows |" in page.read_text()
    assert "| tiny | 1.00 | " in page.read_text()
    assert "onnxruntime" in page.read_text()
    assert capsys.readouterr().out.startswith("int8\n\n| network |")
