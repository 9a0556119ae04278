"""Which inputs a row's label depends on, by occlusion: columns of a table, or patches of an image.

The server replaces each column or patch by a usual value and predicts the row again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from highway_client import frames
from highway_client.json_values import FloatArray, JsonObject, unreadable

if TYPE_CHECKING:
    from highway_client.frames import DataFrame

Value = str | float | bool | None  # None: missing


@dataclass(frozen=True, kw_only=True)
class ColumnEffect:
    """The prediction with one column replaced.

    `probability` is that of the original label; it has changed by `probability_change`, negative
    where it falls.
    """

    name: str
    value: Value
    replaced_by: Value
    label: str
    probability: float
    probability_change: float


@dataclass(frozen=True, kw_only=True)
class ColumnChange:
    """A column whose value is changed."""

    name: str
    value: Value
    changed_to: Value


@dataclass(frozen=True, kw_only=True)
class InputCounterfactual:
    """Changes of columns that together change the label to `label`.

    The search is greedy: fewer changes may suffice.
    """

    changes: tuple[ColumnChange, ...]
    label: str


@dataclass(frozen=True, kw_only=True)
class ColumnEffects:
    """The effect of replacing each column of a table's row, in the model's order.

    Replacing any of the `decisive_columns` alone changes the label. `counterfactual` is None if the
    search finds no few changes. `complete` says whether every column was replaced alone.
    """

    columns: tuple[ColumnEffect, ...]
    decisive_columns: tuple[str, ...]
    counterfactual: InputCounterfactual | None
    complete: bool

    def frame(self) -> "DataFrame":
        """Return a data frame with one row for each column; it needs the extra `notebook`."""
        columns = self.table()
        index = frames.names_index(columns.pop("column"), "column")
        return frames.table(columns, index=index)

    def table(self) -> dict[str, Sequence[Any]]:
        """Return the names of the columns as `column`, and their effects."""
        names = ("value", "replaced_by", "label", "probability", "probability_change")
        effects = {name: [getattr(each, name) for each in self.columns] for name in names}
        return {"column": [each.name for each in self.columns], **effects}


@dataclass(frozen=True, kw_only=True, eq=False)
class PatchEffects:
    """The effect of replacing each patch of an image by usual values.

    `patch` is (height, width) in pixels. The patch in row i and column j begins at the pixel in row
    `tops[i]` and column `lefts[j]`. labels: those predicted, for each row of patches.
    probability_changes: float32 (rows, columns) of patches, the change of the probability of the
    original label, negative where it falls. `complete` says whether every patch was replaced.
    """

    patch: tuple[int, int]
    tops: tuple[int, ...]
    lefts: tuple[int, ...]
    labels: tuple[tuple[str, ...], ...]
    probability_changes: FloatArray
    complete: bool

    def frame(self) -> "DataFrame":
        """Return the table as a data frame; it needs the extra `notebook`."""
        return frames.table(self.table())

    def table(self) -> dict[str, Sequence[Any]]:
        """Return the effect of each patch, and its first pixel, `top` and `left`."""
        tops, lefts = np.meshgrid(self.tops, self.lefts, indexing="ij")
        return {
            "top": tops.ravel().tolist(),
            "left": lefts.ravel().tolist(),
            "label": [label for row in self.labels for label in row],
            "probability_change": self.probability_changes.ravel().tolist(),
        }


InputEffects = ColumnEffects | PatchEffects


def read_effects(body: JsonObject) -> InputEffects:
    """Read the member `inputs` of an explanation; a malformed one is a `ResponseError`."""
    kind = body.string("kind")
    if kind == "columns":
        return _column_effects(body)
    if kind == "patches":
        return _patch_effects(body)
    raise unreadable(f"inputs of the kind {kind!r}; install a newer highway-client")


def _column_effects(body: JsonObject) -> ColumnEffects:
    counterfactual = body.optional("counterfactual", body.object)
    return ColumnEffects(
        columns=tuple(map(_column_effect, body.objects("columns"))),
        decisive_columns=body.strings("decisive_columns"),
        counterfactual=None if counterfactual is None else _counterfactual(counterfactual),
        complete=body.boolean("complete"),
    )


def _column_effect(column: JsonObject) -> ColumnEffect:
    return ColumnEffect(
        name=column.string("name"),
        value=column.value("value"),
        replaced_by=column.value("replaced_by"),
        label=column.string("label"),
        probability=column.number("probability"),
        probability_change=column.number("probability_change"),
    )


def _counterfactual(body: JsonObject) -> InputCounterfactual:
    changes = (
        ColumnChange(
            name=change.string("name"),
            value=change.value("value"),
            changed_to=change.value("changed_to"),
        )
        for change in body.objects("changes")
    )
    return InputCounterfactual(changes=tuple(changes), label=body.string("label"))


def _patch_effects(body: JsonObject) -> PatchEffects:
    labels, changes = body.string_rows("label"), body.number_rows("probability_change")
    if [len(row) for row in labels] != [changes.shape[1]] * len(changes):
        raise unreadable("inputs.label whose size is not that of inputs.probability_change")
    tops, lefts = _pixels(body, "tops"), _pixels(body, "lefts")
    if (len(tops), len(lefts)) != changes.shape:
        raise unreadable("inputs.tops and lefts that are not those of inputs.probability_change")
    patch = _pixels(body, "patch")
    if len(patch) != 2:
        raise unreadable("inputs.patch that is not a height and a width")
    return PatchEffects(
        patch=(patch[0], patch[1]),
        tops=tops,
        lefts=lefts,
        labels=labels,
        probability_changes=changes,
        complete=body.boolean("complete"),
    )


def _pixels(body: JsonObject, name: str) -> tuple[int, ...]:
    return tuple(int(number) for number in body.numbers(name))
