"""One batch of the model for several requests: rows gathered, outputs checked."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from service.arrays import FloatArray
from service.contract import GATE_MEAN, LOGITS, PROBABILITIES, TYPICALITY
from service.errors import InputError
from service.inference.queue import Part

# Computed in every batch for the statistics; their cost is negligible.
ALWAYS_COMPUTED = frozenset({PROBABILITIES, GATE_MEAN, TYPICALITY})


class BatchResult(NamedTuple):
    """The model's outputs for a batch of `rows` rows, by name, or the `error` of a failed batch.

    Times in ns of `time.perf_counter_ns`: start of gathering, start and end of the model's work.
    After it, `clients` wait in the queue, and the last row for an estimated `wait_ns`.
    """

    parts: Sequence[Part]
    rows: int
    outputs: Mapping[str, FloatArray]
    error: Exception | None
    began_ns: int
    gathered_ns: int
    ended_ns: int
    wait_ns: float = 0.0
    clients: int = 0

    @property
    def finite(self) -> bool:
        """Whether the logits are finite, or if they were not computed, the probabilities.

        An overflow anywhere in the network reaches the logits, and their softmax.
        """
        checked = self.outputs.get(LOGITS, self.outputs.get(PROBABILITIES))
        return checked is None or b"\0" not in np.isfinite(checked).tobytes()


def gather(parts: Sequence[Part]) -> tuple[FloatArray, FloatArray | None]:
    """Return the rows of all parts and their gate scales, ones by default; None if none has any."""
    rows = [pending.request.rows[start:stop] for pending, start, stop in parts]
    scales = [_scale(part) for part in parts]
    all_rows = rows[0] if len(rows) == 1 else np.concatenate(rows)
    layers = next((scale.shape[1] for scale in scales if scale is not None), None)
    if layers is None:
        return all_rows, None
    if len(scales) == 1:
        return all_rows, scales[0]
    row_scales = [
        np.broadcast_to(np.ones(1, np.float32) if scale is None else scale, (stop - start, layers))
        for scale, (_, start, stop) in zip(scales, parts, strict=True)
    ]
    return all_rows, np.concatenate(row_scales)


def nonfinite_error(part: Part, outputs: Mapping[str, FloatArray]) -> InputError | None:
    """Name the first row of a part whose requested outputs are not all finite, if any."""
    names = part.pending.request.outputs | ALWAYS_COMPUTED
    return first_nonfinite({name: outputs[name] for name in names}, part.start)


def first_nonfinite(outputs: Mapping[str, FloatArray], start: int) -> InputError | None:
    """Name the first row with an output that is not finite; rows are counted from `start`."""
    bad = np.logical_or.reduce([~np.isfinite(values).all(axis=1) for values in outputs.values()])
    if not bad.any():
        return None
    row = start + int(bad.argmax())
    return InputError(f"row {row}: inputs overflow float32; the output is not finite")


def _scale(part: Part) -> FloatArray | None:
    pending, start, stop = part
    scale = pending.request.gate_scale
    return scale if scale is None or len(scale) == 1 else scale[start:stop]
