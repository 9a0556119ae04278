"""Text tables read by Arrow's reader, where it reads exactly what `TextTable` reads.

It takes a tenth of the time. Text that the two may read differently is left to `TextTable`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from highway_client.files.cells import SPACES
from highway_client.files.compression import Span, pieces
from highway_client.files.text_tables import TextTable

if TYPE_CHECKING:
    import pyarrow as pa

MAX_BYTES = 2**25  # of a part, which is in memory as a whole
QUOTE = ord('"')
# White space beside a quote: `TextTable` keeps it inside of quotes and removes it outside. A
# regular expression took half of the time of reading.
SPACES_AT_QUOTES = tuple(pair.encode() for space in SPACES for pair in (f'"{space}', f'{space}"'))
BOM = b"\xef\xbb\xbf"


def arrow_table(table: TextTable, span: Span, columns: Sequence[int]) -> "pa.Table | None":
    """Return the cells of some columns, by their index, as strings; None if they may differ."""
    if span.stop is None or span.stop - span.start > MAX_BYTES or table.delimiter == " ":
        return None
    if len(table.names) == 1:  # an empty line may be a row
        return None
    data = b"".join(pieces(table.file.path, table.name, span))
    if span.start == 0:
        data = data.removeprefix(BOM)
    if not _is_certain(data, table):
        return None
    return _parsed(data, table, columns, has_header=span.start == 0)


def _is_certain(data: bytes, table: TextTable) -> bool:
    if b"\0" in data or not (data.isascii() or table.file.encoding == "utf-8"):
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    if b'"' not in data:
        return True
    has_spaces = any(spaces in data for spaces in SPACES_AT_QUOTES)
    return not has_spaces and _has_whole_cells(data, table.delimiter)


def _has_whole_cells(data: bytes, delimiter: str) -> bool:
    """Whether all quotes are around cells, or double another quote."""
    values = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(values == QUOTE)
    around = np.frombuffer(f'"\n\r{delimiter}'.encode(), np.uint8)
    before, after = quotes[::2] - 1, quotes[1::2] + 1
    before, after = before[before >= 0], after[after < len(values)]
    return bool(
        len(quotes) % 2 == 0
        and np.isin(values[before], around).all()
        and np.isin(values[after], around).all()
    )


def _parsed(
    data: bytes, table: TextTable, columns: Sequence[int], *, has_header: bool
) -> "pa.Table | None":
    import pyarrow as pa
    from pyarrow import csv

    names = list(map(str, range(len(table.names))))
    wanted = list(dict.fromkeys(names[index] for index in columns))
    try:
        cells = csv.read_csv(
            pa.BufferReader(data),
            csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
            csv.ParseOptions(delimiter=table.delimiter, newlines_in_values=True),
            csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.large_string()),
                include_columns=wanted,
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:  # `TextTable` says what is wrong
        return None
    return cells.select([names[index] for index in columns]).slice(int(has_header))
