"""Greedy search for a few columns of a table's row whose usual values change the label."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.arrays import FloatArray
from service.contract import LOGITS, Column
from service.inference.explanation import margins
from service.inference.occlusion import ColumnOcclusion
from service.inference.usual_inputs import UsualInputs
from service.inference.variants import Change, Variants

MAX_CHANGES = 5
MAX_TRIED = 256  # sets of changes in one step
EIGHTHS = np.arange(1, 8) / 8  # of the way from a row's own number to a usual one

Values = Mapping[int, float]  # new values by column


class InputCounterfactual(NamedTuple):
    """New values of a few columns, found greedily, and the index of the label with all of them."""

    changes: Values
    label: int


class InputSearch:
    """Search for the smallest change of one row that changes its label, given by index."""

    def __init__(
        self, variants: Variants, usual: UsualInputs, columns: Sequence[Column], label: int
    ) -> None:
        self._variants = variants
        self._usual = usual
        self._columns = columns
        self._label = label

    async def find(self, occlusion: ColumnOcclusion) -> InputCounterfactual | None:
        """Change columns until the label changes, then undo and reduce what is not needed.

        The columns that the label depends on most are tried first. None if `MAX_CHANGES` columns do
        not change the label.
        """
        order = margins(occlusion.outputs[LOGITS], self._label).argsort(kind="stable")
        changes = await self._grow(occlusion.columns[order].tolist())
        if changes is None:
            return None
        changes = await self._reduce(await self._shrink(changes))
        changes = await self._shrink(changes)  # a smaller change of one may need no other
        logits = await self._logits([changes])
        return InputCounterfactual(changes, int(logits[0].argmax()))

    async def _grow(self, order: Sequence[int]) -> Values | None:
        """Add the change that leaves the smallest margin until the label changes."""
        changes: Values = {}
        most = self._variants.affordable(MAX_TRIED)
        while len(changes) < MAX_CHANGES:
            tried = list(islice(self._further(changes, order), most))
            if not tried:
                return None
            left = await self._margins(tried)
            changes = tried[int(left.argmin())]
            if left.min() < 0:
                return changes
        return None

    def _further(self, changes: Values, order: Sequence[int]) -> Iterator[Values]:
        """Yield the changes with one more column, for each of its usual values."""
        for column in order:
            if column not in changes:
                for value in self._usual.choices(column, float(self._variants.row[column])):
                    yield {**changes, column: value}

    async def _shrink(self, changes: Values) -> Values:
        """Undo changes that are not needed, until each remaining one is needed."""
        while len(changes) > 1:
            tried = [
                {column: value for column, value in changes.items() if column != undone}
                for undone in changes
            ]
            left = await self._margins(tried)
            if left.min() >= 0:
                break
            changes = tried[int(left.argmin())]
        return changes

    async def _reduce(self, changes: Values) -> Values:
        """Move each changed number as near to the row's own as the new label allows."""
        for column, value in changes.items():
            tried = [{**changes, column: nearer} for nearer in self._nearer(column, value)]
            if tried:
                changed = np.flatnonzero(await self._margins(tried) < 0)
                changes = tried[changed[0]] if len(changed) else changes
        return changes

    def _nearer(self, column: int, value: float) -> list[float]:
        """Return numbers between the row's own, first, and another, with the column's decimals."""
        own = float(self._variants.row[column])
        if self._columns[column].categories or np.isnan(own) or np.isnan(value):
            return []
        numbers = np.round(own + (value - own) * EIGHTHS, self._usual.decimals(column))
        low, high = sorted((own, value))
        return list(dict.fromkeys(float(number) for number in numbers if low < number < high))

    async def _margins(self, tried: Sequence[Values]) -> NDArray[np.float64]:
        return margins(await self._logits(tried), self._label)

    async def _logits(self, tried: Sequence[Values]) -> FloatArray:
        changes = [Change(list(values), list(values.values())) for values in tried]
        return (await self._variants.compute(changes))[LOGITS]
