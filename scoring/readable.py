"""Rows that can be read, among others that cannot."""

from collections.abc import Callable

import numpy as np
from highway_client.errors import FileError
from highway_client.json_values import FloatArray

Read = Callable[[int, int], FloatArray]


def readable(
    read: Read, count: int, size: int, *, keep_errors: bool
) -> tuple[FloatArray, dict[int, str]]:
    """Read `count` rows of `size` values by `read(start, stop)`, in halves where it fails.

    Returns the rows that can be read, and the sentence of each of the others by its index. Without
    `keep_errors`, the first `FileError` is raised.
    """
    if not keep_errors:
        return read(0, count), {}
    errors: dict[int, str] = {}

    def visit(start: int, stop: int) -> list[FloatArray]:
        try:
            return [read(start, stop)]
        except FileError as error:
            if stop - start == 1:
                errors[start] = str(error)
                return []
        middle = (start + stop) // 2
        return visit(start, middle) + visit(middle, stop)

    parts = visit(0, count)
    return np.concatenate([np.empty((0, size), np.float32), *parts]), errors
