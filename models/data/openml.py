"""Tables from https://www.openml.org, by name."""

import http.client
import re
import warnings
from urllib.error import URLError

import pandas as pd
import pyarrow as pa
from sklearn.datasets import fetch_openml

from models.data.dataset import Labelled
from models.data.schema import Schema
from models.data.table import table_rows
from models.errors import DataError

NAME = re.compile(r"([^\s/:?#%]+)(?::([1-9][0-9]*))?")


def read_openml(
    name: str, target: str | None, without: tuple[str, ...], like: Schema | None
) -> Labelled:
    """Fetch a table, kept in scikit-learn's cache, and read it as `models.data.table` does.

    `name` is NAME, for the oldest version that is active, or NAME:VERSION. Without a target, it is
    the one that OpenML names. What cannot be fetched is a `DataError`.
    """
    match = NAME.fullmatch(name)
    if match is None:
        raise DataError(f"data: expected openml:NAME or openml:NAME:VERSION, found openml:{name}")
    version = int(match[2]) if match[2] else "active"
    frame, default = _fetched(f"openml:{name}", match[1], version, choose=target is None)
    return frame_rows(frame, f"openml:{name}", target or default, without, like)


def frame_rows(
    frame: pd.DataFrame,
    name: str,
    target: str | None,
    without: tuple[str, ...],
    like: Schema | None,
) -> Labelled:
    """Return a pandas table's rows as `models.data.table.table_rows` does, without its index."""
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, ValueError) as error:
        raise DataError(
            f"{name}: expected columns of one type each, found {error.args[-1]}"
        ) from error
    return table_rows(table, name, target, without, like)


def _fetched(
    where: str, name: str, version: int | str, *, choose: bool
) -> tuple[pd.DataFrame, str | None]:
    """Return the whole table, and to choose by, the name of its target if that is a single one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of each failed try, and of several versions
            bunch = fetch_openml(
                name,
                version=version,
                as_frame=True,
                n_retries=1,
                target_column="default-target" if choose else None,
            )
    except (URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
        raise DataError(
            f"{where}: expected an answer from www.openml.org, found "
            f"{_short(getattr(error, 'reason', error))}; save the table as a CSV file and give that"
        ) from error
    except (ValueError, KeyError, OSError) as error:
        raise DataError(
            f"{where}: expected a table that scikit-learn can fetch, found {_short(error)}"
        ) from error
    targets = bunch.target_names or []
    return bunch.frame, targets[0] if len(targets) == 1 else None


def _short(error: object) -> str:
    return str(error).strip().split("\n", maxsplit=1)[0].rstrip(".")
