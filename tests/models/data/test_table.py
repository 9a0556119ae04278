import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.dataset import Column, Labelled, split
from models.data.schema import Schema
from models.data.table import read_table, table_rows
from models.errors import DataError

NAN = float("nan")


def csv(tmp_path: Path, text: str | bytes, name: str = "pets.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def rows(columns: dict[str, object], *, without: tuple[str, ...] = ()) -> Labelled:
    """Read a table from memory, the way one of Parquet is."""
    return table_rows(pa.table(columns), "pets.parquet", "y", without, None)


def refusal(read: object, *arguments: object, **options: object) -> str:
    assert callable(read)
    with pytest.raises(DataError) as error:
        read(*arguments, **options)
    return str(error.value)


def same(x: object, expected: object) -> bool:
    return np.array_equal(np.asarray(x), np.asarray(expected, np.float32), equal_nan=True)


def schema(text: str, tmp_path: Path) -> Schema:
    data = read_table(csv(tmp_path, text, "train.csv"), "y", (), None)
    return Schema(input=data.input, labels=data.labels)


# What the columns become


def test_numbers_stay_and_texts_and_truth_values_become_categories(tmp_path: Path) -> None:
    path = csv(tmp_path, "age,kind,tame,y\n1.5,dog,true,a\n2,cat,false,b\n")
    data = read_table(path, "y", (), None)
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
    assert same(read_table(path, "y", (), None).rows.x, [[NAN, NAN, NAN], [2, 0, 0]])


def test_the_type_of_a_column_is_that_of_all_its_rows(tmp_path: Path) -> None:
    path = csv(tmp_path, "age,y\n" + "1,a\n" * 200_000 + "1.5,b\n")
    assert read_table(path, "y", (), None).rows.x[-1] == 1.5


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1, None, 3], pa.int8()),
        pa.array([1, None, 3], pa.uint64()),
        pa.array(np.array([1, NAN, 3], np.float16)),
        pa.array([1.0, None, 3.0]),
        pa.array([Decimal(1), None, Decimal(3)]),
        pa.array([Decimal(1), None, Decimal(3)], pa.decimal32(5, 2)),
    ],
)
def test_numbers_of_every_type_are_numbers(values: pa.Array) -> None:
    data = rows({"x": values, "y": [1, 2, 2]})
    assert data.input.columns == (Column(name="x"),)
    assert same(data.rows.x, [[1], [NAN], [3]])


@pytest.mark.parametrize(
    ("values", "categories"),
    [
        (pa.array(["b", None, "a"], pa.large_string()), ("a", "b")),
        (pa.array(["b", None, "a"], pa.string_view()), ("a", "b")),
        (pa.array(["b", None, "a"]).dictionary_encode(), ("a", "b")),
        (pa.array([10, None, 9]).dictionary_encode(), ("9", "10")),
    ],
)
def test_texts_and_dictionaries_are_categories(
    values: pa.Array, categories: tuple[str, ...]
) -> None:
    data = rows({"x": values, "y": [1, 2, 2]})
    assert data.input.columns == (Column(name="x", categories=categories),)
    assert same(data.rows.x, [[1], [NAN], [0]])


def test_columns_may_be_left_out() -> None:
    data = rows({"id": ["1", "2"], "x": [3, 4], "y": [0, 1]}, without=("id",))
    assert [column.name for column in data.input.columns] == ["x"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            [datetime.date(2020, 1, 1), None],
            "expected numbers, texts or truth values, found date32[day]; leave the column out with "
            "--without",
        ),
        (
            [[1], [2]],
            "expected numbers, texts or truth values, found list<item: int64>; leave the column "
            "out with --without",
        ),
        (
            [b"a", b"b"],
            "expected numbers, texts or truth values, found binary; leave the column out with "
            "--without",
        ),
        ([None, None], "expected values, found none at all; leave the column out"),
        ([NAN, None], "expected values, found none at all; leave the column out"),
        (
            [10**15, 10**15 + 1],
            "expected numbers that float32 tells apart, found them from 1000000000000000 to "
            "1000000000000001; subtract the lowest, or leave the column out",
        ),
        (
            [2**62, 2**62 + 1],
            "expected numbers that float32 tells apart, found them from 4611686018427387904 to "
            "4611686018427387905; subtract the lowest, or leave the column out",
        ),
    ],
)
def test_a_column_that_cannot_be_learned_from_is_named(values: object, message: str) -> None:
    assert refusal(rows, {"when": values, "y": [0, 1]}) == f"pets.parquet: column 'when': {message}"


