from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.dataset import LabelledData, Schema
from models.data.table import read_table, table_rows
from models.errors import DataError
from service.contract import Column

NAN = float("nan")


def csv(tmp_path: Path, text: str | bytes, name: str = "pets.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(path: Path, exclude: tuple[str, ...] = (), schema: Schema | None = None) -> LabelledData:
    return read_table(path, "y", exclude, schema)


def message(read: object, *arguments: object) -> str:
    assert callable(read)
    with pytest.raises(DataError) as error:
        read(*arguments)
    return str(error.value)


def same(x: object, expected: object) -> bool:
    return np.array_equal(np.asarray(x), np.asarray(expected, np.float32), equal_nan=True)


def schema(text: str, tmp_path: Path) -> Schema:
    data = read(csv(tmp_path, text, "train.csv"))
    return Schema(input=data.input, labels=data.labels)


# Columns


def test_numbers_are_kept_and_strings_and_booleans_become_categories(tmp_path: Path) -> None:
    data = read(csv(tmp_path, "age,kind,tame,y\n1.5,dog,true,a\n2,cat,false,b\n"))
    assert (data.name, data.input.kind, data.input.shape) == ("pets.csv", "table", (3,))
    assert data.input.columns == (
        Column(name="age"),
        Column(name="kind", categories=("cat", "dog")),
        Column(name="tame", categories=("false", "true")),
    )
    assert data.rows.x.tolist() == [[1.5, 1, 1], [2, 0, 0]]
    assert data.rows.x.dtype == np.float32


def test_a_missing_value_is_nan_in_every_kind_of_column(tmp_path: Path) -> None:
    path = csv(tmp_path, 'age,kind,tame,y\n,"",NA,a\n2,cat,false,b\n')
    assert same(read(path).rows.x, [[NAN, NAN, NAN], [2, 0, 0]])


def test_the_type_of_a_column_is_inferred_from_all_rows(tmp_path: Path) -> None:
    path = csv(tmp_path, "age,y\n" + "1,a\n" * 200_000 + "1.5,b\n")
    assert read(path).rows.x[-1] == 1.5


def test_columns_can_be_excluded(tmp_path: Path) -> None:
    data = read(csv(tmp_path, "id,x,y\n1,3,0\n2,4,1\n"), ("id",))
    assert [column.name for column in data.input.columns] == ["x"]


def test_an_error_in_a_column_names_the_column(tmp_path: Path) -> None:
    assert message(read, csv(tmp_path, "when,y\n2020-01-01,a\n")) == (
        "pets.csv: column 'when': expected numbers, strings or booleans, found date32[day]; leave "
        "the column out with --exclude"
    )


@pytest.mark.parametrize(
    ("target", "exclude", "expected"),
    [
        (None, (), "--target: name the column to predict, one of a, b, y"),
        ("z", (), "--target: expected a column of pets.csv (a, b, y), found 'z'"),
        ("y", ("z",), "--exclude: expected columns of pets.csv (a, b, y), found 'z'"),
        ("y", ("y",), "--exclude: the target 'y' cannot be excluded"),
        ("y", ("a", "b"), "pets.csv: no columns are left to predict 'y' from"),
    ],
)
def test_an_invalid_choice_of_columns_is_refused(
    tmp_path: Path, target: str | None, exclude: tuple[str, ...], expected: str
) -> None:
    path = csv(tmp_path, "a,b,y\n1,2,3\n")
    assert message(read_table, path, target, exclude, None) == expected


def test_a_message_lists_at_most_twenty_columns() -> None:
    table = pa.table({f"c{number}": [1] for number in range(22)})
    assert message(table_rows, table, "wide", None, (), None) == (
        "--target: name the column to predict, one of c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, "
        "c11, c12, c13, c14, c15, c16, c17, c18, c19 and 2 more"
    )


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_a_row_index_written_by_pandas_must_be_excluded(tmp_path: Path, name: str) -> None:
    path = csv(tmp_path, f"{name},a,y\n0,2,3\n")
    assert message(read, path) == (
        f"pets.csv: column {name!r}: this seems to be a row index written by pandas; leave it out "
        f"with --exclude {name!r}, or rename it"
    )
    assert read(path, (name,)).rows.x.tolist() == [[2]]


# CSV


def test_quotes_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    data = read(csv(tmp_path, b'\xef\xbb\xbfa,y\r\n"x, ""y""\nz",1\r\nb,2\r\n'))
    assert data.input.columns == (Column(name="a", categories=("b", 'x, "y"\nz')),)
    assert len(data.rows) == 2


def test_tabs_separate_the_cells_of_a_tsv_file(tmp_path: Path) -> None:
    path = csv(tmp_path, "a\ty\n1,5\t2\n", "pets.tsv")
    assert read(path).input.columns[0].categories == ("1,5",)


def test_codes_keep_their_leading_zeros(tmp_path: Path) -> None:
    rows = ("00012,1,000", "10115,2,001", "10115,3,000", "00012,4,001")
    data = read(csv(tmp_path, "\n".join(("zip,n,y", *rows, ""))))
    assert data.input.columns == (
        Column(name="zip", categories=("00012", "10115")),
        Column(name="n"),
    )
    assert data.labels == ("000", "001")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "pets.csv: the file is empty"),
        (b"\n \n", "pets.csv: the file is empty"),
        (b"a,y\n", "pets.csv: the table has no rows below its header"),
        (
            b"a,a,y\n1,2,3\n",
            "pets.csv: column 'a': expected unique column names, found this one 2 times",
        ),
        (b"a,y\n1,2\n3\n", "pets.csv, row 2: expected 2 values, one for each column, found 1"),
        (b"a,y\n1,2,3\n", "pets.csv, row 1: expected 2 values, one for each column, found 3"),
        (
            b"a,y\n1,2\nM\xfcller,3\n",
            "pets.csv, line 3: expected UTF-8, found the byte 0xfc; save the file as UTF-8",
        ),
        (
            b'a,y\n1,2\n"x,3\n4,5\n',
            "pets.csv, line 4: a quote is not closed at the end of its cell (unexpected end of "
            "data)",
        ),
        (
            b'a,y\n"x"z,3\n',
            "pets.csv, line 2: a quote is not closed at the end of its cell (',' expected after "
            "'\"')",
        ),
        (
            b"a;y\n1;x\n2,5;z\n",
            "pets.csv: expected columns separated by commas, found semicolons; save the table "
            "again with commas",
        ),
        (
            b"a\ty\n1\tx\n",
            "pets.csv: expected columns separated by commas, found tabs; save the table again with "
            "commas",
        ),
    ],
)
def test_a_damaged_csv_file_is_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    assert message(read, csv(tmp_path, content)) == expected


