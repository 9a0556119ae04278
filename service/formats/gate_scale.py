"""The member `gate_scale` of the friendly requests: what would the model say with other gates?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import simdjson

from service.classifier import FloatArray
from service.contract import GATE_SCALE
from service.errors import InputError
from service.formats.json_kinds import kind_of

LARGEST_SCALE = 10.0  # of the gates; beyond it a scale has lost every meaning


def read_gate_scale(value: Any, layers: Sequence[str], rows: int) -> FloatArray:
    """Read one scale for all rows as (1, layers), or a list of one for each as (rows, layers).

    A scale is a list with a number for each layer, or an object of numbers by layer name; a layer
    that it leaves out keeps its gates. What is neither is an `InputError`.
    """
    if isinstance(value, simdjson.Array) and len(value) and _is_scale(value[0]):
        if len(value) != rows:
            raise InputError(
                f"{GATE_SCALE}: expected one for each of {rows} instances, found {len(value)}"
            )
        scales = [_scale(item, layers, f"{GATE_SCALE}[{i}]") for i, item in enumerate(value)]
    else:
        scales = [_scale(value, layers, GATE_SCALE)]
    scale = np.array(scales, np.float64)
    check_range(scale, GATE_SCALE)
    return scale.astype(np.float32)


def check_range(scale: np.ndarray, place: str) -> None:
    """Refuse numbers beyond 0 and `LARGEST_SCALE`, and NaN."""
    if scale.size and not 0 <= scale.min() <= scale.max() <= LARGEST_SCALE:
        raise InputError(
            f"{place}: expected numbers from 0 to {LARGEST_SCALE:g}, found others; 0 closes a "
            "layer, 1 leaves it as it is"
        )


def _is_scale(item: Any) -> bool:
    return isinstance(item, simdjson.Array | simdjson.Object)


def _scale(item: Any, layers: Sequence[str], place: str) -> list[float]:
    if isinstance(item, simdjson.Object):
        named = dict(item.items())  # a look-up by name would stop at NUL
        if not set(named) <= set(layers):
            raise InputError(
                f"{place}: expected names of layers, from '{layers[0]}' to '{layers[-1]}', found "
                "another name"
            )
        return [_number(named.get(name, 1.0), place) for name in layers]
    if not isinstance(item, simdjson.Array):
        raise InputError(
            f"{place}: expected a list of {len(layers)} numbers or an object by layer name, found "
            f"{kind_of(item)}"
        )
    if len(item) != len(layers):
        raise InputError(
            f"{place}: expected a list of {len(layers)} numbers, one for each layer, found one of "
            f"{len(item)}"
        )
    return [_number(value, place) for value in item]


def _number(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{place}: expected numbers alone, found {kind_of(value)}")
    return float(value)