@pytest.mark.parametrize(("value", "shown"), [(float("inf"), "inf"), (-1e39, "-1e+39")])
def test_a_number_that_float32_cannot_hold_is_named(value: float, shown: str) -> None:
    assert refusal(rows, {"x": [1.0, value], "y": [0, 1]}) == (
        f"pets.parquet: column 'x', row 2: expected a number between ±3.4e+38, found {shown}; "
        "correct it or mark it as missing"
    )


def test_a_constant_column_may_be_as_large_as_it_likes() -> None:
    assert rows({"x": [2**60 + 1] * 2, "y": [0, 1]}).rows.x.tolist() == [[2**60]] * 2


def test_too_many_different_texts_are_named_with_the_first() -> None:
    texts = [f"name {number}" for number in range(101)]
    assert refusal(rows, {"age": texts, "y": [0] * 101}) == (
        "pets.parquet: column 'age': expected numbers or at most 100 different texts, found 101 "
        "texts such as 'name 0'; leave the column out with --without"
    )


def test_a_hundred_different_texts_are_categories() -> None:
    data = rows({"x": [str(number) for number in range(100)], "y": [0] * 100})
    assert len(data.input.columns[0].categories) == 100


# The target


@pytest.mark.parametrize(
    ("values", "labels", "index"),
    [
        (["b", "a"], ("a", "b"), [1, 0]),
        (pa.array(["b", "a"]).dictionary_encode(), ("a", "b"), [1, 0]),
        ([True, False], ("false", "true"), [1, 0]),
        ([10, 9], ("9", "10"), [1, 0]),
        ([10.0, 9.0], ("9", "10"), [1, 0]),
        ([Decimal("10.0"), Decimal("9.0")], ("9", "10"), [1, 0]),
    ],
)
def test_the_targets_different_values_are_the_labels(
    values: object, labels: tuple[str, ...], index: list[int]
) -> None:
    data = rows({"x": [1, 2], "y": values})
    assert (data.labels, data.rows.y.tolist()) == (labels, index)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            [1.0, 2.5],
            ", row 2: expected classes as texts or whole numbers, found the decimal number 2.5; "
            "choose another target, or round it to classes",
        ),
        (
            [1.0, float("inf")],
            ", row 2: expected classes as texts or whole numbers, found the decimal number inf; "
            "choose another target, or round it to classes",
        ),
        ([1, None], ", row 2: expected a class, found no value; remove the row"),
        ([NAN, 1.0], ", row 1: expected a class, found no value; remove the row"),
        (
            [datetime.date(2020, 1, 1)] * 2,
            ": expected numbers, texts or truth values, found date32[day]; choose another target",
        ),
    ],
)
def test_a_target_that_has_no_classes_is_named(values: object, message: str) -> None:
    assert refusal(rows, {"x": [1, 2], "y": values}) == f"pets.parquet: column 'y'{message}"


def test_a_constant_target_leaves_nothing_to_tell_apart() -> None:
    data = rows({"x": [1, 2], "y": ["a", "a"]})
    assert refusal(split, data) == (
        "pets.parquet: expected at least 2 labels to tell apart, found only 'a'"
    )


# Which columns


@pytest.mark.parametrize(
    ("target", "without", "message"),
    [
        (None, (), "--target: expected the column to predict, one of a, b, y, found none"),
        ("z", (), "--target: expected a column of pets.csv (a, b, y), found 'z'"),
        ("y", ("z",), "--without: expected columns of pets.csv (a, b, y), found 'z'"),
        ("y", ("y",), "--without: expected columns beside the target, found 'y'"),
        ("y", ("a", "b"), "pets.csv: expected columns to predict 'y' from, found none left"),
    ],
)
def test_a_wrong_choice_of_columns_is_told_the_known(
    tmp_path: Path, target: str | None, without: tuple[str, ...], message: str
) -> None:
    path = csv(tmp_path, "a,b,y\n1,2,3\n")
    assert refusal(read_table, path, target, without, None) == message


