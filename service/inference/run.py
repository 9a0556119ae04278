"""One run of the model for several questions: their rows gathered, its answers checked."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from service.classifier import FloatArray
from service.contract import GATE_MEAN, LOGITS, PROBABILITIES, UNUSUAL
from service.errors import InputError
from service.inference.queue import Part

# Every run computes these, for what the service tells of itself; all are nearly free.
ALWAYS = frozenset({PROBABILITIES, GATE_MEAN, UNUSUAL})


class Run(NamedTuple):
    """What the model said of `rows` rows: `outputs` by name or, where it failed, `error`.

    Times in ns of `time.perf_counter_ns`: gathering the rows began, the model began, it ended.
    """

    parts: Sequence[Part]
    rows: int
    outputs: Mapping[str, FloatArray]
    error: Exception | None
    began_ns: int
    model_ns: int
    ended_ns: int

    @property
    def finite(self) -> bool:
        """Whether the logits, or else the probabilities, are all numbers.

        What becomes too large in the network ends there, and shows in the softmax too.
        """
        telling = self.outputs.get(LOGITS, self.outputs.get(PROBABILITIES))
        return telling is None or b"\0" not in np.isfinite(telling).tobytes()


def gathered(parts: Sequence[Part]) -> tuple[FloatArray, FloatArray | None]:
    """Return the rows of all parts, and their gate scales if any has one: ones for the others."""
    rows = [ticket.question.rows[start:stop] for ticket, start, stop in parts]
    scales = [_scale(part) for part in parts]
    together = rows[0] if len(rows) == 1 else np.concatenate(rows)
    layers = next((scale.shape[1] for scale in scales if scale is not None), None)
    if layers is None:
        return together, None
    if len(scales) == 1:
        return together, scales[0]
    lines = [
        np.broadcast_to(np.ones(1, np.float32) if scale is None else scale, (stop - start, layers))
        for scale, (_, start, stop) in zip(scales, parts, strict=True)
    ]
    return together, np.concatenate(lines)


def not_finite(outputs: Mapping[str, FloatArray], first: int) -> InputError | None:
    """Name the first row whose answer is no number, the lines of `outputs` counted from `first`."""
    bad = np.logical_or.reduce([~np.isfinite(values).all(axis=1) for values in outputs.values()])
    if not bad.any():
        return None
    return InputError(
        f"row {first + int(bad.argmax())}: expected values that the network can add up, found "
        "some so large that its answer is no number"
    )


def unfit(part: Part, outputs: Mapping[str, FloatArray]) -> InputError | None:
    """Name the first row of a part for which an output that it asked for is no number."""
    names = part.ticket.question.outputs | ALWAYS
    return not_finite({name: outputs[name] for name in names}, part.start)


def _scale(part: Part) -> FloatArray | None:
    ticket, start, stop = part
    scale = ticket.question.gate_scale
    return scale if scale is None or len(scale) == 1 else scale[start:stop]
