"""Lists of numbers in JSON, flat or nested, as one array; what does not fit is named."""

import math
from typing import Any

import numpy as np
import simdjson
from numpy.typing import NDArray

from service.classifier import FloatArray
from service.errors import InputError
from service.formats.json_kinds import kind_of

Numbers = NDArray[np.float64]

BLOCK = 500
FEW = 4 * BLOCK


def read_numbers(
    text: bytes, array: simdjson.Array, shape: tuple[int, ...], *, lists_around: int = 0
) -> Numbers | None:
    """Return all numbers of `array` at once, or None where it is not nested as `shape` says.

    `lists_around` is how many lists the whole `text` should have beside this one.
    """
    if not _has_shape(array, shape):
        return None
    try:
        values = np.frombuffer(array.as_buffer(of_type="d"))
    except TypeError:  # something among the numbers is none
        return None
    # The buffer is flat, so a list in a number's place would go unseen but for its bracket.
    lists = lists_around + sum(math.prod(shape[:axis]) for axis in range(len(shape)))
    if not _has_brackets(text, lists) and not _is_flat(array, len(shape)):
        return None
    return values if len(values) == math.prod(shape) else None


def first_fault(
    array: simdjson.Array, shape: tuple[int, ...], nouns: tuple[str, ...], place: str
) -> InputError:
    """Find the first value that is not as it should be; only a refused request pays for this.

    `nouns` name what the lists of each level hold.
    """
    fault = _fault(array, tuple(zip(shape, nouns, strict=True)), place)
    assert fault is not None
    return fault


def read_missing(array: simdjson.Array, shape: tuple[int, ...]) -> Numbers | None:
    """Read numbers one by one, null as NaN; None where anything else is among them."""
    if not _has_shape(array, shape):
        return None
    lines: Any = array if len(shape) > 1 else [array]
    values = [math.nan if value is None else value for line in lines for value in line]
    right = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    return np.array(values, np.float64) if right else None


def to_float32(values: Numbers, count: int, place: str) -> FloatArray:
    """Return numbers as rows (count, features); beyond float32 they are an `InputError`."""
    rows = _narrowed(values).reshape(count, -1)
    infinite = first_infinite(rows)
    if infinite is not None:
        raise _too_large(f"{place}[{infinite}]")
    return rows


def row_to_float32(values: Numbers, place: str) -> FloatArray:
    """Return numbers as one row (1, features); beyond float32 they are an `InputError`."""
    row = _narrowed(values).reshape(1, -1)
    if first_infinite(row) is not None:
        raise _too_large(place)
    return row


def first_not_finite(rows: FloatArray) -> int | None:
    """Return the first row in which a number is infinite or NaN."""
    if _all_finite(rows.reshape(-1)):
        return None
    return int(np.isfinite(rows).all(axis=1).argmin())


def first_infinite(rows: FloatArray) -> int | None:
    """Return the first row in which a number is infinite."""
    if _all_finite(rows.reshape(-1)):
        return None
    infinite = np.isinf(rows).any(axis=1)
    return int(infinite.argmax()) if infinite.any() else None


# numpy gives up the interpreter's lock for more than 500 numbers. On the event loop that lets the
# inference thread in, which then runs a few rows where a moment later it would have had many: a
# third of the throughput. So a few rows are worked on in blocks, and only many at once.


def _too_large(place: str) -> InputError:
    return InputError(f"{place}: expected numbers that float32 can hold, found a larger one")


def _narrowed(values: Numbers) -> FloatArray:
    with np.errstate(over="ignore"):
        if len(values) > FEW:
            return values.astype(np.float32)
        narrow = np.empty(len(values), np.float32)
        for i in range(0, len(values), BLOCK):
            narrow[i : i + BLOCK] = values[i : i + BLOCK]
        return narrow


def _all_finite(values: FloatArray) -> bool:
    if len(values) > FEW:
        return bool(np.isfinite(values).all())
    # To look for a zero byte takes half the time of `all`.
    return not any(
        b"\0" in np.isfinite(values[i : i + BLOCK]).tobytes() for i in range(0, len(values), BLOCK)
    )


def _has_brackets(text: bytes, expected: int) -> bool:
    """Compare, in the time of a search: `bytes.count` looks at every byte by itself."""
    at = -1
    for _ in range(expected):
        at = text.find(b"[", at + 1)
        if at < 0:
            return False
    return text.find(b"[", at + 1) < 0


def _has_shape(item: Any, shape: tuple[int, ...]) -> bool:
    if not isinstance(item, simdjson.Array) or len(item) != shape[0]:
        return False
    return len(shape) == 1 or all(_has_shape(inner, shape[1:]) for inner in item)


def _is_flat(item: Any, depth: int) -> bool:
    if depth > 1:
        return all(_is_flat(inner, depth - 1) for inner in item)
    return not any(isinstance(value, simdjson.Array) for value in item)


def _fault(item: Any, levels: tuple[tuple[int, str], ...], place: str) -> InputError | None:
    if not levels:
        if isinstance(item, bool) or not isinstance(item, int | float):
            return InputError(f"{place}: expected a number, found {kind_of(item)}")
        return None
    size, what = levels[0]
    if not isinstance(item, simdjson.Array):
        return InputError(f"{place}: expected a list of {size} {what}, found {kind_of(item)}")
    if len(item) != size:
        return InputError(f"{place}: expected a list of {size} {what}, found one of {len(item)}")
    inner = (_fault(value, levels[1:], f"{place}[{i}]") for i, value in enumerate(item))
    return next((fault for fault in inner if fault is not None), None)
