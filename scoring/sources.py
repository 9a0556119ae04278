"""What rows are read from, and the parts that they are divided into.

Every source reads a part with the readers of training and of `highway predict`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from highway_client.json_values import FloatArray

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class Part:
    """Rows that are scored together; `number` counts the parts from 0.

    `start` and `stop` count bytes of a text, decompressed, and otherwise rows or pictures; those of
    a Parquet file count in its row group `group`. A `stop` of None is the end. `first` is the
    number of the first line of a text, and otherwise of the first row of `file`, from 1.
    """

    number: int
    start: int
    stop: int | None
    first: int
    file: str = ""
    group: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class RowBatch:
    """Some rows of a part, in order.

    rows: float32 (count − errors, features), without those that cannot be read; `errors` has the
    sentence of each of those by its index among the `count` rows. `names` are the files of the
    rows, if each has its own; `columns` are those to copy, of `count` rows.
    """

    rows: FloatArray
    count: int
    locate: "Locate"
    errors: Mapping[int, str] = field(default_factory=dict)
    names: tuple[str, ...] | None = None
    columns: "pa.Table | None" = None
    notes: tuple[str, ...] = ()


class Locate(Protocol):
    """Names a row of a batch in a message."""

    def __call__(self, index: int) -> str:
        """Return the file and the row or line of the row `index` of the batch."""


class Source(Protocol):
    """A file or folder of rows; it can be pickled."""

    def read(self, part: Part, *, keep_errors: bool) -> Iterator[RowBatch]:
        """Yield the rows of a part.

        A row that cannot be read raises a `FileError`; with `keep_errors` it is among the errors of
        its batch.
        """
