"""Python, NumPy and pandas values as JSON has them."""

import math
import sys
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np

from highway_client.errors import ArgumentError

NAT = "NaT"  # NumPy's text of a missing date


class _UnsendableError(Exception):
    """A value that JSON cannot have; the message says what was expected and found."""


def plain_members(members: Mapping[str, object]) -> dict[str, object]:
    """Return members of strings, finite numbers, booleans, None, lists and mappings.

    NaN, NaT and pandas' NA become None, dates strings of ISO 8601, decimals numbers. Infinity and
    values of other types are an `ArgumentError` that begins with their location.
    """
    try:
        return {name: _plain(value) for name, value in members.items()}
    except _UnsendableError as error:
        raise ArgumentError(f"{_location(members).removeprefix('.')}: {error}") from error


def _plain(value: Any) -> object:
    if isinstance(value, np.ndarray | np.generic):
        value = _of_numpy(value)
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float | Decimal):
        return _finite(float(value))
    if isinstance(value, Mapping):
        return {_name(name): _plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if _is_missing(value):
        return None
    if isinstance(value, date):
        return value.isoformat()
    raise _UnsendableError(
        "expected numbers, strings, booleans, dates, lists or mappings, found the type "
        f"{type(value).__name__}"
    )


def _name(key: object) -> str:
    if isinstance(key, str | int | np.integer):  # data frames number their columns
        return str(key)
    raise _UnsendableError(f"expected names as strings, found the type {type(key).__name__}")


def _of_numpy(value: Any) -> object:
    if value.dtype.kind == "m":
        raise _UnsendableError(f"expected numbers or dates, found the type {value.dtype}")
    if value.dtype.kind != "M":
        return value.tolist()
    # `tolist` would return integers for nanoseconds.
    return _without_nat(np.datetime_as_string(value).tolist())


def _without_nat(strings: Any) -> object:
    if isinstance(strings, list):
        return [_without_nat(text) for text in strings]
    return None if strings == NAT else strings


def _finite(value: float) -> float | None:
    if math.isinf(value):
        raise _UnsendableError(f"expected a finite number or NaN, found {value}")
    return None if math.isnan(value) else value


def _is_missing(value: object) -> bool:
    """Return whether a value is NaT or NA of pandas, which the client need not import for it."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and (value is pandas.NA or value is pandas.NaT)


def _location(value: Any) -> str:
    """Return where the first value is that cannot be sent, below this one."""
    for key, item in _items(value):
        try:
            _plain(item)
        except _UnsendableError:
            return key + _location(item)
    return ""


def _items(value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return ((f".{name}", member) for name, member in value.items())
    if isinstance(value, np.ndarray) and value.dtype.kind not in "mM" and value.ndim:
        value = value.tolist()
    if isinstance(value, list | tuple):
        return ((f"[{index}]", item) for index, item in enumerate(value))
    return ()
