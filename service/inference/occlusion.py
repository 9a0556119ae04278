"""Occlusion: the effect on a row's label of replacing inputs by usual values.

A table's columns are replaced one by one, an image's pixels patch by patch (Zeiler and Fergus,
arXiv 1311.2901, section 4.2).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.arrays import FloatArray, Outputs
from service.contract import LOGITS, PROBABILITIES
from service.inference.explanation import margins
from service.inference.usual_inputs import UsualInputs
from service.inference.variants import Change, Variants

MAX_ROWS = 512  # of one occlusion
PATCHES, LEAST_PATCHES = 7, 2  # along a side of an image, without overlap


class ColumnOcclusion(NamedTuple):
    """The columns that were replaced alone, in rising order, and the outputs for each.

    replaced_by: (columns,), the values; outputs: one row for each. It is `complete` if no column of
    the table was left out.
    """

    columns: NDArray[np.intp]
    replaced_by: FloatArray
    outputs: Outputs
    complete: bool


class PatchOcclusion(NamedTuple):
    """The probabilities (down, across, labels) with each patch replaced by the usual pixel.

    patch: height and width in pixels. Patch (i, j) begins at row `tops[i]` and column `lefts[j]`.
    """

    probabilities: FloatArray
    patch: tuple[int, int]
    tops: tuple[int, ...]
    lefts: tuple[int, ...]


async def occlude_columns(variants: Variants, usual: UsualInputs, label: int) -> ColumnOcclusion:
    """Replace each column of a table's row alone.

    Of more than `MAX_ROWS` columns, or fewer of a very long row, blocks are replaced first, then
    alone the columns of those that lower the margin of the label, given by index, most.
    """
    rows = variants.affordable(MAX_ROWS)
    replaced_by = usual.replacement(variants.row)
    columns = np.arange(len(replaced_by))
    complete = len(columns) <= rows
    if not complete:
        columns = await _important_columns(variants, replaced_by, label, rows)
    changes = [Change(column, replaced_by[column]) for column in columns]
    outputs = await variants.compute(changes)
    return ColumnOcclusion(columns, replaced_by[columns], outputs, complete)


async def _important_columns(
    variants: Variants, replaced_by: FloatArray, label: int, rows: int
) -> NDArray[np.intp]:
    """Return columns to replace alone, in half of the `rows`; the blocks take the other half."""
    blocks = np.array_split(np.arange(len(replaced_by)), rows // 2)
    outputs = await variants.compute([Change(block, replaced_by[block]) for block in blocks])
    order = margins(outputs[LOGITS], label).argsort(kind="stable")
    columns = np.concatenate([blocks[index] for index in order])
    return np.sort(columns[: rows - rows // 2])


async def occlude_patches(
    variants: Variants, pixel: FloatArray, probabilities: FloatArray
) -> PatchOcclusion:
    """Replace patches of an image, which overlap by half.

    They are a seventh of its sides, or more if the image is very large. The last patch along a side
    ends with the image. `pixel` is the usual one, (channels,); `probabilities`, (labels,), are
    those of the unchanged row, for patches that have it already.
    """
    height, width = variants.row.shape[:2]
    count = _patches(variants.affordable(MAX_ROWS))
    patch = max(1, round(height / count)), max(1, round(width / count))
    tops, lefts = _starts(height, patch[0]), _starts(width, patch[1])
    value = pixel if variants.row.ndim > 2 else pixel[0]
    places = [
        (slice(top, top + patch[0]), slice(left, left + patch[1])) for top in tops for left in lefts
    ]
    changed = np.array([bool((variants.row[place] != value).any()) for place in places])
    results = np.tile(probabilities, (len(places), 1))
    if changed.any():
        changes = [Change(places[index], value) for index in np.flatnonzero(changed)]
        results[changed] = (await variants.compute(changes))[PROBABILITIES]
    by_patch = results.reshape(len(tops), len(lefts), len(probabilities))
    return PatchOcclusion(by_patch, patch, tops, lefts)


def _patches(rows: int) -> int:
    """Return how many patches fit along a side without overlap; with it there are 2n − 1."""
    counts = range(PATCHES, LEAST_PATCHES, -1)
    return next((n for n in counts if (2 * n - 1) ** 2 <= rows), LEAST_PATCHES)


def _starts(side: int, patch: int) -> tuple[int, ...]:
    """Return the first pixel of each patch along a side: a patch begins in the middle of another.

    The last one may begin earlier, because it ends with the side.
    """
    last = side - patch
    return (*range(0, last, -(-patch // 2)), last)
