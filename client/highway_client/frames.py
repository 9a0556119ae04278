"""Data frames; the only module that imports pandas, which the extra `notebook` installs."""

from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING

from highway_client.errors import ExtraError
from highway_client.json_values import unreadable

if TYPE_CHECKING:
    from pandas import DataFrame as DataFrame  # re-exported for annotations


def check_pandas() -> None:
    """Raise an `ExtraError` if pandas or pyarrow is not installed."""
    try:
        import pandas as pandas
        import pyarrow as pyarrow
    except ModuleNotFoundError as error:
        raise ExtraError(
            f"data frames: expected the extra 'notebook', found no {error.name}; install it with "
            "`pip install 'highway-client[notebook]'`"
        ) from error


def table(columns: Mapping[str, object], index: tuple[str, ...] | None = None) -> "DataFrame":
    """Return a data frame of columns; `index` holds the layers' names."""
    check_pandas()
    import pandas

    rows = None if index is None else pandas.Index(index, name="layer")
    return pandas.DataFrame(dict(columns), index=rows)


def read_parquet(content: bytes) -> "DataFrame":
    """Read a Parquet file, lists as arrays; anything else is a `ResponseError`."""
    check_pandas()
    import pandas
    import pyarrow

    try:
        return pandas.read_parquet(BytesIO(content), engine="pyarrow")
    except pyarrow.ArrowInvalid as error:
        raise unreadable("a body that is not a Parquet file") from error
