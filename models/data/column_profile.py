"""What a column of a table holds, and what is suspicious in it."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from highway_client.files.cells import OTHER_BASE, looks_like_missing
from numpy.typing import NDArray

from models.data.dataset import FloatRows, Labels
from service.contract import LAST_DAY, Column

EXAMPLES = 3
MAX_EXAMPLE = 30  # characters
NEARLY_ALL = 0.99  # share of one value that leaves little to learn from
FEW_ROWS = 50  # with less, a column can look like ids or predict the label by chance
REVEALING = 0.99  # balanced accuracy of a column alone on held-out rows
ID_NAME = re.compile(r"(?i:(^|[\W_])(id|uuid|guid|index|key)$)|[a-z](ID|Id)$")
EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True, kw_only=True)
class ColumnProfile:
    """A column of a table; `range` is the spread of its values in words."""

    name: str
    kind: str
    examples: tuple[str, ...]
    missing: int
    distinct: int
    range: str = ""
    warnings: tuple[str, ...] = ()
    problem: str | None = None


def profile_column(
    column: Column, values: FloatRows, y: Labels | None, classes: int
) -> ColumnProfile:
    """Describe a column of values (n,) beside the label indices (n,), if there is a target."""
    known = values[~np.isnan(values)]
    distinct, counts = np.unique(known, return_counts=True)
    return ColumnProfile(
        name=column.name,
        kind=kind_of(column),
        examples=tuple(_shown(column, value) for value in _first(known)),
        missing=len(values) - len(known),
        distinct=len(distinct),
        range=_range(column, known, distinct, counts),
        warnings=(
            *_about_values(counts),
            *_about_ids(column, known, len(distinct)),
            *_about_categories(column),
            *_about_labels(values, y, classes),
        ),
    )


def profile_problem(name: str, values: pa.ChunkedArray, problem: str) -> ColumnProfile:
    """Describe a column that cannot be read."""
    known = values.drop_null()
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        known = pc.cast(known, pa.string())  # Python lacks years that the type can hold
    first = [str(value) for value in pc.unique(known.slice(0, 100)).to_pylist()[:EXAMPLES]]
    return ColumnProfile(
        name=name,
        kind="unclear",
        examples=tuple(_cut(text) for text in first),
        missing=values.null_count,
        distinct=int(pc.count_distinct(known).as_py()) if _is_countable(values.type) else 0,
        problem=problem,
    )


def kind_of(column: Column) -> str:
    """Return the kind of a column in words."""
    if column.is_boolean:
        return "boolean"
    if column.categories:
        count = len(column.categories)
        return f"{count} {'category' if count == 1 else 'categories'}"
    if column.date is not None:
        return "date"
    return f"number in {column.unit}" if column.unit else "number"


def solo_accuracy(values: FloatRows, y: Labels, classes: int) -> float:
    """Return the balanced accuracy of the best guess by a column's value alone.

    One half of the rows shows the most frequent label of each value; a row of the other half is
    guessed from the nearest of these values. Labels that the other half lacks do not count.
    """
    order = np.random.default_rng(0).permutation(len(y))
    seen, held_out = order[: len(y) // 2], order[len(y) // 2 :]
    known = _known(values)
    distinct, position = np.unique(known[seen], return_inverse=True)
    table = np.bincount(position * classes + y[seen], minlength=len(distinct) * classes)
    counts = table.reshape(-1, classes)
    best = (counts / np.maximum(1, counts.sum(axis=0))).argmax(axis=1)
    guess = best[_nearest(distinct, known[held_out])]
    labels = np.unique(y[held_out])
    recalls = [(guess[y[held_out] == label] == label).mean() for label in labels]
    return float(np.mean(recalls))


def _known(values: FloatRows) -> NDArray[np.float64]:
    """Return the values (n,) with one far below all others in place of missing ones."""
    numbers = values.astype(np.float64)
    if not np.isnan(numbers).any():
        return numbers
    low, high = np.nanmin(numbers, initial=np.inf), np.nanmax(numbers, initial=-np.inf)
    marker = 0.0 if low > high else low - 2 * (high - low) - 1
    return np.where(np.isnan(numbers), marker, numbers)


def _nearest(ordered: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the index of the nearest of the ordered numbers for each of the values (n,)."""
    right = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    left = np.maximum(right - 1, 0)
    is_left = values - ordered[left] <= ordered[right] - values
    return np.where(is_left, left, right)


