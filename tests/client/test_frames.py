import subprocess
import sys
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from arro3.core import Table
from highway_client import frames
from highway_client.description import Input
from highway_client.errors import ArgumentError, ResponseError

from tests.client.conftest import IMAGE, PEOPLE
from tests.conftest import ROOT

ROWS: dict[str, list[Any]] = {
    "member": [True, None],
    "age": [41, None],
    "job": ["pilot", None],
}
ENCODED = np.array([[41, 1, 1], [np.nan, np.nan, np.nan]], np.float32)
ARROW = pa.table(ROWS)


class OnlyInterchange:
    """A frame of a library that has the interchange protocol, and no Arrow."""

    def __dataframe__(self, nan_as_null: bool = False, allow_copy: bool = True) -> object:
        return pa.table(
            {"age": [41, 7], "job": ["pilot", "nurse"], "member": ["true", "1"]}
        ).__dataframe__(nan_as_null, allow_copy)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(ROWS),
        pd.DataFrame(ROWS, dtype=object),
        pd.DataFrame(ROWS).convert_dtypes(),
        pd.DataFrame(ROWS).astype({"job": "category"}),
        pd.DataFrame(ROWS).replace({np.nan: pd.NA}),
        ARROW,
        Table(ARROW),
        pa.RecordBatchReader.from_batches(ARROW.schema, ARROW.to_batches()),
    ],
)
def test_a_frame_of_any_library_is_encoded_by_column_name(frame: Any) -> None:
    assert frames.is_frame(frame)
    np.testing.assert_array_equal(frames.encode(frame, PEOPLE), ENCODED)


def test_a_frame_of_the_interchange_protocol_is_encoded() -> None:
    assert frames.encode(OnlyInterchange(), PEOPLE).tolist() == [[41, 1, 1], [7, 0, 1]]


def test_a_row_of_a_frame_is_a_frame_of_one_row() -> None:
    row = pd.DataFrame(ROWS).iloc[0]
    assert frames.is_series(row)
    assert not frames.is_frame(row)
    assert frames.encode(frames.frame_of_series(row), PEOPLE).tolist() == [[41, 1, 1]]


@pytest.mark.parametrize("rows", [np.zeros((1, 3)), [{}], {"age": 1}, None])
def test_other_rows_are_no_frames(rows: object) -> None:
    assert not frames.is_frame(rows)
    assert not frames.is_series(rows)


def test_only_frames_of_pandas_have_an_index() -> None:
    frame = pd.DataFrame(ROWS, index=["a", "b"])
    index = frames.index_of(frame)
    assert index is not None
    assert index.tolist() == ["a", "b"]
    assert frames.index_of(ARROW) is None


