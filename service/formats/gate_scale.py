"""`gate_scale` of `/predict`: factors that multiply the transform gates of layers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import simdjson

from service.arrays import FloatArray
from service.contract import GATE_SCALE, Metadata
from service.errors import InputError
from service.formats.json_documents import MAX_MEMBERS, kind_of
from service.formats.long_rows import Elements, parts_of
from service.formats.outline import Steps
from service.formats.rows import check_searchable

MAX_SCALE = 10.0  # larger factors of a gate have no meaning
SCALES_IN_A_STEP = 64  # each of up to 100 layers

_SCALES = (simdjson.Array, simdjson.Object)


def unscaled(metadata: Metadata) -> FloatArray:
    """Return the scale (1, layers) that changes nothing.

    It marks a row as a what-if, which the drift monitor skips.
    """
    return np.ones((1, len(metadata.layers)), np.float32)


def read_gate_scale(value: Any, layers: Sequence[str], rows: int) -> FloatArray:
    """Read one scale for all rows as (1, layers), or a list with one for each as (rows, layers).

    A scale is a list with a number for each layer, or an object of numbers keyed by layer name,
    where layers left out keep their gates. Any other value is an `InputError`; many numbers are a
    `LongReadError`.
    """
    if isinstance(value, simdjson.Array) and len(value) and isinstance(value[0], _SCALES):
        _check_length(len(value), layers, rows, one=False)
        check_searchable(rows * len(layers))
        scales = [_scale(item, layers, f"{GATE_SCALE}[{i}]") for i, item in enumerate(value)]
    else:
        scales = [_scale(value, layers, GATE_SCALE)]
    return _checked(scales)


def read_long_gate_scale(value: Any, layers: Sequence[str], rows: int) -> Steps[FloatArray]:
    """Read a scale like `read_gate_scale`, a few rows at a time."""
    if not isinstance(value, Elements) or not len(value):
        return read_gate_scale(value, layers, rows)
    scales: list[Any] = []
    one = False
    for part in parts_of(value):
        if part.first == 0:
            one = not isinstance(part.elements[0], _SCALES)
            _check_length(len(value), layers, rows, one=one)
        for i, item in enumerate(part.elements, part.first):
            location = f"{GATE_SCALE}[{i}]"
            scales.append(_number(item, GATE_SCALE) if one else _scale(item, layers, location))
            if i % SCALES_IN_A_STEP == 0:
                yield
        del part, item
    return _checked([scales] if one else scales)


def _checked(scales: list[list[float]]) -> FloatArray:
    scale = np.array(scales, np.float64)
    check_range(scale, GATE_SCALE)
    return scale.astype(np.float32)


def check_range(scale: np.ndarray, location: str) -> None:
    """Reject NaN and numbers outside 0 to `MAX_SCALE`."""
    if scale.size and not 0 <= scale.min() <= scale.max() <= MAX_SCALE:
        raise InputError(
            f"{location}: expected numbers from 0 to {MAX_SCALE:g}, found one out of range; 0 "
            "closes a layer, 1 leaves it unchanged"
        )


def _scale(item: Any, layers: Sequence[str], location: str) -> list[float]:
    if isinstance(item, simdjson.Object):
        if len(item) > len(layers) + MAX_MEMBERS:
            raise InputError(
                f"{location}: expected an object of at most {len(layers)} layers, found one of "
                f"{len(item)} members"
            )
        named = dict(item.items())  # simdjson's own look-up by name stops at NUL
        factors = [_number(named.pop(name, 1.0), location) for name in layers]
        if named:
            names = f"from '{layers[0]}' to '{layers[-1]}'" if layers else "of which there are none"
            raise InputError(f"{location}: expected names of layers, {names}, found another name")
        return factors
    if not isinstance(item, simdjson.Array):
        raise InputError(
            f"{location}: expected a list of {len(layers)} numbers or an object keyed by layer "
            f"name, found {kind_of(item)}"
        )
    _check_width(len(item), layers, location)
    return [_number(value, location) for value in item]


def _check_length(length: int, layers: Sequence[str], rows: int, *, one: bool) -> None:
    """Check the length of a list of scales, or of the `one` scale."""
    if one:
        _check_width(length, layers, GATE_SCALE)
    elif length != rows:
        raise InputError(
            f"{GATE_SCALE}: expected {rows} scales, one for each instance, found {length}"
        )


def _check_width(length: int, layers: Sequence[str], location: str) -> None:
    if length != len(layers):
        raise InputError(
            f"{location}: expected a list of {len(layers)} numbers, one for each layer, found one "
            f"of {length}"
        )


def _number(value: Any, location: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{location}: expected numbers, found {kind_of(value)}")
    return float(value)