def _first(known: FloatRows) -> FloatRows:
    """Return the first different values."""
    head = known[:100]
    _, index = np.unique(head, return_index=True)
    return head[np.sort(index)[:EXAMPLES]]


def _shown(column: Column, value: np.float32) -> str:
    if column.categories:
        return _cut(column.categories[int(value)])
    if column.date is not None:
        return _date(float(value))
    return f"{value:.7g}"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_EXAMPLE else f"{text[: MAX_EXAMPLE - 1]}…"


def _date(days: float) -> str:
    # float32 rounds the last seconds of the year 9999 to the next day, which Python lacks.
    seconds = min(round(days * 86_400), (LAST_DAY - 1) * 86_400)
    moment = EPOCH + timedelta(seconds=seconds)
    is_midnight = moment.time() == EPOCH.time()
    return moment.date().isoformat() if is_midnight else moment.isoformat(" ", "minutes")


def _range(column: Column, known: FloatRows, distinct: FloatRows, counts: NDArray[np.int64]) -> str:
    if not len(distinct):
        return ""
    if column.categories:
        most = counts.argmax()
        share = counts[most] / counts.sum()
        return f"{share:.0%} {_cut(column.categories[int(distinct[most])])!r}"
    low, high = _shown(column, distinct[0]), _shown(column, distinct[-1])
    if column.date is not None:
        return f"{low} to {high}"
    values = known.astype(np.float64)
    return f"{low} to {high}, mean {values.mean():.4g}, spread {values.std():.4g}"


def _about_values(counts: NDArray[np.int64]) -> tuple[str, ...]:
    if len(counts) <= 1:
        return ("constant",)
    share = counts.max() / counts.sum()
    return (f"{share:.1%} of the rows have one value",) if share >= NEARLY_ALL else ()


def _about_ids(column: Column, known: FloatRows, distinct: int) -> tuple[str, ...]:
    if column.categories or column.date or len(known) < FEW_ROWS or distinct < len(known):
        return ()
    if not (known == np.trunc(known)).all():
        return ()
    steps = np.diff(known.astype(np.float64))
    counts_rows = known.max() - known.min() == len(known) - 1 or bool((steps > 0).all())
    if counts_rows or ID_NAME.search(column.name):
        return ("looks like an id or a row number: every value is different",)
    return ()


def _about_categories(column: Column) -> tuple[str, ...]:
    missing = [text for text in column.categories if looks_like_missing(text)]
    hexadecimal = [text for text in column.categories if OTHER_BASE.fullmatch(text)]
    warnings = []
    if missing:
        warnings.append(f"the category {missing[0]!r} may mark missing values (--missing)")
    if hexadecimal:
        warnings.append(f"{hexadecimal[0]!r} is a category, not a number")
    return tuple(warnings)


def _about_labels(values: FloatRows, y: Labels | None, classes: int) -> tuple[str, ...]:
    if y is None or len(y) < FEW_ROWS or classes < 2:
        return ()
    accuracy = solo_accuracy(values, y, classes)
    if accuracy < REVEALING:
        return ()
    return (f"predicts the label alone ({accuracy:.1%} on held-out rows): does it reveal it?",)


def _is_countable(kind: pa.DataType) -> bool:
    return bool(pa.types.is_primitive(kind) or pa.types.is_large_string(kind) or kind == "string")
