"""A table of a file in memory, before its columns are read."""

from dataclasses import dataclass
from unicodedata import normalize

import pyarrow as pa

from models.data.arrow_values import stripped
from models.data.column_names import normalised
from models.errors import join_names
from service.contract import TextFormat


@dataclass(frozen=True, kw_only=True)
class OpenedTable:
    """An Arrow table, notes on how its file was read, and columns that hold a row index.

    Its names are in NFC, in which names are compared.
    """

    name: str
    table: pa.Table
    notes: tuple[str, ...]
    index_columns: tuple[str, ...]

    @classmethod
    def of(
        cls,
        name: str,
        table: pa.Table,
        *,
        notes: tuple[str, ...] = (),
        index_columns: tuple[str, ...] = (),
    ) -> "OpenedTable":
        """Normalise the names of the columns."""
        return cls(
            name=name,
            table=table.rename_columns(normalised(table.column_names)),
            notes=notes,
            index_columns=tuple(normalize("NFC", column) for column in index_columns),
        )

    @classmethod
    def typed(
        cls,
        name: str,
        table: pa.Table,
        text: TextFormat,
        *,
        notes: tuple[str, ...] = (),
        index_columns: tuple[str, ...] = (),
    ) -> "OpenedTable":
        """Strip the strings of a typed table, whose format has no quotes, and note which."""
        if not text.keep_spaces:
            table, changed = stripped(table)
            if changed:
                notes += (
                    f"{name}: spaces around the strings of {join_names(changed)} are removed; "
                    "--keep-spaces keeps them",
                )
        return cls.of(name, table, notes=notes, index_columns=index_columns)
