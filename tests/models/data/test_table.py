from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.dataset import LabelledData, Schema
from models.data.opened_table import OpenedTable
from models.data.remedies import TableError
from models.data.selection import Selection, text_format
from models.data.table import examine_table, find_remedy, table_rows
from models.data.table_files import open_table
from models.errors import DataError
from service.contract import Column, TextFormat

NAN = float("nan")


def csv(tmp_path: Path, text: str | bytes, name: str = "pets.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(
    path: Path,
    exclude: tuple[str, ...] = (),
    schema: Schema | None = None,
    target: str | None = "y",
    declared: dict[str, str] | None = None,
) -> LabelledData:
    text = text_format(
        columns=declared or {},
        missing=(),
        decimal=".",
        delimiter=None,
        encoding=None,
        keep_spaces=False,
    )
    selection = Selection(target=target, exclude=exclude, text=text)
    return table_rows(open_table(path, text), selection, schema)


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


@pytest.mark.parametrize(
    ("target", "exclude", "expected"),
    [
        (None, (), "--target: name the column to predict, one of 'a', 'b', 'y'"),
        ("z", (), "--target: expected a column of pets.csv ('a', 'b', 'y'), found 'z'"),
        (
            "Y",
            (),
            "--target: expected a column of pets.csv ('a', 'b', 'y'), found 'Y'; did you mean 'y'?",
        ),
        ("y", ("z",), "--exclude: expected columns of pets.csv ('a', 'b', 'y'), found 'z'"),
        ("y", ("y",), "--exclude: the target 'y' cannot be excluded"),
        ("y", ("a", "b"), "pets.csv: no columns are left to predict 'y' from"),
    ],
)
def test_an_invalid_choice_of_columns_is_refused(
    tmp_path: Path, target: str | None, exclude: tuple[str, ...], expected: str
) -> None:
    path = csv(tmp_path, "a,b,y\n1,2,3\n")
    assert message(read, path, exclude, None, target) == expected


def test_a_message_lists_at_most_twenty_columns() -> None:
    table = pa.table({f"c{number}": [1] for number in range(22)})
    listed = ", ".join(f"'c{number}'" for number in range(20))
    assert message(table_rows, OpenedTable.of("wide", table), Selection(), None) == (
        f"--target: name the column to predict, one of {listed} and 2 more"
    )


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_a_row_index_written_by_pandas_must_be_excluded(tmp_path: Path, name: str) -> None:
    path = csv(tmp_path, f"{name},a,y\n0,2,3\n")
    assert message(read, path) == (
        f"pets.csv: column {name!r}: this seems to be a row index written by pandas; leave it out "
        f"with `--exclude {name!r}`, or declare it with --column"
    )
    assert read(path, (name,)).rows.x.tolist() == [[2]]


# Strings


def test_codes_keep_their_leading_zeros(tmp_path: Path) -> None:
    rows = ("00012,1,000", "10115,2,001", "10115,3,000", "00012,4,001")
    data = read(csv(tmp_path, "\n".join(("zip,n,y", *rows, ""))))
    assert data.input.columns == (
        Column(name="zip", categories=("00012", "10115")),
        Column(name="n"),
    )
    assert data.labels == ("000", "001")


def test_the_problems_of_all_columns_are_listed_with_what_mends_them(tmp_path: Path) -> None:
    rows = [f'{10**19 + n},2026-01-{n % 28 + 1:02},"{n % 9 + 1},000.5",{n % 2}' for n in range(30)]
    rows += ["10000000000000000031,-,-,1", "10000000000000000032,-,7,0"]
    path = csv(tmp_path, "\n".join(["id,when,price,y", *rows]))
    with pytest.raises(TableError) as error:
        read(path)
    assert str(error.value) == (
        "pets.csv: the table has 3 problems:\n"
        "  column 'id': the integers 10000000000000000000 and 10000000000000000001 become equal in "
        "float32; leave the column out with `--exclude id`, or round its numbers with `--column "
        "id=number`\n"
        "  column 'when', row 1: found the date '2026-01-01'; read dates with `--column "
        "when=date`, or keep the strings as categories with `--column when=category`\n"
        "  column 'price', row 1: expected plain numbers, found '1,000.5'; read the column as "
        "numbers with `--column price=number`, or keep the strings as categories with `--column "
        "price=category`"
    )
    assert error.value.options == (
        *("--exclude", "id", "--column", "when=date", "--column", "price=number"),
        *("--missing", "-"),
    )


def test_a_problem_that_no_option_mends_leaves_no_options(tmp_path: Path) -> None:
    path = csv(tmp_path, "age,y\n-,0.5\n1,1.5\n2,1.5\n")
    with pytest.raises(TableError) as error:
        read(path)
    assert "column 'y', row 1: expected classes as strings or integers" in str(error.value)
    assert "`--missing -`" in str(error.value)
    assert error.value.options == ()


def test_columns_of_different_decimal_marks_have_no_options(tmp_path: Path) -> None:
    cells = ["1.234", "12.345", '"999,5"'] * 4
    rows = "\n".join(f"{n}.25,{cell},{n % 2}" for n, cell in enumerate(cells))
    path = csv(tmp_path, f"a,b,y\n{rows}\n")
    with pytest.raises(TableError) as error:
        read(path)
    assert "read the table's numbers with `--decimal ,`" in str(error.value)
    assert error.value.options == ()


def test_a_marker_of_an_excluded_column_is_not_among_the_options(tmp_path: Path) -> None:
    rows = "\n".join(f"{mark}3e38,{n},{n % 2}" for n, mark in enumerate("-+-+"))
    with pytest.raises(TableError) as error:
        read(csv(tmp_path, f"e,n,y\n{rows}\n"))
    assert error.value.options == ("--exclude", "e")


