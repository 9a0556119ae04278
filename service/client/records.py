"""What the server's ledger recorded of a request."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from pydantic import BaseModel, ValidationError

from service.client.exchange import Reply
from service.client.predictions import Unusual
from service.client.tensors import FloatArray, unreadable_json


@dataclass(frozen=True, kw_only=True, eq=False)
class RecordedRow:
    """One row of an answered request, `row` its place among the request's `rows`, from 0.

    `probabilities` is float32 (classes,) in the order of `labels`; `gates` and, of a what-if
    question, `gate_scale` float32 (layers,) in the order of `layers`; `unusual` (3,) as in
    `Predictions`, None where none was recorded. `weight` is how many rows this one stands for.
    With `input_stored` it can be asked about again.
    """

    id: str
    row: int
    rows: int
    time: datetime
    door: str
    model_name: str
    model_version: str
    label: str
    labels: tuple[str, ...]
    probabilities: FloatArray
    layers: tuple[str, ...]
    gates: FloatArray
    gate_scale: FloatArray | None
    unusual: FloatArray | None
    timing_ms: Mapping[str, float]
    tags: tuple[str, ...]
    weight: float
    input_stored: bool


class _Row(BaseModel):
    id: str
    row: int
    rows: int
    time: datetime
    door: str
    model_name: str
    model_version: str
    label: str
    probabilities: dict[str, float]
    gate_mean: dict[str, float]
    gate_scale: dict[str, float] | None
    unusual: Unusual | None
    timing_ms: dict[str, float]
    tags: tuple[str, ...]
    weight: float
    input_stored: bool


class _Answer(BaseModel):
    rows: list[_Row]


def read_recorded(reply: Reply) -> tuple[RecordedRow, ...]:
    """Read the answer of `/requests/{id}`; what cannot be read is an `AnswerError`."""
    try:
        answer = _Answer.model_validate_json(reply.content)
    except ValidationError as error:
        raise unreadable_json(error) from error
    return tuple(map(_recorded, answer.rows))


def _recorded(row: _Row) -> RecordedRow:
    scale, unusual = row.gate_scale, row.unusual
    return RecordedRow(
        id=row.id,
        row=row.row,
        rows=row.rows,
        time=row.time,
        door=row.door,
        model_name=row.model_name,
        model_version=row.model_version,
        label=row.label,
        labels=tuple(row.probabilities),
        probabilities=_array(row.probabilities),
        layers=tuple(row.gate_mean),
        gates=_array(row.gate_mean),
        gate_scale=None if scale is None else _array(scale),
        unusual=None if unusual is None else np.array(unusual.shares(), np.float32),
        timing_ms=row.timing_ms,
        tags=row.tags,
        weight=row.weight,
        input_stored=row.input_stored,
    )


def _array(named: Mapping[str, float]) -> FloatArray:
    return np.array(list(named.values()), np.float32)
