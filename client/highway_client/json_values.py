"""Typed members of JSON responses, and JSON requests of rows, without a schema library."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from highway_client.errors import ResponseError
from highway_client.plain_values import plain_members

T = TypeVar("T")
FloatArray = NDArray[np.float32]


class JsonObject:
    """An object of a response; a member of another type is a `ResponseError` that names it."""

    def __init__(self, members: Mapping[str, Any], path: str = "") -> None:
        self._members = members
        self._path = path

    @classmethod
    def parse(cls, content: bytes | str, path: str = "") -> "JsonObject":
        """Parse JSON text whose value must be an object."""
        return cls(_mapping(parse(content, path), path or "the body"), path)

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def value(self, name: str) -> Any:
        """Return a member of any type."""
        return self._member(name)

    def string(self, name: str) -> str:
        """Return a string."""
        return str(self._typed(name, str, "a string"))

    def integer(self, name: str) -> int:
        """Return an integer."""
        return int(self._typed(name, int, "an integer"))

    def boolean(self, name: str) -> bool:
        """Return a boolean."""
        return bool(self._typed(name, bool, "a boolean"))

    def number(self, name: str) -> float:
        """Return a number."""
        return float(self._typed(name, (int, float), "a number"))

    def strings(self, name: str) -> tuple[str, ...]:
        """Return a list of strings."""
        items = self._typed(name, list, "a list")
        if not all(isinstance(item, str) for item in items):
            raise unreadable(f"{self._at(name)} that is not a list of strings")
        return tuple(items)

    def string_pairs(self, name: str) -> tuple[tuple[str, str], ...]:
        """Return a list of lists of two strings."""
        pairs = self._typed(name, list, "a list")
        if not all(_is_string_pair(pair) for pair in pairs):
            raise unreadable(f"{self._at(name)} that is not a list of pairs of strings")
        return tuple((first, second) for first, second in pairs)

    def numbers(self, name: str) -> FloatArray:
        """Return a list of numbers as float32 (n,)."""
        return _floats(self._typed(name, list, "a list"), self._at(name))

    def number_rows(self, name: str) -> FloatArray:
        """Return a list of lists of numbers, all of one length, as float32 (m, n)."""
        rows = self._typed(name, list, "a list")
        if not all(isinstance(row, list) and len(row) == len(rows[0]) for row in rows):
            raise unreadable(f"{self._at(name)} that is not a list of lists of one length")
        items = [item for row in rows for item in row]
        return _floats(items, self._at(name)).reshape(len(rows), -1)

    def string_rows(self, name: str) -> tuple[tuple[str, ...], ...]:
        """Return a list of lists of strings."""
        rows = self._typed(name, list, "a list")
        if not all(isinstance(row, list) and all(isinstance(i, str) for i in row) for row in rows):
            raise unreadable(f"{self._at(name)} that is not a list of lists of strings")
        return tuple(map(tuple, rows))

    def named_numbers(self, name: str) -> tuple[tuple[str, ...], FloatArray]:
        """Return the names of an object's members, and their numbers as float32 (n,)."""
        members = _mapping(self._member(name), self._at(name))
        return tuple(members), _floats(list(members.values()), self._at(name))

    def object(self, name: str) -> "JsonObject":
        """Return an object."""
        return JsonObject(_mapping(self._member(name), self._at(name)), self._at(name))

    def objects(self, name: str) -> list["JsonObject"]:
        """Return a list of objects."""
        items = self._typed(name, list, "a list")
        paths = [f"{self._at(name)}[{index}]" for index in range(len(items))]
        return [JsonObject(_mapping(i, p), p) for i, p in zip(items, paths, strict=True)]

    def optional(self, name: str, read: Callable[[str], T]) -> T | None:
        """Read a member by `read`, a method of this object; None if it is missing or null."""
        return None if self._members.get(name) is None else read(name)

    def _member(self, name: str) -> Any:
        if name not in self._members:
            raise unreadable(f"no {self._at(name)}")
        return self._members[name]

    def _typed(self, name: str, kind: Any, noun: str) -> Any:
        value = self._member(name)
        # bool is an int to Python.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise unreadable(f"{self._at(name)} that is not {noun}")
        return value

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


def parse(content: bytes | str, path: str = "") -> Any:
    """Parse JSON; text that is not JSON is a `ResponseError`."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:  # of JSON or of UTF-8
        raise unreadable(f"{path or 'a body'} that is not JSON") from error


def dump(members: Mapping[str, object]) -> bytes:
    """Write the members of a request as JSON; what cannot be sent is an `ArgumentError`.

    Arrays become lists, decimals numbers, and dates strings of ISO 8601. NaN, NaT and None become
    null, which means a missing value.
    """
    text = json.dumps(plain_members(members), allow_nan=False, separators=(",", ":"))
    return text.encode()


def unreadable(found: str) -> ResponseError:
    """Return the error for a response that this client cannot read."""
    return ResponseError(f"response: expected one of a highway-networks server, found {found}")


def _mapping(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise unreadable(f"{path} that is not an object")
    return value


def _is_string_pair(pair: object) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(item, str) for item in pair)


def _floats(items: list[Any], path: str) -> FloatArray:
    if not all(isinstance(i, int | float) and not isinstance(i, bool) for i in items):
        raise unreadable(f"{path} that is not a list of numbers")
    return np.array(items, np.float32)
