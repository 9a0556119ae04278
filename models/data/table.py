"""Tables as labelled rows: feature columns, and a target column of labels."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow.compute as pc

from models.data.arrow_values import marked, plain_values
from models.data.column_names import did_you_mean
from models.data.columns import encode_column, infer_column
from models.data.dataset import FloatRows, LabelledData, Labels, Part, Schema
from models.data.labels import encode_labels, similar_labels
from models.data.opened_table import OpenedTable
from models.data.remedies import ColumnError, Remedy, TableError
from models.data.selection import PLAIN_TEXT, Selection
from models.errors import DataError, join_names
from service.contract import Column, Input, TextFormat

# The row index as pandas writes it. In a table sorted by label it reveals the labels.
PANDAS_INDEX = re.compile(r"|Unnamed: [0-9]+|__index_level_[0-9]+__")
MAX_ROUNDS = 5  # a remedy can show a further problem: the number behind a "-" has a unit


@dataclass(frozen=True, kw_only=True)
class ReadColumn:
    """A feature column and its values (n,)."""

    column: Column
    values: FloatRows


@dataclass(frozen=True, kw_only=True)
class ReadTable:
    """The columns of a table that can be read, and the problems of the others by name.

    `labels` and `y` (n,) are None without a target, and if it has no classes.
    """

    columns: tuple[ReadColumn, ...]
    labels: tuple[str, ...] | None
    y: Labels | None
    problems: dict[str, ColumnError]


def table_rows(opened: OpenedTable, selection: Selection, schema: Schema | None) -> LabelledData:
    """Return the rows of a table with the labels of its target.

    With `schema`, the network's columns are selected by name and encoded as in its training data;
    other columns are ignored. Raises `TableError`, which has the problems of all columns, and
    another `DataError` if the target or the columns cannot be found.
    """
    if schema is None or schema.input.kind != "table":
        data = labelled_rows(opened, selection, examine_table(opened, selection))
    else:
        read = _examine(opened, selection, schema)
        if read.problems:
            raise TableError(opened.name, tuple(read.problems.values()), None)
        data = _labelled(opened, selection, read, schema.input.text)
    return data if schema is None else schema.align(data)


def examine_table(opened: OpenedTable, selection: Selection) -> ReadTable:
    """Read the columns of a table one by one, and keep the problems of those that cannot be read.

    Raises `DataError` if the selection names a column that the table lacks.
    """
    return _examine(opened, selection, None)


def labelled_rows(opened: OpenedTable, selection: Selection, read: ReadTable) -> LabelledData:
    """Return the rows of a table whose columns have been read; see `table_rows`."""
    if selection.target is None:
        names = join_names(opened.table.column_names)
        raise DataError(f"--target: name the column to predict, one of {names}")
    if read.problems:
        remedy = find_remedy(opened, selection, read)
        raise TableError(opened.name, tuple(read.problems.values()), remedy)
    _check_missing(opened, selection)
    return _labelled(opened, selection, read, selection.text)


def _labelled(
    opened: OpenedTable, selection: Selection, read: ReadTable, text: TextFormat
) -> LabelledData:
    assert read.labels is not None
    assert read.y is not None
    columns = tuple(each.column for each in read.columns)
    return LabelledData(
        name=opened.name,
        input=Input(kind="table", shape=(len(columns),), unit="value", columns=columns, text=text),
        labels=read.labels,
        rows=Part(x=np.stack([each.values for each in read.columns], axis=1), y=read.y),
        notes=(*opened.notes, *_about_labels(opened.name, read.labels)),
    )


def find_remedy(opened: OpenedTable, selection: Selection, read: ReadTable) -> Remedy | None:
    """Return options with which the table can be read, or None if they are not known."""
    total, problems = Remedy(), read.problems
    for _ in range(MAX_ROUNDS):
        for problem in problems.values():
            if problem.remedy is None or total.contradicts(problem.remedy):
                return None
            total += problem.remedy
        applied = total.applied(selection)
        if not _usable(opened, applied):
            return None
        problems = _examine(opened, applied, None).problems
        if not problems:
            names = (*_usable(opened, applied), *filter(None, [selection.target]))
            missing = [text for text in applied.text.missing if _holds(opened, names, text)]
            return replace(total, missing=tuple(missing) if total.missing else ())
    return None


def _examine(opened: OpenedTable, selection: Selection, known: Schema | None) -> ReadTable:
    _check_table(opened)
    _check_selection(opened, selection, is_new=known is None)
    problems: dict[str, ColumnError] = {}
    columns: list[ReadColumn] = []
    labels, y = _labels(opened, selection, known, problems)
    for name, read in _readers(opened, selection, known):
        try:
            column, values = read()
            columns.append(ReadColumn(column=column, values=values))
        except ColumnError as error:
            problems[name] = error
    return ReadTable(columns=tuple(columns), labels=labels, y=y, problems=problems)


def _readers(
    opened: OpenedTable, selection: Selection, known: Schema | None
) -> list[tuple[str, Callable[[], tuple[Column, FloatRows]]]]:
    """Return each feature's name and the function that reads it."""
    if known is None:
        return [
            (name, lambda name=name: _infer(opened, selection, name))  # type: ignore[misc]
            for name in _features(opened, selection)
        ]
    usable = _usable(opened, selection)
    columns = known.input.columns
    missing = [column.name for column in columns if column.name not in usable]
    if missing:
        raise DataError(
            f"{opened.name}: expected the column {missing[0]!r} of the network's training data, "
            f"found only {join_names(usable) or 'none'}{did_you_mean(missing[0], usable)}"
        )
    return [
        (column.name, lambda column=column: _encode(opened, selection, column))  # type: ignore[misc]
        for column in columns
    ]


