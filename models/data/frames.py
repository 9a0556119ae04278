"""Data frames of pandas as tables."""

import pandas as pd
import pyarrow as pa

from models.data.opened_table import OpenedTable
from models.errors import DataError
from service.contract import TextFormat


def open_frame(frame: pd.DataFrame, name: str, text: TextFormat) -> OpenedTable:
    """Return the rows of a data frame without its index; an index with a name is noted."""
    names = [str(level) for level in frame.index.names if level is not None]
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise DataError(f"{name}: cannot be converted to Arrow: {error.args[-1]}") from error
    notes = tuple(
        f"{name}: the index {level!r} is left out; `reset_index()` makes it a column"
        for level in names
    )
    return OpenedTable.typed(name, table, text, notes=notes)
