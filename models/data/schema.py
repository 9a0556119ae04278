"""What further data must look like to be read by a network that was trained before."""

from dataclasses import dataclass

import numpy as np

from models.data.dataset import Column, InputSpec, Labelled, Labels, Part
from models.data.values import listed
from models.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Schema:
    """The input and labels that a network knows."""

    input: InputSpec
    labels: tuple[str, ...]

    def fit(self, data: Labelled) -> Labelled:
        """Number the labels of `data` as the network does.

        Rows of another shape, unit or range are refused, and a table's columns must already have
        the network's names and categories.
        """
        if data.input != self.input:
            raise DataError(
                f"{data.name}: expected {_described(self.input)} as the network was trained on, "
                f"found {_described(data.input)}"
            )
        index = np.array([self.label_index(label, data.name) for label in data.labels], np.int64)
        return Labelled(
            name=data.name,
            input=self.input,
            labels=self.labels,
            rows=_renumbered(data.rows, index),
            test=None if data.test is None else _renumbered(data.test, index),
        )

    def label_index(self, label: str, where: str) -> int:
        """Return a label's index; one that the network does not know is a `DataError`."""
        if label not in self.labels:
            raise DataError(
                f"{where}: expected labels that the network knows ({', '.join(self.labels)}), "
                f"found {label!r}"
            )
        return self.labels.index(label)


def _renumbered(part: Part, index: Labels) -> Part:
    return Part(x=part.x, y=index[part.y])


def _described(row: InputSpec) -> str:
    size = "×".join(map(str, row.shape))
    if row.kind == "table":
        return f"rows of {size} columns ({listed([_named(column) for column in row.columns])})"
    bounds = "" if row.low is None or row.high is None else f" {row.low:g}–{row.high:g}"
    return f"images of {size} in the unit {row.unit}{bounds}"


def _named(column: Column) -> str:
    return f"{column.name} as {'/'.join(column.categories)}" if column.categories else column.name
