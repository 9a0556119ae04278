"""One batch of the model for several requests: rows gathered, outputs checked and divided."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from service.arrays import FloatArray, all_finite
from service.contract import GATE_MEAN, LOGITS, OUTPUTS, PROBABILITIES, TYPICALITY
from service.errors import InputError
from service.inference.queue import Part

# Computed in every batch for the statistics; their cost is negligible.
ALWAYS_COMPUTED = frozenset({PROBABILITIES, GATE_MEAN, TYPICALITY})


class BatchResult(NamedTuple):
    """The model's outputs for a batch of `rows` rows, by name, or the `error` of a failed batch.

    Times in ns of `time.perf_counter_ns`: start of gathering, start and end of the model's work.
    `processor_ns` is the processor time of the thread that had the batch: waits for a processor or
    for the interpreter do not count, nor do parts that other threads computed. After the batch,
    `clients` wait in the queue, and the last row for an estimated `wait_ns`. It is `scaled` if a
    row has a gate scale.
    """

    parts: Sequence[Part]
    rows: int
    outputs: Mapping[str, FloatArray]
    error: Exception | None
    began_ns: int
    gathered_ns: int
    ended_ns: int
    processor_ns: int
    wait_ns: float = 0.0
    clients: int = 0
    scaled: bool = False

    @property
    def finite(self) -> bool:
        """Whether the logits are finite, or if they were not computed, the probabilities.

        An overflow anywhere in the network reaches the logits, and their softmax.
        """
        checked = self.outputs.get(LOGITS, self.outputs.get(PROBABILITIES))
        return checked is None or all_finite(checked.reshape(-1))


def gather(parts: Sequence[Part]) -> tuple[FloatArray, FloatArray | None]:
    """Return the rows of all parts and their gate scales, ones by default; None if none has any."""
    if len(parts) == 1:
        pending, start, stop = parts[0]
        return pending.request.rows[start:stop], _scale(parts[0])
    all_rows = np.concatenate([pending.request.rows[start:stop] for pending, start, stop in parts])
    if all(pending.request.gate_scale is None for pending, _, _ in parts):
        return all_rows, None
    scales = [_scale(part) for part in parts]
    layers = next(scale.shape[1] for scale in scales if scale is not None)
    row_scales = [
        np.broadcast_to(np.ones(1, np.float32) if scale is None else scale, (stop - start, layers))
        for scale, (_, start, stop) in zip(scales, parts, strict=True)
    ]
    return all_rows, np.concatenate(row_scales)


def output_names(parts: Sequence[Part]) -> tuple[str, ...]:
    """Return the outputs that are computed for all parts, in the contract's order."""
    wanted = parts[0].pending.request.outputs
    for part in parts:
        if part.pending.request.outputs is not wanted:
            wanted = wanted | part.pending.request.outputs
    return _in_order(wanted)


@lru_cache
def _in_order(wanted: frozenset[str]) -> tuple[str, ...]:
    computed = wanted | ALWAYS_COMPUTED
    return tuple(name for name in OUTPUTS if name in computed)


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
