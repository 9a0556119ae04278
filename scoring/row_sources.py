"""Rows of arrays and of pictures: NumPy and IDX files, a picture, a folder of pictures."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from highway_client.description import Input
from highway_client.errors import FileError
from highway_client.files.picture_folders import picture_files
from highway_client.files.pictures import read_picture
from highway_client.files.reading import read_rows
from highway_client.files.rows import Batch
from highway_client.json_values import FloatArray

from scoring.planned import Planned
from scoring.readable import readable
from scoring.sources import Part, RowBatch

PICTURES = 64  # of one batch, as `highway predict` sends them


@dataclass
class _Cursor:
    """The place in the rows of a file that the last part ended at."""

    batches: Iterator[Batch] | None = None
    at: int = 0
    rest: FloatArray | None = None


@dataclass(frozen=True, kw_only=True)
class ArraySource:
    """The rows of a file that is read into memory."""

    path: Path
    row: Input
    invert: bool
    cursor: _Cursor = field(default_factory=_Cursor, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the rows that are in memory."""
        return {**self.__dict__, "cursor": _Cursor()}

    def read(self, part: Part, *, keep_errors: bool) -> Iterator[RowBatch]:
        """Yield the rows of a part; see `Source`."""
        first = part.first
        for values in self._arrays(part):
            rows, errors = readable(
                partial(_finite, self.path, self.row, values, first),
                len(values),
                self.row.size,
                keep_errors=keep_errors,
            )
            locate = partial(_location, self.path, first)
            yield RowBatch(rows=rows, count=len(values), errors=errors, locate=locate)
            first += len(values)

    def _arrays(self, part: Part) -> Iterator[FloatArray]:
        """Yield the rows of a part as arrays, from where the last part ended if it can."""
        assert part.stop is not None
        cursor = self.cursor
        if cursor.batches is None or cursor.at > part.start:
            cursor.batches, cursor.at, cursor.rest = self._batches(), 0, None
        while cursor.at < part.stop:
            values = cursor.rest if cursor.rest is not None else _values(next(cursor.batches))
            skipped = min(len(values), max(0, part.start - cursor.at))
            taken = values[skipped : part.stop - cursor.at]
            cursor.rest = (
                values[skipped + len(taken) :] if skipped + len(taken) < len(values) else None
            )
            cursor.at += skipped + len(taken)
            if len(taken):
                yield taken

    def _batches(self) -> Iterator[Batch]:
        return iter(read_rows(self.path, self.row, invert=self.invert).batches)


@dataclass(frozen=True, kw_only=True)
class PictureSource:
    """The pictures of a folder, `files` in order, each named by its path in the folder."""

    folder: Path
    files: tuple[str, ...]
    row: Input
    invert: bool

    def read(self, part: Part, *, keep_errors: bool) -> Iterator[RowBatch]:
        """Yield the rows of a part; see `Source`."""
        for start in range(
            part.start, len(self.files) if part.stop is None else part.stop, PICTURES
        ):
            names = self.files[start : min(start + PICTURES, part.stop or len(self.files))]
            notes: list[str] = []
            rows, errors = readable(
                partial(self._rows, names, notes),
                len(names),
                self.row.size,
                keep_errors=keep_errors,
            )
            yield RowBatch(
                rows=rows,
                count=len(names),
                errors=errors,
                names=names,
                locate=partial(self._location, names),
                notes=tuple(notes),
            )

    def _rows(self, names: tuple[str, ...], notes: list[str], start: int, stop: int) -> FloatArray:
        rows = [
            read_picture(self.folder / name, self.row, invert=self.invert)
            for name in names[start:stop]
        ]
        notes.extend(note for row in rows for note in row.notes)
        return np.concatenate([row.values for row in rows])

    def _location(self, names: tuple[str, ...], index: int) -> str:
        return str(self.folder / names[index])


def plan_array(path: Path, row: Input, part_rows: int, *, invert: bool) -> Planned:
    """Divide the rows of a file that is read into memory."""
    rows = read_rows(path, row, invert=invert)
    assert rows.count is not None  # of all but text tables
    parts = _parts(rows.count, part_rows)
    return Planned(
        source=ArraySource(path=path, row=row, invert=invert),
        parts=parts,
        rows=rows.count,
        notes=rows.notes,
    )


def plan_pictures(path: Path, row: Input, part_rows: int, *, invert: bool) -> Planned:
    """Divide the pictures of a folder."""
    if row.kind != "image":
        raise FileError(
            f"{path}: expected a table, such as .csv or .parquet, because the model reads tables"
        )
    files = tuple(file.relative_to(path).as_posix() for file in picture_files(path))
    return Planned(
        source=PictureSource(folder=path, files=files, row=row, invert=invert),
        parts=_parts(len(files), part_rows),
        rows=len(files),
    )


def _parts(count: int, part_rows: int) -> tuple[Part, ...]:
    return tuple(
        Part(number=number, start=start, stop=min(count, start + part_rows), first=start + 1)
        for number, start in enumerate(range(0, count, part_rows))
    )


def _values(batch: Batch) -> FloatArray:
    rows = np.asarray(batch.rows)
    with np.errstate(over="ignore"):  # `_finite` refuses infinity
        values: FloatArray = rows.reshape(len(rows), -1).astype(np.float32)
    return values


def _finite(
    path: Path, row: Input, values: FloatArray, first: int, start: int, stop: int
) -> FloatArray:
    """Refuse numbers that a server refuses: infinite ones, and missing ones in images."""
    rows = values[start:stop]
    is_wrong = np.isinf(rows) if row.kind == "table" else ~np.isfinite(rows)
    if is_wrong.any():
        index, column = np.argwhere(is_wrong)[0].tolist()
        expected = "within float32's range" + (" or NaN" if row.kind == "table" else "")
        raise FileError(
            f"{path}, row {first + start + index}, value {column + 1}: expected a number "
            f"{expected}, found {rows[index, column]}"
        )
    return rows


def _location(path: Path, first: int, index: int) -> str:
    return f"{path}, row {first + index}"
