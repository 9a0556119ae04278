"""Rows read from a file, in batches of which each is sent in one request."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from highway_client.calls import MAX_JSON_VALUES, Rows, rows_per_request
from highway_client.errors import FileError
from highway_client.json_values import FloatArray

MAX_JSON_ROWS = 256  # of one request; a server accepts 1,024 by default


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Rows to send in one request, and notes for the user on how they were read.

    `names` are the files of the rows, if each row has a file of its own.
    """

    rows: Rows
    names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class FileRows:
    """The rows of a file or folder, to be read once; `count` is their number if it is known.

    Reading a batch may raise a `FileError`.
    """

    batches: Iterator[Batch]
    notes: tuple[str, ...] = ()
    count: int | None = None

    @classmethod
    def of_matrix(cls, matrix: NDArray[Any], size: int, notes: tuple[str, ...] = ()) -> "FileRows":
        """Split an array of rows of `size` values."""
        step = rows_per_request(size)
        batches = (
            Batch(rows=matrix[start : start + step]) for start in range(0, len(matrix), step)
        )
        return cls(batches=batches, notes=notes, count=len(matrix))

    @classmethod
    def of_instances(cls, rows: Sequence[object], size: int) -> "FileRows":
        """Split rows in the form of JSON, of `size` values."""
        step = max(1, min(MAX_JSON_ROWS, MAX_JSON_VALUES // size))
        batches = (
            Batch(rows=cast(Rows, rows[start : start + step]))
            for start in range(0, len(rows), step)
        )
        return cls(batches=batches, count=len(rows))


def regrouped(matrices: Iterable[FloatArray], size: int, *, empty: FileError) -> Iterator[Batch]:
    """Yield batches of as many rows as a request can have; without any row raise `empty`."""
    step = rows_per_request(size)
    waiting: list[FloatArray] = []
    count = total = 0
    for matrix in matrices:
        waiting.append(matrix)
        count += len(matrix)
        total += len(matrix)
        while count >= step:
            rows = np.concatenate(waiting)
            yield Batch(rows=rows[:step])
            waiting, count = [rows[step:]], count - step
    if not total:
        raise empty
    if count:
        yield Batch(rows=np.concatenate(waiting))