def test_no_more_than_twenty_columns_are_listed() -> None:
    table = pa.table({f"c{number}": [1] for number in range(22)})
    assert refusal(table_rows, table, "wide", None, (), None) == (
        "--target: expected the column to predict, one of c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, "
        "c10, c11, c12, c13, c14, c15, c16, c17, c18, c19 and 2 more, found none"
    )


def test_a_row_index_as_pandas_writes_it_is_no_column_of_data(tmp_path: Path) -> None:
    path = csv(tmp_path, ",a,y\n0,2,3\n")
    assert refusal(read_table, path, "y", (), None) == (
        "pets.csv: column '': expected a column of data, found a row index as pandas writes it; "
        "leave it out with --without '', or give it a name"
    )
    assert read_table(path, "y", ("",), None).rows.x.tolist() == [[2]]


# CSV


def test_quotes_byte_order_marks_and_line_ends_are_read_as_csv_has_them(tmp_path: Path) -> None:
    path = csv(tmp_path, b'\xef\xbb\xbfa,y\r\n"x, ""y""\nz",1\r\nb,2\r\n')
    data = read_table(path, "y", (), None)
    assert data.input.columns == (Column(name="a", categories=("b", 'x, "y"\nz')),)
    assert len(data.rows) == 2


def test_tabs_separate_the_cells_of_a_tsv_file(tmp_path: Path) -> None:
    path = csv(tmp_path, "a\ty\n1,5\t2\n", "pets.tsv")
    assert read_table(path, "y", (), None).input.columns[0].categories == ("1,5",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "pets.csv: expected a table with a line of names, found an empty file"),
        (b"\n \n", "pets.csv: expected a table with a line of names, found an empty file"),
        (b"a,y\n", "pets.csv: expected rows below the names of the columns, found none"),
        (
            b"a,a,y\n1,2,3\n",
            "pets.csv: column 'a': expected each column's name once, found it 2 times",
        ),
        (
            b"a,y\n1,2\n3\n",
            "pets.csv, row 2: expected 2 values, one for each column, found 1",
        ),
        (
            b"a,y\n1,2,3\n",
            "pets.csv, row 1: expected 2 values, one for each column, found 3",
        ),
        (
            b"a,y\n1,2\nM\xfcller,3\n",
            "pets.csv, line 3: expected UTF-8, found the byte 0xfc; save the file as UTF-8",
        ),
        (
            b'a,y\n1,2\n"x,3\n4,5\n',
            "pets.csv, line 4: expected every quote closed at the end of its cell, found "
            "unexpected end of data",
        ),
        (
            b'a,y\n"x"z,3\n',
            "pets.csv, line 2: expected every quote closed at the end of its cell, found "
            "',' expected after '\"'",
        ),
    ],
)
def test_a_damaged_csv_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    assert refusal(read_table, csv(tmp_path, content), "y", (), None) == message


def test_a_csv_file_too_long_for_arrow_is_to_be_saved_as_parquet(tmp_path: Path) -> None:
    path = tmp_path / "pets.csv"
    with path.open("wb") as file:
        file.truncate(2**31)  # a hole, which takes no room on disk
    assert refusal(read_table, path, "y", (), None) == (
        "pets.csv: expected at most 2147483647 bytes of text, found 2147483648; save the table as "
        "Parquet"
    )


# Parquet


def test_a_damaged_parquet_file_is_named(tmp_path: Path) -> None:
    path = csv(tmp_path, b"PAR1PAR1PAR1", "pets.parquet")
    assert refusal(read_table, path, "y", (), None) == (
        "pets.parquet: expected a whole Parquet file, found it damaged (Parquet file size is 12 "
        "bytes, smaller than the size reported by footer's (827474256bytes)); write it again"
    )