def test_a_csv_file_too_large_for_arrow_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pets.csv"
    with path.open("wb") as file:
        file.truncate(2**31)  # a sparse file
    assert message(read, path) == (
        "pets.csv: expected at most 2147483647 bytes of text, found 2147483648; save the table as "
        "Parquet"
    )


# Parquet


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    path = csv(tmp_path, b"PAR1PAR1PAR1", "pets.parquet")
    assert message(read, path) == (
        "pets.parquet: the Parquet file is damaged (Parquet file size is 12 bytes, smaller than "
        "the size reported by footer's (827474256bytes)); write it again"
    )


def test_a_folder_named_like_a_partition_adds_no_column(tmp_path: Path) -> None:
    folder = tmp_path / "year=2020"
    folder.mkdir()
    pyarrow.parquet.write_table(pa.table({"a": [1], "y": [2]}), folder / "pets.parquet")
    data = read(folder / "pets.parquet")
    assert [column.name for column in data.input.columns] == ["a"]


def test_integer_categories_of_pandas_remain_categories(tmp_path: Path) -> None:
    frame = pd.DataFrame({"code": [3, 1, 3, 2], "n": [1, 2, 3, 4], "y": list("abab")})
    path = tmp_path / "t.parquet"
    frame.astype({"code": "category"}).to_parquet(path, index=False)
    code, n = read(path).input.columns
    assert (code.categories, n.categories) == (("1", "2", "3"), ())


WORDS = st.text("abc ,\"'é\n", min_size=1, max_size=4).filter(str.strip)


