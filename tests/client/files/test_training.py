"""The client's reader of tables against that of training."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from highway_client.description import Column, Input, TextFormat
from highway_client.files.arrow_files import read_parquet
from highway_client.files.tables import read_table
from highway_client.files.typed_tables import read_typed_table
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyarrow.parquet import write_table

from models.data.dataset import LabelledData
from models.data.source import Source, read
from models.errors import DataError
from tests.client.conftest import matrix

CELLS = {
    "number": ["1", "2.5", "-3e2", " 4 ", ".5", "5.", "", "NA", '"6"', '" 7"', "\u00a08", "+9"],
    "category": ["red", " red", '"red "', "007", "", "null", '"x,y"', "0x1A", "1_000", '" NA"'],
    "boolean": ["true", "FALSE", "True", "", "0", "1", " true "],
    "iso": ["2026-01-31", "2026-02-01T12:30", "2020-01-01 00:00:00+02:00", "", "19700103"],
    "price": ["$5", '"$1,234.50"', "$7", "", "$-3"],
    "day": ["1/31/2026", "2/28/2026", "", "12/1/2025"],
}
DECLARED = {"iso": "date", "price": "number", "day": "date"}


@settings(deadline=None)  # a file is read twice
@given(
    lines=st.lists(st.tuples(*map(st.sampled_from, CELLS.values())), min_size=4, max_size=9),
    keep_spaces=st.booleans(),
)
def test_a_file_means_the_same_in_training_and_in_the_client(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, ...]], *, keep_spaces: bool
) -> None:
    path = Path(tmp_path_factory.mktemp("table")) / "t.csv"
    rows = [",".join((*cells, "ab"[row % 2])) for row, cells in enumerate(lines)]
    path.write_text("\n".join([",".join((*CELLS, "y")), *rows, ""]), encoding="utf-8")
    try:
        trained = read(Source.of(str(path), target="y", columns=DECLARED, keep_spaces=keep_spaces))
    except DataError:
        assume(False)  # such as a column without values
    np.testing.assert_array_equal(matrix(read_table(path, described(trained))), trained.rows.x)


TYPED = {
    "number": st.none() | st.floats(width=32, allow_infinity=False) | st.integers(-9, 9),
    "half": st.none() | st.floats(-9, 9, width=16),
    "text": st.sampled_from([None, "1", " 2.5", "NA", "-3e2"]),
    "category": st.sampled_from([None, "red", " red ", "NA", "7", "a b"]),
    "boolean": st.none() | st.booleans(),
    "date": st.none() | st.dates(),
    "time": st.none() | st.datetimes(datetime(1677, 9, 22), datetime(2262, 4, 11)),
}
TYPES = {
    "number": pa.float64(),
    "half": pa.float16(),
    "text": pa.string(),
    "category": pa.dictionary(pa.int32(), pa.string()),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "time": pa.timestamp("ns"),
}


@settings(deadline=None)  # a file is read twice
@given(lines=st.lists(st.fixed_dictionaries(TYPED), min_size=4, max_size=9))
def test_a_parquet_file_means_the_same_in_training_and_in_the_client(
    tmp_path_factory: pytest.TempPathFactory, lines: list[dict[str, object]]
) -> None:
    path = Path(tmp_path_factory.mktemp("table")) / "t.parquet"
    columns = {name: pa.array([x[name] for x in lines], kind) for name, kind in TYPES.items()}
    write_table(pa.table({**columns, "y": ["ab"[row % 2] for row in range(len(lines))]}), path)
    try:
        trained = read(Source.of(str(path), target="y"))
    except DataError:
        assume(False)  # such as a column without values
    rows = read_typed_table(path, described(trained), read_parquet)
    np.testing.assert_array_equal(matrix(rows), trained.rows.x)


def described(trained: LabelledData) -> Input:
    """Return the description of the input of a model that is trained on this data."""
    row = trained.input
    return Input(
        kind="table",
        shape=row.shape,
        unit=row.unit,
        columns=tuple(Column(**asdict(column)) for column in row.columns),
        text=TextFormat(**asdict(row.text)),
    )