def test_a_frame_for_images_has_a_column_for_each_value() -> None:
    pixels = pd.DataFrame(np.arange(6).reshape(1, 6))
    assert frames.encode(pixels, IMAGE).tolist() == [[0, 1, 2, 3, 4, 5]]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"age": [1, float("inf")]}, "rows[1]['age']: expected a number within float32's range or "
         "a missing value, found inf"),
        ({"age": [True, False]}, "rows['age']: expected numbers, found booleans"),
        ({"job": ["cook", "pilot"]}, "rows[0]['job']: expected one of 'nurse', 'pilot', found "
         "'cook'"),
        ({"age": [date(2026, 1, 1)] * 2}, "rows['age']: expected numbers, found dates"),
        ({"bought": [1, 0]}, "rows: expected only the model's columns, found 'bought' too; select "
         "the columns that `model().input.columns` names"),
        ({"age": ["a", 1]}, "rows: expected a data frame whose columns have unique names and one "
         "type each, found one that Arrow cannot read: Conversion failed for column age with type "
         "object Expected bytes, got a 'int' object"),
        ({"age": [2**70, 1]}, "rows: expected a data frame whose columns have unique names and one "
         "type each, found one that Arrow cannot read: Python int too large to convert to C long"),
    ],
)  # fmt: skip
def test_a_frame_that_does_not_fit_is_an_error_that_names_row_and_column(
    change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        frames.encode(pd.DataFrame(ROWS).assign(**change), PEOPLE)
    assert str(caught.value) == reason


def test_a_missing_column_is_an_error_that_names_it() -> None:
    with pytest.raises(ArgumentError) as caught:
        frames.encode(pd.DataFrame(ROWS).drop(columns="job"), PEOPLE)
    assert str(caught.value) == (
        "rows: expected the column 'job', found no such column; add it, with missing values where "
        "it is not known"
    )


@pytest.mark.parametrize("row", [PEOPLE, IMAGE])
def test_a_name_of_two_columns_is_an_error_that_names_it(row: Input) -> None:
    columns = [[1], ["pilot"], [True], [2], [3], [4]]
    frame = pa.table(columns, names=["age", "job", "member", "x", "y", "age"])
    with pytest.raises(ArgumentError) as caught:
        frames.encode(frame, row)
    assert str(caught.value) == (
        "rows: expected each column's name once, found 'age' again; leave one out"
    )


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (pd.DataFrame(np.zeros((1, 5))), "rows: expected 6 columns of numbers, one for each value "
         "of an image, found 5; select them, or give the images as an array"),
        (pd.DataFrame(np.full((1, 6), np.nan)), "rows[0][0]: expected a number, found a missing "
         "value; images have none"),
        (pd.DataFrame(np.zeros((0, 6))), "rows: expected at least one row, found an empty data "
         "frame"),
    ],
)  # fmt: skip
def test_a_frame_that_is_not_one_of_images_is_an_error(frame: pd.DataFrame, reason: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        frames.encode(frame, IMAGE)
    assert str(caught.value) == reason


def test_an_index_has_the_names_of_layers() -> None:
    index = frames.names_index(("highway 1",), "layer")
    assert (index.name, index.tolist()) == ("layer", ["highway 1"])


def test_a_table_has_its_columns_in_their_order() -> None:
    frame = frames.table({"label": ("a", "b"), "gate": np.array([0.5, 1], np.float32)})
    assert frame.columns.tolist() == ["label", "gate"]
    assert frame["gate"].dtype == np.float32
    assert frame["label"].tolist() == ["a", "b"]


def test_a_body_that_is_not_parquet_is_an_error() -> None:
    with pytest.raises(ResponseError) as caught:
        frames.read_parquet(b"something else")
    assert str(caught.value) == (
        "response: expected one of a highway-networks server, found a body that is not a Parquet "
        "file"
    )


@pytest.mark.parametrize("missing", ["pandas", "pyarrow"])
@pytest.mark.parametrize("call", ["table({})", "read_parquet(b'')"])
def test_a_missing_extra_is_an_error_that_names_it(missing: str, call: str) -> None:
    script = (
        f"import sys; sys.modules['{missing}'] = None\n"
        "from highway_client import ClientError, ExtraError, frames\n"
        f"try:\n    frames.{call}\n"
        "except ExtraError as error:\n    assert isinstance(error, ClientError); print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        f"data frames: expected the extra 'notebook', found no {missing}; install it with "
        "`pip install 'highway-client[notebook]'`\n"
    )


def test_a_frame_of_arrow_needs_no_pandas() -> None:
    script = (
        "import sys\n"
        "class NoPandas:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'pandas': raise ModuleNotFoundError(name=name)\n"
        "sys.meta_path.insert(0, NoPandas())\n"
        "import pyarrow\n"
        "from highway_client import frames\n"
        "from highway_client.description import Column, Input\n"
        "row = Input(kind='table', shape=(1,), unit='', columns=(Column(name='age'),))\n"
        "table = pyarrow.table({'age': [1]})\n"
        "assert frames.encode(table, row).tolist() == [[1]]\n"
        "sys.modules['pyarrow'] = None\n"
        "try:\n    frames.encode(table, row)\n"
        "except frames.ExtraError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        "data frames: expected the extra 'notebook', found no pyarrow; install it with "
        "`pip install 'highway-client[notebook]'`\n"
    )


def test_the_client_loads_pandas_only_for_frames() -> None:
    script = (
        "import sys; import highway_client; "
        "assert not {'pandas', 'pyarrow', 'sqlalchemy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
