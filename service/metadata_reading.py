"""Typed values out of an artifact's metadata; whatever is not as expected is a `ContractError`.

`where` stands before the key in an error, as in "input: columns: ". Standard library alone.
"""

import json
import re
import sys
from collections.abc import Mapping
from typing import Any

PREFIX = "highway."
KINDS = {  # in words, for one and for a list of them
    str: ("a string", "strings"),
    int: ("a whole number", "whole numbers"),
    dict: ("an object", "objects"),
}


class ContractError(ValueError):
    """A file that does not keep the contract: one sentence with what was expected and found."""


def expect(right: bool, key: str, expected: str, found: str) -> None:
    """Raise the error about `key` unless all is `right`."""
    if not right:
        raise ContractError(f"metadata '{PREFIX}{key}': expected {expected}, found {found}")


def expect_distinct(texts: list[str], key: str, names: str, name: str) -> None:
    """Refuse a text that comes twice; the texts are called `names` and one of them `name`."""
    expect(len(set(texts)) == len(texts), key, f"{names} that differ", f"the same {name} twice")


def decoded(props: Mapping[str, str], key: str) -> Any:
    """Return the JSON value of a key that is there."""
    advice = "write the file with `python -m export onnx`"
    expect(PREFIX + key in props, key, "a value", f"none; {advice}")
    try:
        value = json.loads(props[PREFIX + key])
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise ContractError(
            f"metadata '{PREFIX}{key}': expected JSON, found text that is not"
        ) from error
    return value


def typed(values: dict[str, Any], key: str, kind: type, where: str = "") -> Any:
    """Return a value of one of the `KINDS`."""
    value = values.get(key)
    expect(_is(value, kind), where + key, KINDS[kind][0], type(value).__name__)
    return value


def typed_list(values: dict[str, Any], key: str, kind: type, where: str = "") -> list[Any]:
    """Return a list whose items are all of one of the `KINDS`."""
    expected = f"a list of {KINDS[kind][1]}"
    items: Any = values.get(key)
    expect(isinstance(items, list), where + key, expected, type(items).__name__)
    expect(all(_is(item, kind) for item in items), where + key, expected, "other items")
    return list(items)


def positive(values: dict[str, Any], key: str, where: str) -> int:
    """Return a whole number from 1."""
    number: int = typed(values, key, int, where)
    expect(number > 0, where + key, "a whole number above 0", repr(number))
    return number


LONGEST_PART = 100  # so that a model's name and version make a file's name


def path_part(values: dict[str, Any], key: str) -> str:
    """Return a text that can stand in a URL."""
    text: str = typed(values, key, str)
    right = re.fullmatch(r"[A-Za-z0-9._-]+", text) is not None
    expect(right, key, "letters, digits, '.', '_' or '-'", "others")
    expect(text not in (".", ".."), key, "a name that is no step in a path", repr(text))
    expect(len(text) <= LONGEST_PART, key, f"at most {LONGEST_PART} letters", f"{len(text)}")
    return text


def optional_number(values: dict[str, Any], key: str, where: str) -> float | None:
    """Return a number, or None where the value is null or absent."""
    value = values.get(key)
    if value is None:
        return None
    right = _is(value, int) or _is(value, float)
    expect(right, where + key, "a number or null", type(value).__name__)
    held = abs(value) <= sys.float_info.max  # so written that NaN is refused
    expect(held, where + key, "a finite number of 64 bits", "another")
    return float(value)


def _is(value: Any, kind: type) -> bool:
    # bool is an int to Python, but never a number of the contract.
    return isinstance(value, kind) and not isinstance(value, bool)
