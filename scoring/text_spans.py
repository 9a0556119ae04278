"""Spans of whole records in the bytes of a text table."""

import codecs
import re
from collections.abc import Iterable, Iterator

import numpy as np
from highway_client.files.cells import SPACES
from highway_client.files.compression import Span
from highway_client.files.encodings import Lines
from numpy.typing import NDArray

NEWLINE, QUOTE = ord("\n"), ord('"')
BLANK = codecs.BOM_UTF8 + f"\r\n{SPACES}".encode()
# In these, the bytes of a line end, a quote and a delimiter are never a part of another character.
DIVISIBLE = re.compile(r"utf-8(-sig)?|ascii|cp125\d|iso8859-\d+")


def is_divisible(encoding: str) -> bool:
    """Return whether a text in an encoding, by Python's name, can be divided without decoding."""
    return DIVISIBLE.fullmatch(encoding) is not None


def text_spans(
    pieces: Iterable[bytes], delimiter: str, lines: int
) -> tuple[list[Span] | None, int | None]:
    """Divide a text after every `lines` line ends outside quotes, but not above the header line.

    Returns the spans and the number of records, empty lines included. Both are None if a quote is
    not the first character of a cell: where quoted cells end is then known to a full reader only.
    """
    scan = _Scan(delimiter)
    edges: list[tuple[int, int]] = [(0, 1)]
    counted = Lines()
    has_header = False
    for piece in pieces:
        ends = scan.record_ends(piece)
        if ends is None:
            return None, None
        last = 0
        for end in _every(ends, lines, scan.records - len(ends)):
            has_header = has_header or bool(piece[last:end].strip(BLANK))
            if not has_header:
                continue
            counted.add(piece[last:end].decode("latin-1"))
            edges.append((scan.offset - len(piece) + end, counted.number))
            last = end
        has_header = has_header or bool(piece[last:].strip(BLANK))
        counted.add(piece[last:].decode("latin-1"))
    if len(edges) > 1 and edges[-1][0] == scan.offset:
        edges.pop()
    stops = [start for start, _ in edges[1:]] + [scan.offset]
    spans = [
        Span(start=start, stop=stop, line=line)
        for (start, line), stop in zip(edges, stops, strict=True)
    ]
    return spans, scan.records + (scan.last not in (NEWLINE, None))


def _every(ends: NDArray[np.int64], lines: int, before: int) -> Iterator[int]:
    """Yield each end whose number, counted after `before` others, is a multiple of `lines`."""
    yield from ends[lines - 1 - before % lines :: lines].tolist()


class _Scan:
    """Finds the line ends outside quotes, one piece of a text after another."""

    def __init__(self, delimiter: str) -> None:
        before = "\n\r" + (" \t" if delimiter == " " else delimiter)
        self._before = np.frombuffer(before.encode("latin-1", "ignore"), np.uint8)
        self._is_quoted = False
        self.last: int | None = None  # byte of the piece before
        self.offset = 0
        self.records = 0

    def record_ends(self, piece: bytes) -> NDArray[np.int64] | None:
        """Return the places after line ends; None if a quote is inside an unquoted cell."""
        values = np.frombuffer(piece, np.uint8)
        ends = np.flatnonzero(values == NEWLINE)
        if QUOTE in piece:
            quotes = np.flatnonzero(values == QUOTE)
            if not self._are_at_starts(values, quotes[int(self._is_quoted) :: 2]):
                return None
            is_inside = (np.searchsorted(quotes, ends) + self._is_quoted) % 2 == 1
            ends = ends[~is_inside]
            self._is_quoted ^= bool(len(quotes) % 2)
        elif self._is_quoted:
            ends = ends[:0]
        self.last = piece[-1]
        self.offset += len(piece)
        self.records += len(ends)
        return ends + 1

    def _are_at_starts(self, values: NDArray[np.uint8], opening: NDArray[np.int64]) -> bool:
        """Whether each opening quote begins a cell, or doubles the quote before it."""
        if len(opening) and opening[0] == 0:
            is_start = self.last is None or self.last == QUOTE or self.last in self._before
            if not is_start:
                return False
            opening = opening[1:]
        is_marked = self.offset == 0 and values[:3].tobytes() == codecs.BOM_UTF8
        if is_marked and len(opening) and opening[0] == 3:
            opening = opening[1:]
        before = values[opening - 1]
        return bool((np.isin(before, self._before) | (before == QUOTE)).all())
