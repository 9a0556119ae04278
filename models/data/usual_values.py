"""Usual values of the inputs, against which a single row is explained."""

import numpy as np

from models.data.dataset import FloatRows
from service.baselines import MAX_USUAL_VALUES, InputBaseline
from service.contract import Column, Input

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)  # of a number's usual values
MIN_CATEGORY_SHARE = 0.01  # of the rows, for a category to be usual
MAX_IMAGES = 1000  # more change no median of all pixels


def usual_values(row: Input, rows: FloatRows) -> InputBaseline:
    """Find the usual values among training rows (n, features).

    They are values of rows: a median between two integers would be no integer.
    """
    if row.kind == "image":
        pixels = rows[:: -(-len(rows) // MAX_IMAGES)].reshape(-1, *row.shape[2:] or (1,))
        return InputBaseline(usual=_quantiles(pixels, (0.5,))[0].tolist(), values=[], missing=[])
    columns = [_usual(*pair) for pair in zip(row.columns, rows.T, strict=True)]
    return InputBaseline(
        usual=[usual for usual, _ in columns],
        values=[values for _, values in columns],
        missing=[bool(np.isnan(cells).any()) for cells in rows.T],
    )


def _usual(column: Column, cells: FloatRows) -> tuple[float, list[float]]:
    """Return the usual value of a column, and further ones in rising order."""
    known = cells[~np.isnan(cells)]
    if not len(known):
        return 0.0, []
    if not column.categories:
        values = np.unique(_quantiles(known, LEVELS))
        return float(_quantiles(known, (0.5,))[0]), values.astype(float).tolist()
    counts = np.bincount(known.astype(int), minlength=len(column.categories))
    frequent = np.argsort(-counts, kind="stable")[:MAX_USUAL_VALUES]
    usual = [int(index) for index in frequent if counts[index] >= MIN_CATEGORY_SHARE * len(known)]
    return float(frequent[0]), sorted(map(float, usual))


def _quantiles(values: FloatRows, levels: tuple[float, ...]) -> FloatRows:
    return np.asarray(np.quantile(values, levels, axis=0, method="inverted_cdf"), np.float32)