CELLS = st.sampled_from(
    [
        *("1", "2", "3.5", "-1e3", "-", "?", "", "NA", "$1", "$2,000", "1,5", "2,5", "50%", "5 kg"),
        *("1/2/2026", "13/2/2026", "2026-01-31", "007", "1.1", "1.10", "true", "FALSE", " x "),
        *("12345678901234567890", "12345678901234567891", "3e38", "-3e38", "red", "0x1A", "1_000"),
    ]
)


@settings(deadline=None)  # several readings of a table
@given(
    columns=st.integers(1, 9).flatmap(
        lambda rows: st.lists(st.lists(CELLS, min_size=rows, max_size=rows), min_size=1, max_size=3)
    )
)
def test_the_options_of_an_error_always_mend_the_table(columns: list[list[str]]) -> None:
    cells = {f"c{index}": column for index, column in enumerate(columns)}
    table = pa.table({**cells, "y": ["a"] * len(columns[0])})
    opened = OpenedTable.typed("t", table, TextFormat(keep_spaces=True))
    selection = Selection(target="y")
    read_columns = examine_table(opened, selection)
    remedy = find_remedy(opened, selection, read_columns)
    if remedy is not None:
        mended = remedy.applied(selection)
        exact = replace(mended, text=replace(mended.text, missing=remedy.missing))
        assert table_rows(opened, exact, None).labels == ("a",)


def test_labels_with_outer_spaces_are_one_label_and_other_cases_are_noted(tmp_path: Path) -> None:
    data = read(csv(tmp_path, "a,y\n1,yes \n2, yes\n3,Yes\n"))
    assert data.labels == ("Yes", "yes")
    assert data.notes == (
        "pets.csv: the labels 'Yes', 'yes' differ only by case or spaces, and are different labels",
    )


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (
            {"Age": "number"},
            "--column: expected columns of pets.csv ('age', 'y'), found 'Age'; did you mean 'age'?",
        ),
        (
            {"y": "number"},
            "pets.csv: column 'y': the target is declared as number; choose another target",
        ),
    ],
)
def test_an_unused_or_wrong_declaration_is_refused(
    tmp_path: Path, declared: dict[str, str], expected: str
) -> None:
    with pytest.raises(DataError) as error:
        read(csv(tmp_path, "age,y\n1,a\n2,b\n"), declared=declared)
    assert str(error.value) == expected


def test_a_declared_column_cannot_be_excluded(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        read(csv(tmp_path, "age,n,y\n1,2,a\n"), ("age",), declared={"age": "number"})
    assert str(error.value) == ("--column: the column 'age' is excluded; leave out one of both")


def test_a_missing_text_that_is_nowhere_is_refused(tmp_path: Path) -> None:
    path = csv(tmp_path, "age,y\n-,a\n2,b\n")
    text = TextFormat(missing=("-", "?"))
    selection = Selection(target="y", text=text)
    assert message(table_rows, open_table(path, text), selection, None) == (
        "--missing: expected strings of pets.csv, found '?' in no column; correct it, or leave it "
        "out"
    )


def test_names_are_compared_in_one_unicode_form(tmp_path: Path) -> None:
    decomposed = "cafe\u0301"
    data = read(csv(tmp_path, f"{decomposed},y\n1,a\n2,b\n"), declared={"café": "number"})
    assert data.input.columns == (Column(name="café"),)


# Parquet


def test_a_named_index_of_pandas_must_be_excluded_or_declared(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [1.5, 2.5], "y": list("ab")}, index=pd.Index([7, 9], name="id"))
    path = tmp_path / "t.parquet"
    frame.to_parquet(path)
    assert message(read, path) == (
        "t.parquet: column 'id': this seems to be a row index written by pandas; leave it out with "
        "`--exclude id`, or declare it with --column"
    )
    assert [column.name for column in read(path, declared={"id": "number"}).input.columns] == [
        "n",
        "id",
    ]


def test_integer_categories_of_pandas_remain_categories(tmp_path: Path) -> None:
    frame = pd.DataFrame({"code": [3, 1, 3, 2], "n": [1, 2, 3, 4], "y": list("abab")})
    path = tmp_path / "t.parquet"
    frame.astype({"code": "category"}).to_parquet(path, index=False)
    code, n = read(path).input.columns
    assert (code.categories, n.categories) == (("1", "2", "3"), ())


WORDS = st.text("abc ,\"'é\n", min_size=1, max_size=4).filter(lambda word: word.strip() == word)


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
            "pets.csv: expected the column 'tame' of the network's training data, found only "
            "'age', 'kind'",
        ),
        (
            "age,kind,tame,y\n1,cat,true,no\n2,cow,true,no\n",
            "pets.csv: column 'kind', row 2: expected one of 'cat', 'dog', found 'cow'",
        ),
        (
            "age,kind,tame,y\n1,cat,true,no\nold,cat,true,no\n",
            "pets.csv: column 'age', row 2: expected a number, found 'old'",
        ),
        (
            "age,kind,tame,y\ntrue,cat,true,no\n",
            "pets.csv: column 'age', row 1: expected a number, found 'true'",
        ),
        (
            "age,kind,tame,y\n2020-01-01,cat,true,no\n",
            "pets.csv: column 'age', row 1: expected a number, found '2020-01-01'",
        ),
        (
            "age,kind,tame,y\n1,cat,yes,no\n",
            "pets.csv: column 'tame', row 1: expected one of 'false', 'true', found 'yes'",
        ),
        (
            "age,kind,tame,y\n1,cat,true,maybe\n",
            "pets.csv: expected one of the network's labels ('no', 'yes'), found 'maybe'",
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
        "pets.csv: expected the column 'age' of the network's training data, found only "
        "'kind', 'tame'"
    )
