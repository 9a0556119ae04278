import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.models.commands.conftest import invoke, refused

MESSY = "\n".join(
    [
        "id,when,price,age,y",
        *(
            f'{10**19 + n},{n % 28 + 1}/{n % 12 + 1}/2026,"{n % 9 + 1},328.57",'
            f"{'-' if n % 9 == 0 else n},{'no' if n % 3 else 'yes'}"
            for n in range(60)
        ),
    ]
)


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    path = tmp_path / "messy.csv"
    path.write_text(MESSY)
    return path


def inspected(*arguments: str | Path) -> dict[str, Any]:
    result = invoke("inspect", *arguments, "--json")
    assert result.exit_code == 0, result.exception
    profile: dict[str, Any] = json.loads(result.stdout)
    return profile


def test_columns_are_shown_with_kind_examples_gaps_and_range(table: Path) -> None:
    result = invoke("inspect", table, "--target", "b")
    assert result.exit_code == 0, result.exception
    lines = result.stdout.splitlines()
    assert lines[0] == "table.csv: 30 rows of 1 columns (1 numbers)"
    row = [cell.strip() for cell in next(line for line in lines if " a " in line).split("│")]
    assert row[1:5] == ["a", "number", "0, 1, 2", ""]
    assert "labels: '0' 50.0%, '1' 50.0%" in lines
    assert "always the most frequent label: accuracy 50.0%" in lines
    assert "split: 24 train, 3 validation, 3 test" in lines
    assert lines[-1].endswith(f" train {table} --target b --out runs/table")


def test_problems_are_shown_beside_columns_that_can_be_read(messy: Path) -> None:
    profile = inspected(messy, "--target", "y")
    assert [(column["name"], column["kind"]) for column in profile["columns"]] == [
        *(("id", "unclear"), ("when", "unclear"), ("price", "unclear"), ("age", "unclear")),
    ]
    assert profile["columns"][3]["problem"].endswith("with `--missing -`")
    assert profile["labels"] == {"no": 40, "yes": 20}


def test_the_printed_command_trains(messy: Path, tmp_path: Path) -> None:
    command = shlex.split(inspected(messy, "--target", "y")["command"])
    words = command[command.index("train") :]
    assert words[:4] == ["train", str(messy), "--target", "y"]
    words[words.index("--out") + 1] = str(tmp_path / "run")
    result = invoke(*words, "--epochs", "1")
    assert result.exit_code == 0, result.exception


def test_without_a_target_the_columns_are_shown(table: Path) -> None:
    profile = inspected(table)
    assert [column["name"] for column in profile["columns"]] == ["a", "b"]
    assert profile["labels"] == {}
    assert profile["command"].endswith(f" train {table} --target COLUMN --out runs/table")


def test_without_options_that_mend_the_table_there_is_no_command(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("n,y\n1,0.5\n2,1.5\n")
    profile = inspected(tmp_path / "t.csv", "--target", "y")
    assert profile["command"] is None
    assert profile["columns"][1]["problem"].startswith("t.csv: column 'y', row 1: expected classes")


def test_images_have_labels_and_a_size() -> None:
    result = invoke("inspect", "digits")
    lines = result.stdout.splitlines()
    assert lines[0] == "digits: 1797 rows of images of 8×8, brightness 0 to 16"
    assert lines[3] == "split: 1437 train, 180 validation, 180 test"
    assert lines[-1].endswith(" train digits --out runs/digits")


def test_suspicious_columns_are_listed(tmp_path: Path) -> None:
    rows = "\n".join(f"{n},1,{n % 2},{'ab'[n % 2]}" for n in range(80))
    (tmp_path / "t.csv").write_text(f"row,one,leak,y\n{rows}\n")
    lines = invoke("inspect", tmp_path / "t.csv", "--target", "y").stdout.splitlines()
    assert [line for line in lines if line.startswith("warning")] == [
        "warning: column 'row': looks like an id or a row number: every value is different",
        "warning: column 'one': constant",
        "warning: column 'leak': predicts the label alone (100.0% on held-out rows): does it "
        "reveal it?",
    ]


def test_names_of_data_are_no_markup(tmp_path: Path) -> None:
    rows = "\n".join(f"{n},{'[b]' if n % 2 else '[/b]'}" for n in range(40))
    (tmp_path / "t.csv").write_text(f"[red]x,y\n{rows}\n")
    result = invoke("inspect", tmp_path / "t.csv", "--target", "y")
    assert "[red]x" in result.stdout
    assert "labels: '[/b]' 50.0%, '[b]' 50.0%" in result.stdout


def test_errors_are_those_of_train(table: Path) -> None:
    assert refused("inspect", table, "--target", "c") == (
        "--target: expected a column of table.csv ('a', 'b'), found 'c'"
    )


def test_slow_libraries_are_not_imported(table: Path) -> None:
    script = (
        "import sys\n"
        "for slow in ('torch', 'sklearn', 'scipy', 'mlxtend', 'matplotlib'):\n"
        "    sys.modules[slow] = None\n"
        f"sys.argv = ['highway', 'inspect', {str(table)!r}, '--target', 'b']\n"
        "from models.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
