"""The examples of the page about Python run one after the other, and its arguments exist."""

import inspect
import re
from pathlib import Path

import pytest

from models import evaluate, load_data, train
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "python.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.filterwarnings("ignore::models.errors.ModelsWarning", "ignore::DeprecationWarning")
def test_the_examples_run_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    for example in EXAMPLES:
        exec(compile(example, "python.md", "exec"), names)
    assert "runs/wine: table-5 on data frame, accuracy " in capsys.readouterr().out
    assert (tmp_path / "own.onnx").is_file()


@pytest.mark.parametrize(
    ("heading", "function"), [("load_data", load_data), ("train", train), ("evaluate", evaluate)]
)
def test_the_arguments_of_the_tables_exist(heading: str, function: object) -> None:
    (section,) = re.findall(rf"## `{heading}`\n(.*?)\n## ", PAGE, flags=re.DOTALL)
    rows = re.findall(r"^\| (`[a-z_]+[`=].*?) \|", section, flags=re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z_]+)(?:=[^`]*)?`", row)}
    named -= {"digits", "source"}
    assert named <= set(inspect.signature(function).parameters)  # type: ignore[arg-type]
