"""An entry as a line of the table of requests."""

from typing import Any

import numpy as np

from service.ledger.entries import FLOAT, Entry

LARGEST = 2**31 - 1  # µs of a duration, 36 minutes


def line_of(entry: Entry, sequence: int, model: int, weight: float) -> dict[str, Any]:
    """Return the values of each column; `model` is the model's number, `weight` the batch's."""
    timing = entry.timing
    gates, confidence, both = entry.unusual or (None, None, None)
    return {
        "sequence": sequence,
        "id": entry.request_id,
        "row": entry.row,
        "rows": entry.rows,
        "time": entry.time_us,
        "door": entry.door,
        "model": model,
        "label": int(np.frombuffer(entry.probabilities, FLOAT).argmax()),
        "probabilities": entry.probabilities,
        "gate_mean": entry.gate_mean,
        "unusual_gates": gates,
        "unusual_confidence": confidence,
        "unusual_both": both,
        "decode_us": _microseconds(timing.decode),
        "queue_us": _microseconds(timing.queue),
        "model_us": _microseconds(timing.model),
        "encode_us": _microseconds(timing.encode),
        "total_us": _microseconds(timing.total),
        "batch_rows": timing.batch_rows,
        "weight": weight,
        "gate_scale": entry.gate_scale,
    }


def _microseconds(nanoseconds: int) -> int:
    return min(nanoseconds // 1000, LARGEST)