def _infer(opened: OpenedTable, selection: Selection, name: str) -> tuple[Column, FloatRows]:
    where, declared = _where(opened.name, name), selection.declared(name)
    if declared is None and (PANDAS_INDEX.fullmatch(name) or name in opened.index_columns):
        remedy = Remedy(exclude=(name,))
        raise ColumnError(
            f"{where}: this seems to be a row index written by pandas; leave it out with {remedy}, "
            "or declare it with --column",
            remedy,
        )
    values = opened.table[name]
    return infer_column(where, name, values, declared=declared, text=selection.text)


def _encode(opened: OpenedTable, selection: Selection, column: Column) -> tuple[Column, FloatRows]:
    where, values = _where(opened.name, column.name), opened.table[column.name]
    return column, encode_column(where, column, values, text=selection.text)


def _labels(
    opened: OpenedTable,
    selection: Selection,
    known: Schema | None,
    problems: dict[str, ColumnError],
) -> tuple[tuple[str, ...] | None, Labels | None]:
    target = selection.target
    if target is None:
        return None, None
    try:
        return encode_labels(
            _where(opened.name, target),
            opened.table[target],
            text=selection.text,
            declared=selection.declared(target),
            known=() if known is None else known.labels,
        )
    except ColumnError as error:
        problems[target] = error
        return None, None


def _about_labels(name: str, labels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name}: {note}" for note in similar_labels(labels))


def _where(name: str, column: str) -> str:
    return f"{name}: column {column!r}"


def _check_table(opened: OpenedTable) -> None:
    for column, count in Counter(opened.table.column_names).most_common(1):
        if count > 1:
            raise DataError(
                f"{_where(opened.name, column)}: expected unique column names, found this one "
                f"{count} times"
            )
    if opened.table.num_rows == 0:
        raise DataError(f"{opened.name}: the table has no rows below its header")


def _check_selection(opened: OpenedTable, selection: Selection, *, is_new: bool) -> None:
    if selection.target is not None:
        _check_names(opened, "--target", "a column", (selection.target,))
    if selection.target in selection.exclude:
        raise DataError(f"--exclude: the target {selection.target!r} cannot be excluded")
    if not is_new:
        return
    declared = tuple(name for name, _ in selection.text.columns)
    _check_names(opened, "--exclude", "columns", selection.exclude)
    _check_names(opened, "--column", "columns", declared)
    unused = [name for name in declared if name in selection.exclude]
    if unused:
        raise DataError(f"--column: the column {unused[0]!r} is excluded; leave out one of both")


def _check_names(opened: OpenedTable, option: str, expected: str, given: tuple[str, ...]) -> None:
    names = opened.table.column_names
    unknown = [name for name in given if name not in names]
    if unknown:
        raise DataError(
            f"{option}: expected {expected} of {opened.name} ({join_names(names)}), found "
            f"{unknown[0]!r}{did_you_mean(unknown[0], names)}"
        )


def _check_missing(opened: OpenedTable, selection: Selection) -> None:
    """Refuse a declared missing text that is in no column: it is probably misspelt."""
    names = [name for name in opened.table.column_names if name not in selection.exclude]
    for marker in selection.text.missing:
        if not _holds(opened, names, marker):
            raise DataError(
                f"--missing: expected strings of {opened.name}, found {marker!r} in no column; "
                "correct it, or leave it out"
            )


def _holds(opened: OpenedTable, names: Sequence[str], marker: str) -> bool:
    for name in names:
        values = opened.table[name]
        values = plain_values(name, values, PLAIN_TEXT, advice="", remedy=None)
        if pc.any(marked(values, marker)).as_py():
            return True
    return False


def _usable(opened: OpenedTable, selection: Selection) -> tuple[str, ...]:
    left_out = (selection.target, *selection.exclude)
    return tuple(name for name in opened.table.column_names if name not in left_out)


def _features(opened: OpenedTable, selection: Selection) -> tuple[str, ...]:
    features = _usable(opened, selection)
    if not features:
        of_what = "" if selection.target is None else f" to predict {selection.target!r} from"
        raise DataError(f"{opened.name}: no columns are left{of_what}")
    return features
