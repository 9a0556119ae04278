"""Many rows into a table by one statement.

A statement for each row would give the interpreter's lock away, and take it back from the event
loop, for each row.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Dialect, Table, TextClause, text

Lines = Sequence[dict[str, Any]]

MOST_VALUES = 30_000  # of a statement of SQLite, which takes 32,766


def insert_lines(connection: Connection, table: Table, lines: Lines) -> None:
    """Insert lines that have the same columns; none is nothing to do."""
    if not lines:
        return
    names = tuple(lines[0])
    if connection.dialect.name == "postgresql":
        columns = {name: [line[name] for line in lines] for name in names}
        connection.execute(_of_columns(table, names, connection.dialect), columns)
        return
    step = MOST_VALUES // len(names)
    for first in range(0, len(lines), step):
        part = lines[first : first + step]
        values = tuple(chain.from_iterable(line.values() for line in part))
        connection.exec_driver_sql(_of_rows(table, names, len(part)), values)


@cache
def _of_columns(table: Table, names: tuple[str, ...], dialect: Dialect) -> TextClause:
    """Return a statement that takes a list for each column."""
    kinds = [table.c[name].type.compile(dialect) for name in names]
    lists = [f"CAST(:{name} AS {kind}[])" for name, kind in zip(names, kinds, strict=True)]
    return text(
        f"INSERT INTO {table.name} ({', '.join(names)}) SELECT * FROM unnest({', '.join(lists)})"
    )


@lru_cache(16)
def _of_rows(table: Table, names: tuple[str, ...], count: int) -> str:
    """Return a statement that takes the values of all rows, one after another."""
    row = f"({', '.join('?' * len(names))})"
    rows = ", ".join([row] * count)
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES {rows}"
