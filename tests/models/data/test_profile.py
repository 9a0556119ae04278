from pathlib import Path

import numpy as np

from models.data.dataset import LabelledData, Part, split
from models.data.profile import profile_dataset, profile_rows, profile_table
from models.data.source import Source, open_source_table, read
from models.data.table import examine_table
from service.contract import Column, Input


def table(y: list[int], *, labels: tuple[str, ...] = ("a", "b")) -> LabelledData:
    x = np.arange(len(y), dtype=np.float32).reshape(-1, 1)
    columns = (Column(name="n"),)
    row = Input(kind="table", shape=(1,), unit="value", columns=columns)
    return LabelledData(name="t", input=row, labels=labels, rows=Part(x=x, y=np.array(y)))


def test_rows_are_described_before_and_after_the_split_alike() -> None:
    data = table([0] * 60 + [1] * 40)
    before = profile_rows(data, validation_share=0.1)
    after = profile_dataset(split(data))
    assert before.labels == after.labels == {"a": 60, "b": 40}
    assert before.parts == after.parts == {"train": 80, "validation": 10, "test": 10}
    assert before.rows == after.rows == 100
    assert before.majority == 0.6


def test_own_test_rows_are_counted() -> None:
    data = table([0, 1] * 20)
    own = LabelledData(
        name="t", input=data.input, labels=data.labels, rows=data.rows, test=data.rows
    )
    profile = profile_rows(own, validation_share=0.0)
    assert profile.parts == {"train": 40, "validation": 0, "test": 40}
    assert profile.rows == 80


def test_rare_labels_and_repeated_rows_are_warnings() -> None:
    data = table([0] * 30 + [1] * 3)
    data.rows.x[:10] = 7
    assert profile_rows(data, validation_share=0.1).warnings == (
        "the label 'b' has fewer than 10 rows",
        "9 rows (27.3%) repeat an earlier row, so that test rows can be known from the training",
    )


def test_one_repeated_row_is_a_warning_in_the_singular() -> None:
    data = table([0, 1] * 20)
    data.rows.x[2] = data.rows.x[0]
    assert profile_rows(data, validation_share=0.1).warnings == (
        "1 row (2.5%) repeats an earlier row, so that test rows can be known from the training",
    )


def test_images_have_no_columns(tmp_path: Path) -> None:
    profile = profile_rows(read(Source.of("digits")), validation_share=0.1)
    assert (profile.columns, profile.warnings, profile.rows) == ((), (), 1797)


def test_a_table_with_problems_is_described_column_by_column(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("age,n,y\n-,1,a\n2,2,b\n3,3,b\n")
    opened = open_source_table(Source.of(str(path), target="y"))
    assert opened is not None
    profile = profile_table(opened[0], examine_table(*opened))
    assert [column.name for column in profile.columns] == ["age", "n"]
    assert profile.problems == (
        "t.csv: column 'age', row 1: expected a number as in most of the column's rows, found "
        "'-'; read it as a missing value with `--missing -`",
    )
    assert (profile.labels, profile.parts) == ({"b": 2, "a": 1}, {})
