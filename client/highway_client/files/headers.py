"""Errors of a table's first lines, and of rows that differ from its header line."""

from collections import Counter
from collections.abc import Sequence

from highway_client.errors import FileError
from highway_client.files.delimiters import has_names, regular_from
from highway_client.files.records import Batch, Record

COMMENT = "#"
EXCEL = "sep="
SHOWN = 40  # characters of a line in a message


def check_start(name: str, start: Batch, delimiter: str) -> None:
    """Refuse lines above the header, also comments, and delimiters at the end of all lines.

    `start` holds the first records; `name` begins the messages.
    """
    records = start.records
    if records and records[0][0].startswith(EXCEL):
        raise FileError(
            f"{name}, line {start.lines[0]}: expected column names, found the line of Excel that "
            f"names the delimiter, {records[0][0][:SHOWN]!r}; remove it"
        )
    first = regular_from(records)
    if first is None:
        return
    width, names = len(records[-1]), records[0]
    for record, line in zip(records, start.lines, strict=False):
        if len(record) != width and record[0].startswith(COMMENT):
            raise FileError(f"{name}, line {line}: {_comment(record)}")
    rows = records[max(first, 1) :]
    is_one_short = first == 1 and len(names) == width - 1
    if rows and not any(row[-1] for row in rows) and (is_one_short or not names[-1]):
        raise FileError(
            f"{name}: expected a cell at the end of each line, found {delimiter!r}; remove it from "
            "the end of the lines"
        )
    if is_one_short and len(names) > 1:
        raise FileError(
            f"{name}, line {start.lines[0]}: expected {width} column names, as the lines below "
            f"have {width} cells, found {len(names)}; name every column"
        )
    is_above = first < 2 or len(names) == 1 or len(records[1]) != len(names)
    if first and len(names) < width and is_above and has_names(records[first]):
        raise FileError(
            f"{name}, line {start.lines[0]}: expected the column names in the first line, found "
            f"{names[0][:SHOWN]!r} and {width} cells in the lines from line {start.lines[first]} "
            "on; remove the lines above the column names"
        )


def check_names(name: str, names: Sequence[str]) -> None:
    """Refuse repeated names, and a column without a name other than the first."""
    nameless = [number for number, each in enumerate(names, 1) if not each]
    if nameless and nameless != [1]:
        raise FileError(
            f"{name}: expected a name for each column, found none for column {nameless[-1]} of "
            f"{len(names)}; name it in the header line"
        )
    repeated = next((each for each, count in Counter(names).items() if count > 1), None)
    if repeated is not None:
        raise FileError(
            f"{name}: expected each column's name once, found {repeated!r} again; rename one"
        )


def ragged(location: str, record: Record, width: int, delimiter: str) -> FileError:
    """Return the error of a row of another number of cells than the header's `width`."""
    if record[0].startswith(COMMENT) and len(record) < width:
        return FileError(f"{location}: {_comment(record)}")
    advice = f"put cells that contain {delimiter!r} in quotes" if len(record) > width else ""
    if len(record) == width + 1 and not record[-1]:
        advice = f"remove {delimiter!r} from the end of the line"
    return FileError(
        f"{location}: expected {width} cell{'s' * (width > 1)}, one for each column, found "
        f"{len(record)}"
        f"{advice and '; '}{advice}"
    )


def _comment(record: Record) -> str:
    return (
        f"expected names or cells, found a comment, {record[0][:SHOWN]!r}; remove the lines that "
        f"begin with {COMMENT!r}"
    )
