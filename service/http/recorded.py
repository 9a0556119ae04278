"""What the ledger holds, as JSON tells it."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from service.classifier import FloatArray
from service.ledger.entries import FLOAT, Gap
from service.ledger.filters import EPOCH

if TYPE_CHECKING:
    from service.ledger.reader import Recorded

PHASES = ("decode", "queue", "model", "encode", "total")


def brief(recorded: "Recorded") -> dict[str, Any]:
    """Tell of a row what a list shows."""
    row, model = recorded.row, recorded.model
    return {
        "id": row.id,
        "row": row.row,
        "rows": row.rows,
        "time": moment(row.time),
        "door": row.door,
        "model_name": model.name,
        "model_version": model.version,
        "label": model.labels[row.label],
        "probability": values(row.probabilities)[row.label],
        "unusual": unusual(recorded),
        "tags": recorded.tags,
        "weight": row.weight,
    }


def full(recorded: "Recorded") -> dict[str, Any]:
    """Tell of a row everything."""
    row, model = recorded.row, recorded.model
    phases = {phase: getattr(row, f"{phase}_us") / 1000 for phase in PHASES}
    return {
        **brief(recorded),
        "probabilities": _by(model.labels, row.probabilities),
        "gate_mean": _by(model.layers, row.gate_mean),
        "gate_scale": None if row.gate_scale is None else _by(model.layers, row.gate_scale),
        "timing_ms": {**phases, "batch_rows": row.batch_rows},
        "input_stored": recorded.has_input,
    }


def told(gap: Gap) -> dict[str, Any]:
    """Tell of a gap."""
    began, ended = moment(gap.began_us), moment(gap.ended_us)
    return {"began": began, "ended": ended, "rows": gap.rows, "reason": gap.reason}


def moment(microseconds: int) -> str:
    """Write a time in ISO 8601."""
    time = EPOCH + timedelta(microseconds=microseconds)
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def unusual(recorded: "Recorded") -> dict[str, Any] | None:
    """Return a row's p-values, if it has any."""
    row = recorded.row
    if row.unusual_both is None:
        return None
    signs = ("gates", "confidence", "both")
    # Of float32 the decimals are as short as `/predict` had them.
    return {sign: np.float32(getattr(row, f"unusual_{sign}")) for sign in signs}


def values(content: bytes) -> FloatArray:
    """Read numbers that were kept as bytes."""
    return np.frombuffer(content, FLOAT)


def _by(names: Any, content: bytes) -> dict[str, Any]:
    return dict(zip(names, values(content), strict=True))
