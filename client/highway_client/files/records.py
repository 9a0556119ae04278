"""Records of delimited text: lines of cells, some of them in quotes, with the white space removed.

A quoted cell may contain delimiters, line ends and doubled quotes, and keeps its white space.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from highway_client.errors import FileError
from highway_client.files.cells import SPACES

MAX_RECORD = 2**25  # characters; more show a quote that is not closed, or text without lines
LINE_END = r"\r\n|\r|\n|\Z"
RUNS = " \t"  # of which any number is one delimiter
RUN = re.compile(f"[{RUNS}]+")
SHOWN = 20  # characters in a message
UNQUOTED_LINE = re.compile(rf'([^"\r\n]*+)({LINE_END})')

Record = list[str]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Records, the line that each begins in, and the number of characters that they take."""

    records: list[Record]
    lines: Sequence[int]
    length: int


class RecordReader:
    """Splits text into records; `name` begins the messages of its errors.

    The delimiter " " stands for any number of spaces and tabs. With `keep_spaces`, cells keep the
    spaces, tabs and no-break spaces around them.
    """

    def __init__(self, name: str, delimiter: str, *, keep_spaces: bool) -> None:
        self._name = name
        self._delimiter = delimiter
        self._spaces = "" if keep_spaces else SPACES.replace(delimiter, "")
        self._split: Callable[[str], Record] = self._split_padded
        self._space = re.compile(f"[{self._spaces or SPACES}]")
        outer = f"[{self._spaces}]*+" if self._spaces else ""
        between = re.escape(delimiter)
        end = f"({between}|{LINE_END})"
        if delimiter == " ":
            self._spaces, outer, between = RUNS, "", RUNS
            self._split = self._split_runs
            end = rf"[{RUNS}]*+({LINE_END})|[{RUNS}]++"
        quoted = rf'{outer}"([^"]*+(?:""[^"]*+)*+)'
        unquoted = rf'{outer}((?!")[^{between}\r\n]*+)'
        self._cell = re.compile(f'(?:{quoted}"{outer}|{unquoted})(?:{end})')
        self._open_quote = re.compile(rf"{quoted}\Z")

    def read(self, text: str, line: int, *, is_last: bool) -> Batch:
        """Split text that begins in `line`; unless it `is_last`, an unfinished record is left.

        Lines without text are skipped. A quote that is not closed at the end of its cell is a
        `FileError`.
        """
        batch = (self._quoted if '"' in text else self._plain)(text, line, is_last)
        if not is_last and len(text) - batch.length > MAX_RECORD:
            raise FileError(
                f"{self._name}, line {line + _line_ends(text[: batch.length])}: expected lines of "
                f"text, found over {MAX_RECORD:,} characters without a line end outside quotes"
            )
        return batch

    def _plain(self, text: str, line: int, is_last: bool) -> Batch:
        length = len(text) if is_last else _last_end(text)
        body = text[:length]
        if "\r" in body:
            body = body.replace("\r\n", "\n").replace("\r", "\n")
        rows = body.removesuffix("\n").split("\n")
        lines: Sequence[int] = range(line, line + len(rows))
        known = [index for index, each in enumerate(rows) if each.strip(self._spaces)]
        if len(known) < len(rows):
            rows, lines = [rows[index] for index in known], [line + index for index in known]
        is_padded = any(space in body for space in self._spaces)
        split = self._split if is_padded else self._split_bare
        return Batch(records=list(map(split, rows)), lines=lines, length=length)

    def _quoted(self, text: str, line: int, is_last: bool) -> Batch:
        """Read by Python's reader, and where it does not know which cells are in quotes, here."""
        records, lines, start = [], [], 0
        source = io.StringIO(text, newline="")
        raw: list[str] = []
        reader = self._python_reader(source, raw)
        has_spaces = self._space.search(text) is not None
        while start < len(text):
            record, end = next(reader), start + sum(map(len, raw))
            line_ends = len(raw)
            raw.clear()
            is_cut = end == len(text) and not is_last
            if record is None or is_cut or (has_spaces and self._is_padded(record)):
                record, end = self._record(text, start, line, is_last)
                if end == start:
                    break
                line_ends = _line_ends(text[start:end])
                source.seek(end)
                reader = self._python_reader(source, raw)
            if record:
                records.append(record)
                lines.append(line)
            line += line_ends
            start = end
        return Batch(records=records, lines=lines, length=start)

    def _python_reader(self, source: io.StringIO, raw: list[str]) -> Iterator[Record | None]:
        """Yield records, None after one that Python refuses; `raw` collects their lines."""

        def lines() -> Iterator[str]:
            for line in source:
                raw.append(line)
                yield line

        reader = csv.reader(lines(), delimiter=self._delimiter, strict=True)
        while self._delimiter != " ":
            try:
                record = next(reader)
            except csv.Error:
                break
            yield record
        yield None

    def _is_padded(self, record: Record) -> bool:
        spaces = self._spaces
        return any(cell != cell.strip(spaces) for cell in record)

    def _record(self, text: str, start: int, line: int, is_last: bool) -> tuple[Record, int]:
        """Return the cells at `start`, none for an empty line, and the end of the record.

        The end is `start` if the text ends before the record.
        """
        found = UNQUOTED_LINE.match(text, start)
        if found is None:
            return self._quoted_record(text, start, line, is_last)
        if not is_last and found.end() == len(text) and found[2] != "\n":
            return [], start
        return self._split(found[1]) if found[1].strip(self._spaces) else [], found.end()

    def _quoted_record(self, text: str, start: int, line: int, is_last: bool) -> tuple[Record, int]:
        indent = RUN.match(text, start) if self._delimiter == " " else None
        cells, at = [], start if indent is None else indent.end()
        while found := self._cell.match(text, at):
            if not is_last and found.end() == len(text) and found[3] != "\n":
                return [], start
            quoted, unquoted, end = found.groups()
            cells.append(
                unquoted.rstrip(self._spaces) if quoted is None else quoted.replace('""', '"')
            )
            at = found.end()
            if end not in (None, self._delimiter):
                return cells, at
        if is_last or not self._open_quote.match(text, at):
            line += _line_ends(text[start:at])
            raise FileError(
                f"{self._name}, line {line}: expected a closing quote at the end of the cell that "
                f"begins with {text[at : at + SHOWN].strip(self._spaces)!r}, found none"
            )
        return [], start

    def _split_padded(self, line: str) -> Record:
        spaces = self._spaces
        return [cell.strip(spaces) for cell in line.split(self._delimiter)]

    def _split_bare(self, line: str) -> Record:
        return line.split(self._delimiter)

    def _split_runs(self, line: str) -> Record:
        return RUN.split(line.strip(RUNS))


def _last_end(text: str) -> int:
    """Return the end of the last whole line; a return at the very end may belong to a newline."""
    return max(text.rfind("\n"), text.rfind("\r", 0, len(text) - 1)) + 1


def _line_ends(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")