def test_a_folder_named_like_a_partition_adds_no_column(tmp_path: Path) -> None:
    folder = tmp_path / "year=2020"
    folder.mkdir()
    pyarrow.parquet.write_table(pa.table({"a": [1], "y": [2]}), folder / "pets.parquet")
    data = read_table(folder / "pets.parquet", "y", (), None)
    assert [column.name for column in data.input.columns] == ["a"]


WORDS = st.text("abc ,\"'é\n", min_size=1, max_size=4).filter(str.strip)


@given(
    table=st.integers(1, 8).flatmap(
        lambda count: st.fixed_dictionaries(
            {
                "whole": st.lists(st.integers(-999, 999), min_size=count, max_size=count),
                "word": st.lists(WORDS, min_size=count, max_size=count),
                "truth": st.lists(st.booleans(), min_size=count, max_size=count),
                "y": st.lists(st.sampled_from(["p", "q"]), min_size=count, max_size=count),
            }
        )
    )
)
def test_csv_and_parquet_of_one_table_read_to_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, table: dict[str, list[object]]
) -> None:
    folder = tmp_path_factory.mktemp("table")
    arrow = pa.table(table)
    pyarrow.csv.write_csv(arrow, folder / "a.csv")
    pyarrow.parquet.write_table(arrow, folder / "a.parquet")
    one = read_table(folder / "a.csv", "y", (), None)
    other = read_table(folder / "a.parquet", "y", (), None)
    assert (one.input, one.labels) == (other.input, other.labels)
    assert one.rows.x.tolist() == other.rows.x.tolist()
    assert one.rows.y.tolist() == other.rows.y.tolist()


@given(data=st.data())
def test_a_truncated_parquet_file_is_always_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("table") / "a.parquet"
    pyarrow.parquet.write_table(pa.table({"a": [1, 2], "y": ["p", "q"]}), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    message = refusal(read_table, path, "y", (), None)
    assert message.startswith("a.parquet: expected a whole Parquet file, found it damaged (")


# Further rows for a trained network

TRAINED = "age,kind,tame,y\n1,cat,true,no\n2,dog,false,yes\n"


def test_further_rows_are_numbered_as_the_network_was_trained(tmp_path: Path) -> None:
    like = schema(TRAINED, tmp_path)
    path = csv(tmp_path, "extra,y,tame,kind,age\n9,yes,false,dog,\n")
    data = read_table(path, "y", (), like)
    assert (data.input, data.labels) == (like.input, ("no", "yes"))
    assert same(data.rows.x, [[NAN, 1, 0]])
    assert data.rows.y.tolist() == [1]


def test_texts_stay_texts_though_all_of_them_are_digits_now(tmp_path: Path) -> None:
    like = schema("code,y\n007,01\nx,1b\n", tmp_path)
    data = read_table(csv(tmp_path, "code,y\n007,01\n"), "y", (), like)
    assert (data.rows.x.tolist(), data.rows.y.tolist()) == ([[0]], [0])


def test_whole_numbers_match_categories_of_the_same_text() -> None:
    trained = rows({"x": ["1", "2"], "y": ["a", "b"]})
    like = Schema(input=trained.input, labels=trained.labels)
    data = table_rows(pa.table({"x": [2, None], "y": ["a", "a"]}), "more", "y", (), like)
    assert same(data.rows.x, [[1], [NAN]])


@pytest.mark.parametrize("empty", [",,", ",cat,", ",,true"])
def test_a_column_may_be_missing_altogether_in_further_rows(tmp_path: Path, empty: str) -> None:
    data = read_table(
        csv(tmp_path, f"age,kind,tame,y\n{empty},no\n"), "y", (), schema(TRAINED, tmp_path)
    )
    assert np.isnan(data.rows.x[0, 0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "age,kind,y\n1,cat,no\n",
            "pets.csv: expected the column 'tame' as the network was trained on, found only age, "
            "kind",
        ),
        (
            "age,kind,tame,y\n1,cat,true,no\n2,cow,true,no\n",
            "pets.csv: column 'kind', row 2: expected one of cat, dog, found 'cow'",
        ),
        (
            "age,kind,tame,y\n1,cat,true,no\nold,cat,true,no\n",
            "pets.csv: column 'age', row 2: expected a number, found the text 'old'",
        ),
        (
            "age,kind,tame,y\ntrue,cat,true,no\n",
            "pets.csv: column 'age': expected numbers, found truth values",
        ),
        (
            "age,kind,tame,y\n2020-01-01,cat,true,no\n",
            "pets.csv: column 'age': expected numbers, texts or truth values, found date32[day]; "
            "write the column as for the training",
        ),
        (
            "age,kind,tame,y\n1,cat,yes,no\n",
            "pets.csv: column 'tame', row 1: expected one of false, true, found 'yes'",
        ),
        (
            "age,kind,tame,y\n1,cat,true,maybe\n",
            "pets.csv: expected labels that the network knows (no, yes), found 'maybe'",
        ),
    ],
)
def test_further_rows_that_the_network_does_not_know_are_named(
    tmp_path: Path, text: str, message: str
) -> None:
    like = schema(TRAINED, tmp_path)
    assert refusal(read_table, csv(tmp_path, text), "y", (), like) == message


