import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from highway_client.errors import FileError
from highway_client.shell.output import print_csv, printed_csv, written_file

PART = {"row": range(1, 3), "label": ("a", "b, c"), "gate": np.array([0.1, 1], np.float32)}
LINES = 'row,label,gate\n1,a,0.1\n2,"b, c",1.0\n1,a,0.1\n2,"b, c",1.0\n'


def test_parts_are_written_below_one_line_of_names(tmp_path: Path) -> None:
    with written_file(tmp_path / "o.CSV") as write:
        write(PART)
        write(PART)
    assert (tmp_path / "o.CSV").read_text() == LINES
    assert [path.name for path in tmp_path.iterdir()] == ["o.CSV"]


def test_parts_are_printed_alike(capsys: pytest.CaptureFixture[str]) -> None:
    with printed_csv() as write:
        write(PART)
        write(PART)
    assert capsys.readouterr().out == LINES


def test_rows_are_printed_below_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    print_csv(("id", "p"), [["x", 0.5], ["y", None]])
    assert capsys.readouterr().out == "id,p\nx,0.5\ny,\n"


def test_parquet_keeps_the_types(tmp_path: Path) -> None:
    with written_file(tmp_path / "o.parquet") as write:
        write(PART)
        write(PART)
    table = pq.read_table(tmp_path / "o.parquet")
    assert table["row"].to_pylist() == [1, 2, 1, 2]
    assert str(table.schema.field("gate").type) == "float"


@pytest.mark.parametrize("name", ["o.csv", "o.parquet"])
def test_a_file_that_is_not_finished_leaves_the_former_one(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("former")

    def fail() -> None:
        with written_file(tmp_path / name) as write:
            write(PART)
            raise FileError("the rest cannot be read")

    with pytest.raises(FileError, match="the rest cannot be read"):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "former"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("o.txt", "--out: expected a file that ends with .csv or .parquet, found '{path}'"),
        ("no/o.csv", "{path}: cannot be written: No such file or directory"),
        ("folder.csv", "{path}: cannot be written: Is a directory"),
    ],
)
def test_a_file_that_cannot_be_written_is_an_error(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(FileError) as caught, written_file(tmp_path / name) as write:
        write(PART)
    assert str(caught.value) == reason.format(path=tmp_path / name)


def test_parquet_needs_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(FileError) as caught, written_file(tmp_path / "o.parquet"):
        pass
    assert str(caught.value) == (
        "--out: expected pyarrow to write Parquet files, found none; install it with "
        "`pip install pyarrow`"
    )
    assert not list(tmp_path.iterdir())
