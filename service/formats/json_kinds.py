"""The kinds of JSON values in words: what a message says instead of the value."""

from typing import Any

import simdjson


def kind_of(value: Any) -> str:
    """Name the kind of a value that simdjson read: never the value itself."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, simdjson.Array | list) else "an object"
