"""Data frames: the one module that knows pandas, which only who asks for a frame needs."""

from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING

from service.client.errors import AnswerError, ExtraError

if TYPE_CHECKING:
    from pandas import DataFrame as DataFrame  # others import it from here


def check_pandas() -> None:
    """Raise an `ExtraError` where frames cannot be made."""
    try:
        import pandas as pandas
        import pyarrow as pyarrow
    except ModuleNotFoundError as error:
        raise ExtraError(
            f"frames: expected the extra 'notebook', found no {error.name}; install it with "
            "`pip install '.[notebook]'`"
        ) from error


def table(columns: Mapping[str, object], index: tuple[str, ...] | None = None) -> "DataFrame":
    """Make a frame of columns; `index` are the names of its lines, which are layers."""
    check_pandas()
    import pandas

    lines = None if index is None else pandas.Index(index, name="layer")
    return pandas.DataFrame(dict(columns), index=lines)


def read_parquet(content: bytes) -> "DataFrame":
    """Read a Parquet file; its lists become arrays. Anything else is an `AnswerError`."""
    check_pandas()
    import pandas
    import pyarrow

    try:
        return pandas.read_parquet(BytesIO(content), engine="pyarrow")
    except pyarrow.ArrowInvalid as error:
        raise AnswerError("answer: expected a Parquet file, found something else") from error
