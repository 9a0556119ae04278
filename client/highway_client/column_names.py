"""The model's columns among the names of a table; names are compared in Unicode's form NFC.

macOS writes file names, and tables of them, in another form than keyboards do.
"""

import unicodedata
from collections.abc import Sequence

from highway_client.description import Column


def column_indices(names: Sequence[str], columns: Sequence[Column]) -> list[int | None]:
    """Return the position of each of the model's columns, None if it is not among the names."""
    positions = {_composed(name): index for index, name in enumerate(names)}
    return [positions.get(_composed(column.name)) for column in columns]


def repeated_name(names: Sequence[str]) -> str | None:
    """Return a name that another column has too, None if all differ."""
    seen: set[str] = set()
    for name in names:
        if _composed(name) in seen:
            return name
        seen.add(_composed(name))
    return None


def other_names(names: Sequence[str], columns: Sequence[Column]) -> list[str]:
    """Return the names that are not columns of the model."""
    known = {_composed(column.name) for column in columns}
    return [name for name in names if _composed(name) not in known]


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
