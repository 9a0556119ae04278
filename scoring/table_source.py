"""Rows of files with types: Parquet by row groups, Arrow and Excel as one table in memory."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from highway_client.column_names import column_indices
from highway_client.description import Input
from highway_client.errors import FileError
from highway_client.files.arrow_files import (
    ARROW_SUFFIXES,
    ArrowFile,
    check_parquet_folder,
    parquet_file,
    parquet_files,
    read_arrow,
    read_row_group,
)
from highway_client.files.tables import check_table_model, other_columns, table_indices
from highway_client.files.workbooks import EXCEL_SUFFIXES, read_excel
from highway_client.json_values import FloatArray

from scoring.errors import ScoringError
from scoring.planned import Planned, check_copied
from scoring.readable import readable
from scoring.sources import Part, RowBatch

if TYPE_CHECKING:
    import pyarrow as pa

WHOLE = (*ARROW_SUFFIXES, *EXCEL_SUFFIXES)  # are read into memory
# From a file's path, its name, columns, row group and number of rows of a table.
Tables = Callable[[Path, str, Sequence[str], int, int], Iterator["pa.Table"]]

BATCH_ROWS = 2048
BATCH_VALUES = 2**18  # of a batch of wide rows


@dataclass
class _Cursor:
    """The place in a row group that the last part ended at: the next part may begin there."""

    key: tuple[str, int] = ("", -1)
    at: int = 0
    tables: Iterator["pa.Table"] = field(default_factory=lambda: iter(()))
    rest: "pa.Table | None" = None


@dataclass(frozen=True, kw_only=True)
class TableSource:
    """A table in files; `constants` are the partition columns of each, by its path."""

    tables_of: Tables
    row: Input
    copied: tuple[str, ...]
    constants: dict[str, dict[str, Any]]
    cursor: _Cursor = field(default_factory=_Cursor, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the open file."""
        return {**self.__dict__, "cursor": _Cursor()}

    def read(self, part: Part, *, keep_errors: bool) -> Iterator[RowBatch]:
        """Yield the rows of a part; see `Source`."""
        first = part.first
        for table in self._tables(part):
            indices = column_indices(table.column_names, self.row.columns)
            selected = table.select([index for index in indices if index is not None])
            rows, errors = readable(
                partial(self._rows, part.file, selected, first),
                table.num_rows,
                self.row.size,
                keep_errors=keep_errors,
            )
            yield RowBatch(
                rows=rows,
                count=table.num_rows,
                errors=errors,
                locate=partial(_location, part.file, first),
                columns=table.select(list(self.copied)) if self.copied else None,
            )
            first += table.num_rows

    def _tables(self, part: Part) -> Iterator["pa.Table"]:
        """Yield the rows of a part as tables, from where the last part ended if it can."""
        assert part.stop is not None
        cursor, key = self.cursor, (part.file, part.group)
        if cursor.key != key or cursor.at > part.start:
            names = [column.name for column in self.row.columns] + list(self.copied)
            cursor.key, cursor.at, cursor.rest = key, 0, None
            stored = _stored_names(names)
            cursor.tables = self.tables_of(
                Path(part.file), part.file, stored, part.group, self._batch_rows
            )
        while cursor.at < part.stop:
            table = cursor.rest if cursor.rest is not None else next(cursor.tables)
            cursor.rest = None
            if cursor.at < part.start:
                skipped = min(table.num_rows, part.start - cursor.at)
                cursor.at, table = cursor.at + skipped, table.slice(skipped)
            if part.stop - cursor.at < table.num_rows:
                cursor.rest = table.slice(part.stop - cursor.at)
                table = table.slice(0, part.stop - cursor.at)
            cursor.at += table.num_rows
            if table.num_rows:
                yield self._with_constants(table, part.file)

    @property
    def _batch_rows(self) -> int:
        return max(1, min(BATCH_ROWS, BATCH_VALUES // self.row.size))

    def _with_constants(self, table: "pa.Table", file: str) -> "pa.Table":
        import pyarrow as pa

        for name, value in self.constants.get(file, {}).items():
            table = table.append_column(name, pa.array([value] * table.num_rows))
        return table

    def _rows(self, file: str, table: "pa.Table", first: int, start: int, stop: int) -> FloatArray:
        from highway_client.arrow_columns import ColumnError, encode_columns

        try:
            columns = table.slice(start, stop - start).columns
            return encode_columns(columns, self.row.columns, self.row.text)
        except ColumnError as error:
            where = f"{file}: column {error.column!r}"
            if error.row is None:  # all rows, so none is kept as an error
                raise ScoringError(f"{where}: {error}") from error
            raise FileError(f"{where}, row {first + start + error.row}: {error}") from error


def plan_table(path: Path, row: Input, copied: tuple[str, ...], part_rows: int) -> Planned:
    """Divide a table into parts of at most `part_rows` rows; the columns of every file are checked.

    It is a file of Parquet, Arrow or Excel, or a folder of Parquet files.
    """
    check_table_model(path, row)
    is_whole = path.suffix.lower() in WHOLE and path.is_file()
    notes: tuple[str, ...] = ()
    if not is_whole:
        check_parquet_folder(path, str(path))
    parts: list[Part] = []
    constants: dict[str, dict[str, Any]] = {}
    others: tuple[str, ...] = ()
    rows = 0
    for file, values in parquet_files(path, str(path)):
        if is_whole:
            whole = _read_whole(file)
            names, groups, notes = whole.table.column_names, [whole.table.num_rows], whole.notes
        else:
            names, groups = parquet_file(file, str(file))
        names = [*names, *(name for name in values if name not in names)]
        table_indices(str(file), names, row)
        check_copied(str(file), names, copied)
        constants[str(file)] = values
        others = others or other_columns(path, [n for n in names if n not in copied], row)
        first = 1
        for group, count in enumerate(groups):
            for start in range(0, count, part_rows):
                stop = min(count, start + part_rows)
                part = Part(
                    number=len(parts),
                    start=start,
                    stop=stop,
                    first=first + start,
                    file=str(file),
                    group=group,
                )
                parts.append(part)
            first += count
        rows += first - 1
    source = TableSource(
        tables_of=_slices if is_whole else read_row_group,
        row=row,
        copied=copied,
        constants=constants,
    )
    return Planned(source=source, parts=tuple(parts), rows=rows, notes=notes + others)


def _read_whole(path: Path) -> ArrowFile:
    read = read_excel if path.suffix.lower() in EXCEL_SUFFIXES else read_arrow
    return read(path, str(path))


def _slices(
    path: Path, _name: str, _columns: Sequence[str], _group: int, rows: int
) -> Iterator["pa.Table"]:
    table = _read_whole(path).table
    for start in range(0, table.num_rows, rows):
        yield table.slice(start, rows)


def _stored_names(names: Sequence[str]) -> list[str]:
    """Return names of columns in both forms of Unicode that files have them in."""
    forms = [unicodedata.normalize(form, name) for name in names for form in ("NFC", "NFD")]
    return list(dict.fromkeys((*names, *forms)))


def _location(file: str, first: int, index: int) -> str:
    return f"{file}, row {first + index}"
