"""The client's reader of tables against that of training."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from highway_client.description import Column, Input, TextFormat
from highway_client.files.tables import read_table
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from models.data.source import Source, read
from models.errors import DataError

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
    row = trained.input
    columns = tuple(Column(**asdict(column)) for column in row.columns)
    form = Input(
        kind="table",
        shape=row.shape,
        unit=row.unit,
        columns=columns,
        text=TextFormat(**asdict(row.text)),
    )
    found = []
    for cells in read_table(path, form).rows:
        assert isinstance(cells, dict)
        found.append([number(column, cells[column.name]) for column in columns])
    np.testing.assert_array_equal(np.array(found, np.float32), trained.rows.x)


def number(column: Column, value: float | str | None) -> float:
    if value is None:
        return np.nan
    return column.categories.index(value) if isinstance(value, str) else value
