"""Rows read from a file, and their split into requests."""

from collections.abc import Iterator
from dataclasses import dataclass

from highway_client.calls import Rows

MAX_ROWS = 256  # of one request; a server accepts 1,024 by default
MAX_VALUES = 2**17  # of one request: 2.5 MiB as JSON; a server accepts 4 MiB by default


@dataclass(frozen=True, kw_only=True)
class FileRows:
    """Rows ready to send, and notes for the user on how they were read."""

    rows: Rows
    notes: tuple[str, ...] = ()

    def parts(self, size: int) -> Iterator[tuple[int, Rows]]:
        """Split rows of `size` values into requests, each with the index of its first row."""
        count = max(1, min(MAX_ROWS, MAX_VALUES // size))
        for start in range(0, len(self.rows), count):
            yield start, self.rows[start : start + count]
