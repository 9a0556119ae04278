"""The parts of an input, as planning divides it."""

from collections.abc import Sequence
from dataclasses import dataclass

from highway_client.errors import FileError
from highway_client.files.coders import listed

from scoring.sources import Part, Source


@dataclass(frozen=True, kw_only=True)
class Planned:
    """The source of rows, its parts in order, and notes on how it is read.

    `rows` is their number, or an estimate of it; None if it is not known before they are read.
    """

    source: Source
    parts: tuple[Part, ...]
    rows: int | None
    notes: tuple[str, ...] = ()


def check_copied(name: str, names: Sequence[str], copied: Sequence[str]) -> None:
    """Refuse columns to copy that a table does not have; `name` begins the message."""
    for column in copied:
        if column not in names:
            raise FileError(
                f"{name}: --id and --keep: expected the column {column!r}, found {listed(names)}"
            )
