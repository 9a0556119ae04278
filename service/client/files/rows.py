"""The rows of a file, whatever its form."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.client.conversation import Rows

MOST_ROWS = 256  # in one request; a server takes 1,024 unless told otherwise
MOST_VALUES = 2**19  # 10 MiB as JSON; a server takes bodies of 16 MiB unless told otherwise


@dataclass(frozen=True, kw_only=True)
class FileRows:
    """Rows in the form that they are sent in, and what the user should know of how they came."""

    rows: Rows
    notes: tuple[str, ...] = ()

    def parts(self, size: int) -> Iterator[tuple[int, Rows]]:
        """Cut rows of `size` values into what one request may hold, each with its first index."""
        count = max(1, min(MOST_ROWS, MOST_VALUES // size))
        for start in range(0, len(self.rows), count):
            yield start, self.rows[start : start + count]
