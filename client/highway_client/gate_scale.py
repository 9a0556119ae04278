"""The argument `gate_scale`: factors in layer order or by layer name, for all rows or each row."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from highway_client.errors import ArgumentError
from highway_client.json_values import FloatArray

ByName = Mapping[str, float]
GateScale = ArrayLike | ByName | Sequence[ByName]


def is_named(scale: GateScale) -> bool:
    """Return whether the factors are given by layer name."""
    return isinstance(scale, Mapping) or (
        isinstance(scale, Sequence) and bool(scale) and isinstance(scale[0], Mapping)
    )


def scale_tensor(scale: GateScale, rows: int, layers: Sequence[str]) -> FloatArray:
    """Return factors as (1, layers) or (rows, layers).

    `layers` is only needed for factors by name; a layer that is not named keeps its gates.
    """
    if is_named(scale):
        rows_by_name: Any = [scale] if isinstance(scale, Mapping) else scale
        scale = [_by_index(named, layers) for named in rows_by_name]
    return np.atleast_2d(_factors(scale, rows))


def scale_member(scale: GateScale, rows: int) -> object:
    """Return the member `gate_scale` of a native request."""
    if is_named(scale):
        return scale
    factors = _factors(scale, rows)
    return factors[0] if factors.ndim == 2 and len(factors) == 1 else factors


def _factors(scale: object, rows: int) -> FloatArray:
    try:
        factors = np.asarray(scale, np.float32, order="C")
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            "gate_scale: expected lists of numbers of one length, or numbers by layer name"
        ) from error
    if factors.ndim not in (1, 2) or (factors.ndim == 2 and len(factors) not in (1, rows)):
        raise ArgumentError(
            f"gate_scale: expected (layers,), (1, layers) or ({rows}, layers), found "
            f"{factors.shape}"
        )
    return factors


def _by_index(named: object, layers: Sequence[str]) -> list[float]:
    if not isinstance(named, Mapping) or not set(named) <= set(layers):
        raise ArgumentError(
            f"gate_scale: expected names of layers, {', '.join(layers)}, found {named!r}"
        )
    return [named.get(name, 1.0) for name in layers]
