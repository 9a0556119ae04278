"""Tables: a column to predict, and columns of numbers or categories to predict it from."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from models.data.columns import TRUTH, encoded, learned
from models.data.dataset import Column, FloatRows, InputSpec, Labelled, Part
from models.data.schema import Schema
from models.data.table_files import read_csv, read_parquet, read_tsv
from models.data.target import classes
from models.data.values import listed
from models.errors import DataError

READERS: dict[str, Callable[[Path, tuple[str, ...]], pa.Table]] = {
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".parquet": read_parquet,
}
# Of rows in order, it gives labels away.
PANDAS_INDEX = re.compile(r"|Unnamed: [0-9]+|__index_level_[0-9]+__")
TABLE_SUFFIXES = frozenset(READERS)


def read_table(
    path: Path, target: str | None, without: tuple[str, ...], like: Schema | None
) -> Labelled:
    """Read a CSV, TSV or Parquet file; see `table_rows`."""
    texts = _texts(target, like) if like else ()
    table = READERS[path.suffix.lower()](path, texts)
    return table_rows(table, path.name, target, without, like)


def table_rows(
    table: pa.Table,
    name: str,
    target: str | None,
    without: tuple[str, ...],
    like: Schema | None,
) -> Labelled:
    """Return the rows of an Arrow table, float32 (n, columns), under the labels of `target`.

    With `like`, the columns are those that the network was trained on, found by name and in its
    numbers; the table's others are not used. Every fault is a `DataError` that names the column,
    and the row, counted from 1.
    """
    _check_table(table, name)
    names = tuple(table.column_names)
    if target is None:
        raise DataError(
            f"--target: expected the column to predict, one of {listed(names)}, found none"
        )
    if target not in names:
        raise DataError(
            f"--target: expected a column of {name} ({listed(names)}), found {target!r}"
        )
    if target in without:
        raise DataError(f"--without: expected columns beside the target, found {target!r}")
    labels, y = classes(_where(name, target), table[target])
    if like is not None and like.input.kind == "table":
        usable = tuple(column for column in names if column not in (target, *without))
        read = _encoded(table, name, usable, like.input.columns)
    else:
        features = _features(names, name, target, without)
        read = [learned(_where(name, column), column, table[column]) for column in features]
    columns = tuple(column for column, _ in read)
    data = Labelled(
        name=name,
        input=InputSpec(kind="table", shape=(len(columns),), unit="value", columns=columns),
        labels=labels,
        rows=Part(x=np.stack([values for _, values in read], axis=1), y=y),
    )
    return data if like is None else like.fit(data)


def _texts(target: str | None, like: Schema) -> tuple[str, ...]:
    """Return the columns that the network knows as texts, to stay so were they all digits now."""
    texts = [column.name for column in like.input.columns if column.categories not in ((), TRUTH)]
    if target and not (set(like.labels) <= set(TRUTH) or all(map(_is_whole, like.labels))):
        texts.append(target)
    return tuple(texts)


def _is_whole(label: str) -> bool:
    return re.fullmatch("0|-?[1-9][0-9]*", label) is not None


def _where(name: str, column: str) -> str:
    return f"{name}: column {column!r}"


def _check_table(table: pa.Table, name: str) -> None:
    repeated, times = (
        Counter(table.column_names).most_common(1)[0] if table.num_columns else ("", 0)
    )
    if times > 1:
        raise DataError(
            f"{_where(name, repeated)}: expected each column's name once, found it {times} times"
        )
    if table.num_rows == 0:
        raise DataError(f"{name}: expected rows below the names of the columns, found none")


def _features(
    names: tuple[str, ...], name: str, target: str, without: tuple[str, ...]
) -> tuple[str, ...]:
    unknown = [column for column in without if column not in names]
    if unknown:
        raise DataError(
            f"--without: expected columns of {name} ({listed(names)}), found {unknown[0]!r}"
        )
    features = tuple(column for column in names if column != target and column not in without)
    if not features:
        raise DataError(f"{name}: expected columns to predict {target!r} from, found none left")
    indices = [column for column in features if PANDAS_INDEX.fullmatch(column)]
    if indices:
        raise DataError(
            f"{_where(name, indices[0])}: expected a column of data, found a row index as pandas "
            f"writes it; leave it out with --without {indices[0]!r}, or give it a name"
        )
    return features


def _encoded(
    table: pa.Table, name: str, usable: tuple[str, ...], columns: tuple[Column, ...]
) -> list[tuple[Column, FloatRows]]:
    missing = [column.name for column in columns if column.name not in usable]
    if missing:
        raise DataError(
            f"{name}: expected the column {missing[0]!r} as the network was trained on, found only "
            f"{listed(usable) or 'none'}"
        )
    return [
        (column, encoded(_where(name, column.name), column, table[column.name]))
        for column in columns
    ]
