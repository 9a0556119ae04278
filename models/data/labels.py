"""The target column of a table as class labels."""

from collections import defaultdict

import pyarrow as pa
import pyarrow.compute as pc

from models.data.arrow_values import is_text, plain_values
from models.data.columns import category_index, distinct, integers
from models.data.dataset import Labels
from models.data.remedies import ColumnError
from models.data.selection import PLAIN_TEXT
from models.data.strings import Strings
from models.errors import join_names
from service.contract import TextFormat

CANONICAL = "^(0|-?[1-9][0-9]*)$"  # integers that are equal only if their strings are
DECIMAL = "[.,eE]"
CHOOSE = "choose another target"


def encode_labels(
    where: str,
    values: pa.ChunkedArray,
    *,
    text: TextFormat = PLAIN_TEXT,
    declared: str | None = None,
    known: tuple[str, ...] = (),
) -> tuple[tuple[str, ...], Labels]:
    """Return the classes of an Arrow column, sorted by value, and each row's index (n,).

    Strings, booleans and integers are classes; strings are kept as they are if they are `declared`
    categories or labels that are `known` from the training. Missing values and decimal numbers are
    refused with a `ColumnError`, whose message begins with `where`.
    """
    if declared not in (None, "category"):
        raise ColumnError(f"{where}: the target is declared as {declared}; {CHOOSE}")
    values = plain_values(where, values, text, advice=CHOOSE, remedy=None)
    if values.null_count:
        row = pc.index(pc.is_null(values), True).as_py() + 1
        raise ColumnError(f"{where}, row {row}: the class is missing; remove the row")
    if pa.types.is_timestamp(values.type):
        raise ColumnError(f"{where}: expected classes, found dates; {CHOOSE}")
    as_written = declared is not None or (is_text(values) and _all_known(values, known))
    if is_text(values) and not as_written:
        values = _typed(where, Strings.of(values, text.decimal), values)
    if pa.types.is_floating(values.type):
        advice = f"{CHOOSE}, or round it to integers"
        values = integers(where, values, kind="classes", advice=advice)
    labels = distinct(values)
    index = category_index(where, pc.cast(values, pa.large_string()), labels)
    return labels, pc.cast(index, pa.int64()).to_numpy()


def similar_labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return a note for labels that differ only by case or outer spaces, if there are any."""
    groups: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        groups[label.strip().casefold()].append(label)
    return tuple(
        f"the labels {join_names(group)} differ only by case or spaces, and are different labels"
        for group in groups.values()
        if len(group) > 1
    )


def _all_known(values: pa.ChunkedArray, known: tuple[str, ...]) -> bool:
    return bool(pc.all(pc.is_in(values, value_set=pa.array(known, values.type))).as_py())


def _typed(where: str, strings: Strings, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return strings of integers, decimal numbers or booleans as values of that type."""
    if strings.are_booleans:
        words = pa.array(strings.booleans, pa.bool_())
        return pa.chunked_array([words.take(pa.array(strings.index, mask=strings.index < 0))])
    if strings.match(CANONICAL).all():
        ordered = [int(text) for text in strings.distinct.to_pylist()]
        if max(map(abs, ordered)) < 2**63:
            return pc.cast(values, pa.int64())
    numbers = strings.are_numbers & ~strings.are_codes
    if numbers.all() and strings.match(DECIMAL).any():
        return pa.chunked_array([pa.array(strings.expand(strings.values()))])
    return values
