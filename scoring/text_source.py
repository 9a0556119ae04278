"""Rows of text tables, divided at line ends outside quotes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from highway_client.description import Input
from highway_client.files.cells import SPACES
from highway_client.files.compression import Span, compression, pieces
from highway_client.files.tables import ChunkReader, check_table_model, other_columns, table_indices
from highway_client.files.text_tables import Chunk, TextTable, read_text_table
from highway_client.json_values import FloatArray

from scoring.arrow_text import arrow_table
from scoring.planned import Planned, check_copied
from scoring.readable import readable
from scoring.sources import Part, RowBatch
from scoring.text_spans import is_divisible, text_spans

if TYPE_CHECKING:
    import pyarrow as pa

# To read a part of a compressed file, everything before it is decompressed.
COMPRESSED_PARTS = 4  # times as many rows in a part
BATCH_ROWS = 2048


@dataclass(frozen=True, kw_only=True)
class TextSource:
    """A table in a text file, as `TextTable` found it; `copied` are columns to copy."""

    table: TextTable
    row: Input
    copied: tuple[str, ...]

    def read(self, part: Part, *, keep_errors: bool) -> Iterator[RowBatch]:
        """Yield the rows of a part; see `Source`."""
        span = Span(start=part.start, stop=part.stop, line=part.first)
        by_arrow = self._read_by_arrow(span)
        if by_arrow is not None:
            yield from by_arrow
            return
        reader = ChunkReader(self.table.name, self.table.names, self.row)
        for chunk in self.table.part(span).chunks():
            rows, errors = readable(
                partial(_rows, reader, chunk),
                len(chunk.lines),
                self.row.size,
                keep_errors=keep_errors,
            )
            yield RowBatch(
                rows=rows,
                count=len(chunk.lines),
                errors=errors,
                locate=partial(_location, self.table.name, chunk),
                columns=self._copied(chunk),
            )

    def _read_by_arrow(self, span: Span) -> Iterator[RowBatch] | None:
        """Return the rows if Arrow can read them, and None if it cannot, or if any has an error."""
        from highway_client.arrow_columns import ColumnError, encode_columns

        indices = table_indices(self.table.name, self.table.names, self.row)
        copied = [self.table.names.index(name) for name in self.copied]
        cells = arrow_table(self.table, span, [*indices, *copied])
        if cells is None or not cells.num_rows:
            return None
        try:
            columns = cells.columns[: len(indices)]
            rows = encode_columns(columns, self.row.columns, self.row.text)
        except ColumnError:
            return None
        return self._batches(span, rows, self._trimmed(cells.columns[len(indices) :]))

    def _trimmed(self, copied: Sequence["pa.ChunkedArray"]) -> "pa.Table | None":
        """Return the columns to copy as `TextTable` reads them, which `encode_columns` does too."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not self.copied:
            return None
        if not self.table.keep_spaces:
            copied = [pc.utf8_trim(cells, SPACES) for cells in copied]
        return pa.table(list(copied), names=list(self.copied))

    def _batches(
        self, span: Span, rows: FloatArray, columns: "pa.Table | None"
    ) -> Iterator[RowBatch]:
        for start in range(0, len(rows), BATCH_ROWS):
            part = rows[start : start + BATCH_ROWS]
            yield RowBatch(
                rows=part,
                count=len(part),
                locate=partial(self._locate, span, start),
                columns=None if columns is None else columns.slice(start, BATCH_ROWS),
            )

    def _locate(self, span: Span, start: int, index: int) -> str:
        """Find the line of a row, which Arrow does not know, by reading up to it."""
        left = start + index
        for chunk in self.table.part(span).chunks():
            if left < len(chunk.lines):
                return _location(self.table.name, chunk, left)
            left -= len(chunk.lines)
        return self.table.name

    def _copied(self, chunk: Chunk) -> "pa.Table | None":
        import pyarrow as pa

        if not self.copied:
            return None
        cells = (chunk.columns[self.table.names.index(name)] for name in self.copied)
        return pa.table(
            [pa.array(each, pa.large_string()) for each in cells], names=list(self.copied)
        )


def plan_text(path: Path, row: Input, copied: tuple[str, ...], part_rows: int) -> Planned:
    """Divide a table in a text file into parts of about `part_rows` rows."""
    check_table_model(path, row)
    table = read_text_table(path, row.text)
    ChunkReader(table.name, table.names, row)  # refuses a table without the model's columns
    check_copied(str(path), table.names, copied)
    if compression(path.name) is not None:
        part_rows *= COMPRESSED_PARTS
    spans, lines = None, None
    if is_divisible(table.file.encoding):
        spans, lines = text_spans(pieces(path, table.name), table.delimiter, part_rows)
    notes = table.notes + other_columns(path, [n for n in table.names if n not in copied], row)
    return Planned(
        source=TextSource(table=table, row=row, copied=copied),
        parts=tuple(
            Part(number=number, start=span.start, stop=span.stop, first=span.line)
            for number, span in enumerate(spans or [Span()])
        ),
        rows=None if lines is None else lines - 1,
        notes=notes,
    )


def _rows(reader: ChunkReader, chunk: Chunk, start: int, stop: int) -> FloatArray:
    return reader.read(_slice(chunk, start, stop))


def _slice(chunk: Chunk, start: int, stop: int) -> Chunk:
    if stop - start == len(chunk.lines):
        return chunk
    return Chunk(
        columns=tuple(column[start:stop] for column in chunk.columns),
        lines=chunk.lines[start:stop],
    )


def _location(name: str, chunk: Chunk, index: int) -> str:
    return f"{name}, line {chunk.lines[index]}"
