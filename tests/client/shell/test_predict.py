import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image
from pyarrow.feather import write_feather

from tests.conftest import command

COLUMNS = ["row", "label", "probability", "probability_a", "probability_b", "probability_c"]
TYPICALITY = ["typicality_gates", "typicality_confidence", "typicality_combined"]
LAYERS = ["highway 1", "highway 2"]
PEOPLE = {
    "age": [5, 0] * 600,
    "job": ["teacher", "pilot"] * 600,
    "member": [True, None] * 600,
    "income": [None, 1.5] * 600,
}


def predicted(url: str, *arguments: str | Path) -> tuple[str, str]:
    done = command("highway_client", "predict", *arguments, "--url", url)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_predictions_are_written_to_a_file(table_url: str, tmp_path: Path) -> None:
    pq.write_table(pa.table(PEOPLE), tmp_path / "people.parquet")
    out = tmp_path / "out.csv"
    shown, notes = predicted(table_url, tmp_path / "people.parquet", "--out", out)
    assert (shown, notes) == ("", f"1,200 predictions are in {out}\n")
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [*COLUMNS, *TYPICALITY, *LAYERS]
    assert [row["row"] for row in rows] == [str(number) for number in range(1, 1201)]
    assert [row["label"] for row in rows[:2]] == ["a", "b"]
    assert rows[0]["probability"] == rows[0]["probability_a"]


def test_csv_and_parquet_hold_the_same(table_url: str, tmp_path: Path) -> None:
    source, out = tmp_path / "people.feather", tmp_path / "out.parquet"
    write_feather(pa.table(PEOPLE), source)
    predicted(table_url, source, "--out", out)
    table = pq.read_table(out)
    assert table.column_names == [*COLUMNS, *TYPICALITY, *LAYERS]
    lines = predicted(table_url, source, "--csv")[0].splitlines()
    assert len(lines) == 1 + table.num_rows
    assert lines[1].split(",")[2] == str(np.float32(table["probability"][0].as_py()))


def test_a_folder_of_pictures_is_predicted_by_file_name(
    url: str, tmp_path: Path, seven: NDArray[np.uint8]
) -> None:
    (tmp_path / "seven").mkdir()
    for name in ("a.png", "seven/b.png"):
        Image.fromarray(seven[0]).resize((56, 56)).save(tmp_path / name)
    shown, notes = predicted(url, tmp_path, "--csv")
    header, *lines = shown.splitlines()
    assert header.startswith("file,label,")
    assert [line.split(",")[:2] for line in lines] == [["a.png", "7"], ["seven/b.png", "7"]]
    assert notes.count("resized from 56×56 to 28×28 pixels") == 2
    assert "│ seven/b.png │ 7 " in predicted(url, tmp_path)[0]


def test_the_first_notes_on_pictures_are_shown(url: str, tmp_path: Path) -> None:
    for number in range(7):
        Image.new("L", (14, 14)).save(tmp_path / f"{number}.png")
    notes = predicted(url, tmp_path, "--json")[1].splitlines()
    assert len(notes) == 6
    assert notes[-1] == "and 2 more notes on other pictures"


def test_an_error_in_a_later_row_leaves_no_file(table_url: str, tmp_path: Path) -> None:
    rows = [[5, "teacher", True, 1]] * 1500 + [[5, "cook", True, 1]]
    path = tmp_path / "people.csv"
    with path.open("w") as file:
        csv.writer(file).writerows([list(PEOPLE), *rows])
    out = tmp_path / "out.csv"
    done = command("highway_client", "predict", path, "--out", out, "--url", table_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: {path}, line 1502, column 'job': expected one of 'nurse', 'teacher', 'pilot', "
        "found 'cook'\n"
    )
    assert list(tmp_path.iterdir()) == [path]


def test_the_rows_are_not_overwritten_by_their_predictions(table_url: str, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("age,job,member,income\n5,teacher,true,1\n")
    out = tmp_path / "." / "people.csv"
    done = command("highway_client", "predict", path, "--out", out, "--url", table_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: --out: expected another file than the rows, found '{out}'\n"
    assert path.read_text().startswith("age,job")


def test_missing_values_of_a_table_are_sent(table_url: str, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("age,job,member,income\n,,,\n")
    (row,) = json.loads(predicted(table_url, path, "--json")[0])["predictions"]
    assert row["label"] == "a"
