"""Long JSON documents in parts: their long lists are found and parsed a few elements at a time.

simdjson parses a text in one call, which for 4 MiB takes up to 25 ms. So a long body is first
divided by its brackets. The result does not depend on the division: a document is valid if and only
if its outline is, with a number for each long list, and each part is as a list of its own.
"""

import secrets
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple, TypeVar

import simdjson

from service.errors import BodyError
from service.formats.division import Division
from service.formats.json_documents import (
    INVALID_JSON,
    MAX_TEXT_BYTES,
    Members,
    members,
    parse,
    parse_object,
)

BLOCK = 16_384  # bytes; the work between two steps takes about a millisecond at most

T = TypeVar("T")
Steps = Generator[None, None, T]  # work that can pause where it yields

_SPACE = b" \t\r\n"
# Numbers that stand for long lists: no client can guess them, and no member's name is a number.
_FIRST_TOKEN = secrets.randbelow(1 << 61) + (1 << 61)


class LongReadError(Exception):
    """A request takes so long to read that it must be read in steps."""


class Part(NamedTuple):
    """Consecutive elements of a long list: the index of the first, and their text as a list."""

    first: int
    text: bytes
    elements: simdjson.Array


class LongList:
    """A list in parts; `len` is the number of elements."""

    def __init__(self, text: bytes, spans: list[tuple[int, int]]) -> None:
        """Each span is the start and the end of a part of `text`."""
        self._text = text
        self._spans = spans
        self._parser = simdjson.Parser()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def check(self) -> Steps[None]:
        """Parse all parts and count the elements; raise a `BodyError` if they are not JSON."""
        for part in self.parts():
            self._count = part.first + len(part.elements)
            del part  # the parser cannot be used again before
            yield

    def parts(self) -> Iterator[Part]:
        """Parse part after part; drop each before the next."""
        first = 0
        for number, (start, stop) in enumerate(self._spans):
            text = self._text[start:stop].strip(_SPACE)
            if number:
                if not text and number == len(self._spans) - 1:
                    return
                if not text.startswith(b","):
                    raise BodyError(INVALID_JSON)
                text = text[1:]
            text = b"[%b]" % text
            elements: Any = parse(text, self._parser)
            count = len(elements)
            if not count and len(self._spans) > 1:
                raise BodyError(INVALID_JSON)
            part = Part(first, text, elements)
            del elements
            yield part
            del part
            first += count


class Outline:
    """A document whose long lists are replaced by numbers."""

    def __init__(self, text: bytes, lists: dict[int, LongList]) -> None:
        self.text = text
        self._lists = lists
        self._parser = simdjson.Parser()

    def check(self) -> Steps[None]:
        """Raise a `BodyError` unless the whole document is JSON."""
        parse(self.text, simdjson.Parser())
        for long_list in self._lists.values():
            yield from long_list.check()

    def parse_object(self, *names: str) -> Members:
        """Read the named members like `json_documents.parse_object`, with a `LongList` for each."""
        return self._resolve(parse_object(self.text, *names, parser=self._parser))

    def members(self, item: simdjson.Object, *names: str) -> Members:
        """Read the named members of an object in the outline."""
        return self._resolve(members(item, *names))

    def _resolve(self, found: Members) -> Members:
        return {
            name: self._lists.get(value, value) if type(value) is int else value
            for name, value in found.items()
        }


def check_short(text: bytes) -> None:
    """Raise `LongReadError` for a text that takes long to parse."""
    if len(text) > MAX_TEXT_BYTES:
        raise LongReadError


def max_row_bytes(features: int) -> int:
    """Return the limit on a row's JSON: 32 bytes for each number, which none needs."""
    return max(MAX_TEXT_BYTES, 32 * features)


def outline_of(text: bytes, *, depth: int, max_element_bytes: int) -> Steps[Outline]:
    """Divide a document; its long lists are those that are the `depth`-th container around a value.

    Each element of a long list must fit `max_element_bytes`, and all else `MAX_TEXT_BYTES`.
    """
    division = Division(text, depth, max_element_bytes)
    for start in range(0, len(text), BLOCK):
        division.add(start, min(start + BLOCK, len(text)))
        yield
    pieces, spans = division.result()
    tokens = range(_FIRST_TOKEN, _FIRST_TOKEN + len(spans))
    # A space on each side: digits beside a list must not become part of a valid number.
    numbers = [b" %d " % token for token in tokens]
    between = [piece for pair in zip(pieces, numbers, strict=False) for piece in pair]
    lists = [LongList(text, parts) for parts in spans]
    outline = Outline(b"".join((*between, pieces[-1])), dict(zip(tokens, lists, strict=True)))
    yield from outline.check()
    return outline