def test_a_column_that_the_network_needs_cannot_be_left_out(tmp_path: Path) -> None:
    path = csv(tmp_path, TRAINED)
    assert refusal(read_table, path, "y", ("age",), schema(TRAINED, tmp_path)) == (
        "pets.csv: expected the column 'age' as the network was trained on, found only kind, tame"
    )


def table_file(path: Path, header: str, *lines: str) -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_a_stray_text_among_numbers_is_named_instead_of_making_categories_of_them(
    tmp_path: Path,
) -> None:
    lines = [f"{n},{'ab'[n % 2]}" for n in range(1, 8)]
    path = table_file(tmp_path / "t.csv", "size,y", *lines, "oops,a", "-1.5e3,b")
    with pytest.raises(DataError) as error:
        read_table(path, "y", (), None)
    assert str(error.value) == (
        "t.csv: column 'size', row 8: expected a number as in most of the column's rows, found "
        "the text 'oops'; correct it, or leave the cell empty if the value is missing"
    )


def test_codes_keep_their_leading_zeros(tmp_path: Path) -> None:
    lines = [f"{zip_code},{n},{label}" for n, (zip_code, label) in enumerate(CODES)]
    data = read_table(table_file(tmp_path / "t.csv", "zip,n,y", *lines), "y", (), None)
    assert data.input.columns[0] == Column(name="zip", categories=("00012", "10115"))
    assert data.input.columns[1] == Column(name="n")
    assert data.labels == ("000", "001")


CODES = [("00012", "000"), ("10115", "001"), ("10115", "000"), ("00012", "001")]


def test_pandas_categories_of_whole_numbers_stay_categories_in_parquet(tmp_path: Path) -> None:
    frame = pd.DataFrame({"code": [3, 1, 3, 2], "n": [1, 2, 3, 4], "y": list("abab")})
    path = tmp_path / "t.parquet"
    frame.astype({"code": "category"}).to_parquet(path, index=False)
    code, n = read_table(path, "y", (), None).input.columns
    assert (code.categories, n.categories) == (("1", "2", "3"), ())


@pytest.mark.parametrize(
    ("mark", "words"), [(";", "semicolons"), ("\t", "tabs")], ids=["semicolon", "tab"]
)
def test_another_separator_than_commas_is_named(tmp_path: Path, mark: str, words: str) -> None:
    path = table_file(tmp_path / "t.csv", f"a{mark}y", f"1{mark}x", f"2,5{mark}z")
    with pytest.raises(DataError) as error:
        read_table(path, "y", (), None)
    assert str(error.value) == (
        f"t.csv: expected columns separated by commas, found a first line with {words} alone; "
        "save the table with commas"
    )


def test_the_index_that_pandas_wrote_as_a_column_is_refused(tmp_path: Path) -> None:
    path = table_file(tmp_path / "t.csv", "Unnamed: 0,a,y", "0,1,x", "1,2,z")
    with pytest.raises(DataError) as error:
        read_table(path, "y", (), None)
    assert str(error.value) == (
        "t.csv: column 'Unnamed: 0': expected a column of data, found a row index as pandas "
        "writes it; leave it out with --without 'Unnamed: 0', or give it a name"
    )
