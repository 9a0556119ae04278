"""Tables in text files: CSV and its relatives, compressed or not, in any encoding.

What is certain is read and reported in a note: the encoding and the delimiter. Everything else that
differs from a table with a header line is a `FileError` that says what to do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from highway_client.errors import FileError
from highway_client.files.compression import COMPRESSED, Span, inner_suffix
from highway_client.files.delimiters import (
    BY_SUFFIX,
    COMMA,
    NAMES,
    Sample,
    find_delimiter,
    known_delimiter,
)
from highway_client.files.encodings import Lines
from highway_client.files.headers import check_names, check_start, ragged
from highway_client.files.records import Batch, RecordReader
from highway_client.files.text_files import TextFile, open_text

TEXT_SUFFIXES = (".csv", ".tsv", ".tab", ".txt", *COMPRESSED)
SAMPLE = 2**18  # characters in which the delimiter is found
MIN_ROWS = 100  # in most chunks: a column of a chunk has a cost of its own

Column = tuple[str, ...]


class Format(Protocol):
    """How the text is written, as far as the user declared it; None is found in the file."""

    @property
    def delimiter(self) -> str | None:
        """One character or the word "tab"; a space is any number of spaces and tabs."""

    @property
    def encoding(self) -> str | None:
        """A name that Python knows."""

    @property
    def keep_spaces(self) -> bool:
        """Whether unquoted cells keep the white space around them."""


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Some rows: the cells of each column, (rows,), and the line that each row begins in."""

    columns: tuple[Column, ...]
    lines: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class TextTable:
    """A table's column names, and notes on how its file is read; `name` begins its errors."""

    name: str
    names: tuple[str, ...]
    notes: tuple[str, ...]
    file: TextFile
    delimiter: str
    keep_spaces: bool

    def part(self, span: Span) -> "TextTable":
        """Return the rows of some lines only, which begin and end outside quotes.

        The header line is among the first of them.
        """
        return replace(self, file=replace(self.file, span=span))

    def chunks(self) -> Iterator[Chunk]:
        """Yield the rows, some of them at a time; every error is a `FileError`.

        A row of another number of cells than there are names is refused.
        """
        rows, is_header = 0, self.file.span.start == 0
        least = MIN_ROWS * sum(map(len, self.names))
        batches = _batches(self.file, self.delimiter, keep_spaces=self.keep_spaces, least=least)
        for batch in batches:
            first = int(is_header and bool(batch.records))
            is_header = is_header and not first
            records, lines = batch.records[first:], batch.lines[first:]
            width = len(self.names)
            for index, record in enumerate(records):
                if len(record) != width:
                    where = f"{self.name}, {self._location(rows + index + 1, lines[index])}"
                    raise ragged(where, record, width, self.delimiter)
            if records:
                yield Chunk(columns=tuple(zip(*records, strict=True)), lines=lines)
            rows += len(records)

    def _location(self, row: int, line: int) -> str:
        """Name a row by its number too, which is not known in the middle of a file."""
        return f"line {line}" if self.file.span.start else f"row {row} (line {line})"


def read_text_table(path: Path, text_format: Format, *, name: str | None = None) -> TextTable:
    """Read the header line of a table, and find how its file is written.

    `name`, by default the path, begins the message of every `FileError`. Repeated names are
    refused; the first column may be without a name, as in a file that pandas wrote.
    """
    name = str(path) if name is None else name
    given = None if text_format.delimiter is None else known_delimiter(text_format.delimiter)
    file = open_text(path, name, text_format.encoding)
    usual = BY_SUFFIX.get(inner_suffix(path, name), COMMA)
    sample = _sample(file, keep_spaces=text_format.keep_spaces)
    delimiter = given or find_delimiter(sample, name, usual)
    notes = file.notes
    if given is None and delimiter != usual:
        notes += (f"{name}: its columns are separated by {NAMES[delimiter]}",)
    start = sample.batch(delimiter)
    check_start(name, start, delimiter)
    batches = _batches(file, delimiter, keep_spaces=text_format.keep_spaces)
    names = next((batch.records[0] for batch in batches if batch.records), None)
    if names is None:
        raise FileError(f"{name}: expected a line of column names, found an empty file")
    check_names(name, names)
    return TextTable(
        name=name,
        names=tuple(names),
        notes=notes,
        file=file,
        delimiter=delimiter,
        keep_spaces=text_format.keep_spaces,
    )


def _sample(file: TextFile, *, keep_spaces: bool) -> Sample:
    text = ""
    for piece in file.decoded():
        text += piece
        if len(text) > SAMPLE:
            return Sample(text[:SAMPLE], is_last=False, keep_spaces=keep_spaces)
    return Sample(text, is_last=True, keep_spaces=keep_spaces)


def _batches(
    file: TextFile, delimiter: str, *, keep_spaces: bool, least: int = 0
) -> Iterator[Batch]:
    """Yield the records of text of at least so many characters at a time."""
    reader = RecordReader(file.name, delimiter, keep_spaces=keep_spaces)
    text, lines = "", Lines(file.span.line)
    for piece in file.decoded():
        text += piece
        if len(text) < least:
            continue
        batch = reader.read(text, lines.number, is_last=False)
        lines.add(text[: batch.length])
        text = text[batch.length :]
        yield batch
    yield reader.read(text, lines.number, is_last=True)