@given(
    table=st.integers(1, 8).flatmap(
        lambda count: st.fixed_dictionaries(
            {
                "integer": st.lists(st.integers(-999, 999), min_size=count, max_size=count),
                "word": st.lists(WORDS, min_size=count, max_size=count),
                "boolean": st.lists(st.booleans(), min_size=count, max_size=count),
                "y": st.lists(st.sampled_from(["p", "q"]), min_size=count, max_size=count),
            }
        )
    )
)
def test_csv_and_parquet_of_one_table_give_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, table: dict[str, list[object]]
) -> None:
    folder = tmp_path_factory.mktemp("table")
    arrow = pa.table(table)
    pyarrow.csv.write_csv(arrow, folder / "a.csv")
    pyarrow.parquet.write_table(arrow, folder / "a.parquet")
    one, other = read(folder / "a.csv"), read(folder / "a.parquet")
    assert (one.input, one.labels) == (other.input, other.labels)
    assert one.rows.x.tolist() == other.rows.x.tolist()
    assert one.rows.y.tolist() == other.rows.y.tolist()


@given(data=st.data())
def test_a_truncated_parquet_file_is_always_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("table") / "a.parquet"
    pyarrow.parquet.write_table(pa.table({"a": [1, 2], "y": ["p", "q"]}), path)
    content = path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    assert message(read, path).startswith("a.parquet: the Parquet file is damaged (")


# Further rows for a trained network

TRAINED = "age,kind,tame,y\n1,cat,true,no\n2,dog,false,yes\n"


def test_further_rows_are_encoded_as_the_training_data(tmp_path: Path) -> None:
    trained = schema(TRAINED, tmp_path)
    path = csv(tmp_path, "extra,y,tame,kind,age\n9,yes,false,dog,\n")
    data = read(path, schema=trained)
    assert (data.input, data.labels) == (trained.input, ("no", "yes"))
    assert same(data.rows.x, [[NAN, 1, 0]])
    assert data.rows.y.tolist() == [1]


def test_a_string_column_is_read_as_strings_even_if_all_are_digits(tmp_path: Path) -> None:
    trained = schema("code,y\n007,01\nx,1b\n", tmp_path)
    data = read(csv(tmp_path, "code,y\n007,01\n"), schema=trained)
    assert (data.rows.x.tolist(), data.rows.y.tolist()) == ([[0]], [0])


@pytest.mark.parametrize("empty", [",,", ",cat,", ",,true"])
def test_a_column_of_further_rows_may_have_no_values(tmp_path: Path, empty: str) -> None:
    path = csv(tmp_path, f"age,kind,tame,y\n{empty},no\n")
    assert np.isnan(read(path, schema=schema(TRAINED, tmp_path)).rows.x[0, 0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "age,kind,y\n1,cat,no\n",
            "pets.csv: expected the column 'tame' of the network's training data, found only age, "
            "kind",
        ),
        (
            "age,kind,tame,y\n1,cat,true,no\n2,cow,true,no\n",
            "pets.csv: column 'kind', row 2: expected one of cat, dog, found 'cow'",
        ),
        (
            "age,kind,tame,y\n1,cat,true,no\nold,cat,true,no\n",
            "pets.csv: column 'age', row 2: expected a number, found the string 'old'",
        ),
        (
            "age,kind,tame,y\ntrue,cat,true,no\n",
            "pets.csv: column 'age': expected numbers, found booleans",
        ),
        (
            "age,kind,tame,y\n2020-01-01,cat,true,no\n",
            "pets.csv: column 'age': expected numbers, strings or booleans, found date32[day]; "
            "write the column as in the training data",
        ),
        (
            "age,kind,tame,y\n1,cat,yes,no\n",
            "pets.csv: column 'tame', row 1: expected one of false, true, found 'yes'",
        ),
        (
            "age,kind,tame,y\n1,cat,true,maybe\n",
            "pets.csv: expected one of the network's labels (no, yes), found 'maybe'",
        ),
    ],
)
def test_further_rows_that_do_not_match_the_training_data_are_refused(
    tmp_path: Path, text: str, expected: str
) -> None:
    trained = schema(TRAINED, tmp_path)
    assert message(read, csv(tmp_path, text), (), trained) == expected


def test_a_column_that_the_network_needs_cannot_be_excluded(tmp_path: Path) -> None:
    path = csv(tmp_path, TRAINED)
    assert message(read, path, ("age",), schema(TRAINED, tmp_path)) == (
        "pets.csv: expected the column 'age' of the network's training data, found only kind, tame"
    )
