"""Where a page ended, as a text that a client hands back."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from math import isfinite
from typing import NamedTuple

from service.errors import QueryError

LONGEST = 200
LARGEST = 2**63  # of whole numbers in a database


class Position(NamedTuple):
    """A row's place in an order: the `key` it is sorted by, then its number."""

    sort: str
    key: float
    sequence: int


def write_cursor(position: Position) -> str:
    """Write a position."""
    return urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def read_cursor(text: str) -> Position:
    """Read a position; what `write_cursor` has not written is a `QueryError`."""
    wrong = QueryError("cursor: expected the 'next' of an earlier page, found another text")
    if len(text) > LONGEST:
        raise wrong
    try:
        found = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError as error:  # of base64, of UTF-8 or of JSON
        raise wrong from error
    if not isinstance(found, list) or [type(part) for part in found] not in _TYPES:
        raise wrong
    position = Position(*found)
    if not isfinite(position.key) or max(abs(position.key), abs(position.sequence)) >= LARGEST:
        raise wrong
    return position


_TYPES = ([str, int, int], [str, float, int])
