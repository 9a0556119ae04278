"""The delimiter of a table's cells, found in its first lines where that is certain."""

from collections.abc import Sequence
from dataclasses import replace

from highway_client.errors import FileError
from highway_client.files.cells import is_number
from highway_client.files.records import Batch, Record, RecordReader

NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
BY_SUFFIX = {".tsv": "\t", ".tab": "\t"}
COMMA, SPACE = ",", " "
WORDS = {"tab": "\t", "\\t": "\t"}  # characters that are hard to type
UNUSABLE = '"\n\r\0\ufeff'
MAX_SAMPLED = 100  # records
MIN_REGULAR = 2  # records below others that are to be a header and its rows


class Sample:
    """The first text of a file, of which the last record may be cut unless it `is_last`."""

    def __init__(self, text: str, *, is_last: bool, keep_spaces: bool) -> None:
        self._text = text
        self._is_last = is_last
        self._keep_spaces = keep_spaces

    def batch(self, delimiter: str) -> Batch:
        """Return the first records; none if a quoted cell ends before another character."""
        reader = RecordReader("", delimiter, keep_spaces=self._keep_spaces)
        try:
            batch = reader.read(self._text, 1, is_last=self._is_last)
        except FileError:
            return Batch(records=[], lines=(), length=0)
        return replace(batch, records=batch.records[:MAX_SAMPLED])

    def records(self, delimiter: str) -> list[Record]:
        """Return the cells of the first records."""
        return self.batch(delimiter).records


def known_delimiter(text: str) -> str:
    """Return the character that `--delimiter` names; a `FileError` if it cannot be one."""
    delimiter = WORDS.get(text, text)
    if len(delimiter) != 1 or delimiter.isalnum() or delimiter in UNUSABLE:
        raise FileError(
            f"--delimiter: expected one character such as ';', or 'tab', found {text!r}"
        )
    return delimiter


def find_delimiter(sample: Sample, name: str, usual: str) -> str:
    """Return the `usual` delimiter of such files, or the one that is found instead.

    Another one is certain if all records have it equally often and the usual one differs. Lines
    above the header are passed over; if rows differ, the header decides. A table separated by
    spaces is a `FileError`, which begins with `name`: words of text have spaces too.
    """
    records = {usual: sample.records(usual)}
    if regular_from(records[usual]) == 0:
        return usual
    records |= {other: sample.records(other) for other in NAMES if other != usual}
    starts = {delimiter: regular_from(found) for delimiter, found in records.items()}
    whole = [delimiter for delimiter, start in starts.items() if start == 0]
    partly = [
        delimiter
        for delimiter, start in starts.items()
        if start is not None and has_names(records[delimiter][start])
    ]
    in_header = [delimiter for delimiter, found in records.items() if found and len(found[0]) > 1]
    for candidates in (whole, partly, in_header):
        if usual in candidates:
            return usual
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            listed = " or ".join(map(repr, candidates))
            raise FileError(
                f"{name}: expected one delimiter between the cells, found {listed}; name it with "
                "--delimiter"
            )
    if regular_from(sample.records(SPACE)) == 0:
        raise FileError(
            f"{name}: expected a delimiter such as a comma between the cells, found spaces; name "
            'it with --delimiter " "'
        )
    return usual


def has_names(record: Record) -> bool:
    """Return whether a record may be the header of the rows below it: it has no numbers."""
    return not any(map(is_number, record))


def regular_from(records: Sequence[Record]) -> int | None:
    """Return the index from which on all records have the same number of cells, at least two.

    None if there is no such record, or only one below others.
    """
    widths = [len(record) for record in records]
    start = len(widths)
    while start and widths[start - 1] == widths[-1]:
        start -= 1
    is_regular = bool(widths) and widths[-1] > 1
    return start if is_regular and (start == 0 or len(widths) - start >= MIN_REGULAR) else None
