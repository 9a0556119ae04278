"""Tables from https://www.openml.org by name."""

import http.client
import re
import warnings
from urllib.error import URLError

import pandas as pd
import pyarrow as pa
from sklearn.datasets import fetch_openml

from models.data.dataset import LabelledData, Schema
from models.data.table import table_rows
from models.errors import DataError, first_line

NAME = re.compile(r"([^\s/:?#%]+)(?::([1-9][0-9]*))?")


def read_openml(
    name: str, target: str | None, exclude: tuple[str, ...], schema: Schema | None
) -> LabelledData:
    """Fetch a table into scikit-learn's cache and read it as `models.data.table.table_rows` does.

    `name` is NAME, for the oldest active version, or NAME:VERSION. Without a target, OpenML's
    only default target is used. Raises `DataError` if the table cannot be fetched.
    """
    match = NAME.fullmatch(name)
    if match is None:
        raise DataError(f"data: expected openml:NAME or openml:NAME:VERSION, found openml:{name}")
    where = f"openml:{name}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about failed attempts and further versions
            bunch = fetch_openml(
                match[1],
                version=int(match[2]) if match[2] else "active",
                as_frame=True,
                n_retries=1,
                target_column="default-target" if target is None else None,
            )
    except (URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
        reason = first_line(getattr(error, "reason", error))
        raise DataError(
            f"{where}: www.openml.org cannot be reached ({reason}); save the table as a CSV file "
            "and use that file"
        ) from error
    except (ValueError, KeyError, OSError) as error:
        raise DataError(
            f"{where}: scikit-learn cannot fetch the table: {first_line(error)}"
        ) from error
    targets = bunch.target_names or []
    default_target = targets[0] if len(targets) == 1 else None
    return frame_rows(bunch.frame, where, target or default_target, exclude, schema)


def frame_rows(
    frame: pd.DataFrame,
    name: str,
    target: str | None,
    exclude: tuple[str, ...],
    schema: Schema | None,
) -> LabelledData:
    """Return the rows of a data frame, without its index, as `table_rows` does."""
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, ValueError) as error:
        raise DataError(f"{name}: cannot be converted to Arrow: {error.args[-1]}") from error
    return table_rows(table, name, target, exclude, schema)
