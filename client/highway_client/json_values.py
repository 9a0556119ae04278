"""Typed members of JSON responses, and JSON requests of rows, without a schema library."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from highway_client.errors import ArgumentError, ResponseError

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

    def numbers(self, name: str) -> FloatArray:
        """Return a list of numbers as float32 (n,)."""
        return _floats(self._typed(name, list, "a list"), self._at(name))

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


def dump(value: object) -> bytes:
    """Write JSON. Arrays become lists, and NaN becomes null, which means a missing value."""
    try:
        return json.dumps(_plain(value), allow_nan=False, separators=(",", ":")).encode()
    except ValueError as error:
        raise ArgumentError("rows: expected finite numbers or NaN, found infinity") from error
    except TypeError as error:
        raise ArgumentError(f"rows: {error}; give numbers, strings, lists or mappings") from error


def unreadable(found: str) -> ResponseError:
    """Return the error for a response that this client cannot read."""
    return ResponseError(f"response: expected one of a highway-networks server, found {found}")


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, Mapping):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _mapping(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise unreadable(f"{path} that is not an object")
    return value


def _floats(items: list[Any], path: str) -> FloatArray:
    if not all(isinstance(i, int | float) and not isinstance(i, bool) for i in items):
        raise unreadable(f"{path} that is not a list of numbers")
    return np.array(items, np.float32)
