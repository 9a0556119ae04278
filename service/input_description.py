"""What one row is, as the artifact's metadata describes it; standard library alone."""

from dataclasses import dataclass
from math import prod
from typing import Any, Literal

from service.metadata_reading import (
    expect,
    expect_distinct,
    optional_number,
    typed,
    typed_list,
)


@dataclass(frozen=True, kw_only=True)
class Column:
    """A table's column: of numbers, or of `categories`, fed to the graph as their index from 0.

    Truth values are the categories "false" and "true"; a missing value of either sort is NaN.
    """

    name: str
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Input:
    """What a row is: an image (height, width[, 3]) or a table's (columns,), stored flat.

    `low` and `high` bound the values where the unit does; `columns` is empty for images.
    """

    kind: Literal["image", "table"]
    shape: tuple[int, ...]
    unit: str
    low: float | None = None
    high: float | None = None
    columns: tuple[Column, ...] = ()

    @property
    def size(self) -> int:
        """The number of values in a row."""
        return prod(self.shape)


def read_input(values: dict[str, Any]) -> Input:
    """Read and check the metadata's `input`."""
    where = "input: "
    kind: Any = values.get("kind")
    expect(kind in ("image", "table"), where + "kind", "'image' or 'table'", repr(kind))
    shape = _shape(values, kind, where)
    return Input(
        kind=kind,
        shape=shape,
        unit=typed(values, "unit", str, where),
        low=optional_number(values, "low", where),
        high=optional_number(values, "high", where),
        columns=_columns(values, prod(shape) if kind == "table" else 0, where),
    )


def _shape(values: dict[str, Any], kind: Any, where: str) -> tuple[int, ...]:
    shape = typed_list(values, "shape", int, where)
    if kind == "table":
        right, expected = len(shape) == 1, "one size above 0 for a table"
    else:
        right = len(shape) == 2 or shape[2:] == [3]
        expected = "a height and a width above 0, and 3 for colours, for an image"
    expect(right and min(shape) > 0, where + "shape", expected, repr(shape))
    return tuple(shape)


def _columns(values: dict[str, Any], count: int, where: str) -> tuple[Column, ...]:
    items = typed_list(values, "columns", dict, where)
    key = where + "columns"
    found = f"{len(items)}; an image has none, a table as many as its shape says"
    expect(len(items) == count, key, f"{count} columns", found)
    columns = tuple(_column(item, f"{key}: ") for item in items)
    expect_distinct([column.name for column in columns], key, "names", "name")
    return columns


def _column(values: dict[str, Any], where: str) -> Column:
    categories = typed_list(values, "categories", str, where)
    expect_distinct(categories, where + "categories", "categories", "category")
    return Column(name=typed(values, "name", str, where), categories=tuple(categories))
