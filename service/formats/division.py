"""The structure of a JSON text outside its strings, and the places where its long lists divide."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.errors import BodyError, BodyTooLargeError
from service.formats.json_documents import INVALID_JSON, check_length

SHORT = 4096  # bytes of a list that is not divided
MAX_LISTS = 1024  # at the depth of the long lists

Span = tuple[int, int]

_Integers = NDArray[np.int64]

_QUOTE = ord('"')
_STEP = np.zeros(256, np.int8)  # of the level of nesting
_STEP[list(b"[{")] = 1
_STEP[list(b"]}")] = -1
_IS_STRUCTURE = _STEP != 0
_IS_STRUCTURE[_QUOTE] = True


class Block(NamedTuple):
    """The structure of a part of a text; all positions are those in the whole text.

    `brackets` are the positions of brackets outside strings, `steps` 1 or -1 for each and `levels`
    the nesting after it; `level` is that at the end. `opening` and `closing` are positions of
    quotes. `in_string` is whether the part starts within a string.
    """

    brackets: _Integers
    steps: _Integers
    levels: _Integers
    level: int
    opening: _Integers
    closing: _Integers
    in_string: bool


class Division:
    """Division of a text at its long lists, and of those between elements.

    Long lists are those that are the `depth`-th container around a value. A text that is not JSON
    may be divided anywhere: its parts are not JSON either.
    """

    def __init__(self, text: bytes, depth: int, max_element_bytes: int) -> None:
        self._text = text
        self._depth = depth
        self._max_element_bytes = max_element_bytes
        self._structure = _Structure()
        self._lists_opened = 0
        self._list_start: int | None = None
        self._part_start = 0
        self._parts: list[Span] = []
        self._rest_start = 0  # of the text after the last long list
        self._pieces: list[bytes] = []
        self._pieces_length = 0
        self._spans: list[list[Span]] = []

    def result(self) -> tuple[list[bytes], list[list[Span]]]:
        """Return the pieces of text around the long lists, and the parts of each list."""
        if self._list_start is not None:
            raise BodyError(INVALID_JSON)
        return [*self._pieces, self._text[self._rest_start :]], self._spans

    def add(self, start: int, stop: int) -> None:
        """Read the next block of the text."""
        block = self._structure.read(self._text[start:stop], start)
        opens = (block.steps == 1) & (block.levels == self._depth)
        closes = (block.steps == -1) & (block.levels == self._depth - 1)
        for position in block.brackets[opens | closes].tolist():
            if self._text[position] in b"[{":
                self._open(position)
            elif self._list_start is not None:
                self._close(self._list_start, position)
        if self._list_start is not None:
            cut = self._last_cut(block, max(start, self._part_start), stop)
            if self._text[self._part_start : cut].strip():  # not between an element and its comma
                self._add_part(cut)
            if stop - self._part_start > self._max_element_bytes:
                raise self._too_long()
        rest_stop = stop if self._list_start is None else self._list_start
        check_length(self._pieces_length + rest_stop - self._rest_start)

    def _open(self, position: int) -> None:
        self._lists_opened += 1
        if self._lists_opened > MAX_LISTS:
            raise BodyError(f"body: expected at most {MAX_LISTS} lists beside the rows, found more")
        if self._text[position] == ord("["):
            self._list_start = position
            self._part_start = position + 1
            self._parts = []

    def _close(self, list_start: int, position: int) -> None:
        if self._text[position] != ord("]"):
            raise BodyError(INVALID_JSON)
        self._list_start = None
        if position - list_start <= SHORT:
            return
        self._add_part(position)
        self._spans.append(self._parts)
        self._pieces.append(self._text[self._rest_start : list_start])
        self._pieces_length += len(self._pieces[-1])
        self._rest_start = position + 1

    def _add_part(self, stop: int) -> None:
        if stop - self._part_start > self._max_element_bytes:
            raise self._too_long()
        self._parts.append((self._part_start, stop))
        self._part_start = stop

    def _last_cut(self, block: Block, start: int, stop: int) -> int:
        """Return the last end of an element at or after `start`, 0 if it is not known."""
        ends = block.brackets[(block.steps == -1) & (block.levels == self._depth)]
        if len(ends) and ends[-1] >= start:
            return int(ends[-1]) + 1
        if block.level != self._depth or (len(block.brackets) and block.brackets[-1] >= start):
            return 0
        # Only numbers, words and strings: a comma outside the strings ends an element.
        first = -1 if block.in_string else start
        last_opening = int(block.opening[-1]) if len(block.opening) else -1
        last_closing = int(block.closing[-1]) if len(block.closing) else first
        if last_opening > last_closing:
            stop = last_opening
        if last_closing < 0:
            return 0
        return max(0, self._text.rfind(b",", max(start, last_closing), stop))

    def _too_long(self) -> BodyTooLargeError:
        return BodyTooLargeError(
            f"body: expected at most {self._max_element_bytes} bytes in one row, found more; send "
            "binary tensors"
        )


class _Structure:
    """Reader of the structure of a text, block by block."""

    def __init__(self) -> None:
        self._level = 0
        self._in_string = False
        self._escaped = False

    def read(self, text: bytes, start: int) -> Block:
        characters = np.frombuffer(self._without_escapes(text), np.uint8)
        at = np.flatnonzero(_IS_STRUCTURE[characters])
        quotes = characters[at] == _QUOTE
        inside = ((np.cumsum(quotes) + self._in_string) & 1).astype(bool)
        brackets = at[~quotes & ~inside]
        steps = _STEP[characters[brackets]].astype(np.int64)
        levels = self._level + np.cumsum(steps)
        in_string = self._in_string
        if len(at):
            self._in_string = bool(inside[-1])
        if len(levels):
            self._level = int(levels[-1])
        opening, closing = at[quotes & inside] + start, at[quotes & ~inside] + start
        return Block(brackets + start, steps, levels, self._level, opening, closing, in_string)

    def _without_escapes(self, text: bytes) -> bytes:
        """Replace escapes, which may hide quotes; one may start in the block before."""
        if self._escaped:
            text = b"_" + text[1:]
        self._escaped = False
        if b"\\" in text:
            text = text.replace(b"\\\\", b"__")
            self._escaped = text.endswith(b"\\")
            text = text.replace(b'\\"', b"__")
        return text
