"""Request and response bodies of `/what-if`: one row under several gate scales."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import simdjson

from service.arrays import FloatArray, Outputs
from service.contract import GATE_SCALE, GATE_UNITS, Column, Input, Metadata
from service.errors import BodyError, InputError
from service.formats.explain import INSTANCE
from service.formats.gate_scale import read_gate_scale, unscaled
from service.formats.json_documents import Members, encode, parse_object
from service.formats.outline import Steps, max_row_bytes
from service.formats.predict import PredictWriter
from service.formats.rows import read_instance
from service.formats.tables import shown_value
from service.inference.outputs import BatchOutputs

MAX_SCALES = 8  # each is a row of the model's batch
MIN_SCALES = 2  # the row as it is and with closed layers, which the inspector compares
MAX_UNITS = 1 << 19  # gates of all units in a response of several scales: 6 MiB
VALUES_IN_A_STEP = 8192
COLUMNS_IN_A_STEP = 512


class WhatIfRequest(NamedTuple):
    """A row, (1, features), and the gate scales to compute it with, (n, layers)."""

    row: FloatArray
    scales: FloatArray


def read_what_if(body: bytes, metadata: Metadata) -> WhatIfRequest:
    """Read `{"instance": row, "gate_scale": [scale, …]}`; errors as in `/predict`."""
    max_bytes = max_row_bytes(metadata.input.size)
    document = parse_object(body, INSTANCE, GATE_SCALE, max_bytes=max_bytes)
    instance = document.get(INSTANCE)
    if instance is None:
        raise BodyError(f"body: the member '{INSTANCE}' is missing")
    row = read_instance(body, instance, metadata.input, INSTANCE)
    return WhatIfRequest(row, read_scales(document, metadata))


def read_scales(document: Members, metadata: Metadata) -> FloatArray:
    """Read `gate_scale`, one scale or a list of them, as (n, layers); by default all ones.

    They are never too many to be read at once: eight objects of 1,000 names take 4 to 5 ms.
    """
    value: Any = document.get(GATE_SCALE)
    layers = [layer.name for layer in metadata.layers]
    if value is None:
        return unscaled(metadata)
    is_list = isinstance(value, simdjson.Array) and len(value) > 0
    several = is_list and isinstance(value[0], simdjson.Array | simdjson.Object)
    if several and len(value) > (most := max_scales(metadata)):
        raise InputError(
            f"{GATE_SCALE}: expected at most {most} scales, found {len(value)}; send them in "
            "several requests"
        )
    return read_gate_scale(value, layers, len(value) if several else 1)


def max_scales(metadata: Metadata) -> int:
    """Return how many scales a request may have: fewer for a model of many units."""
    units = sum(layer.width for layer in metadata.layers)
    return max(MIN_SCALES, min(MAX_SCALES, MAX_UNITS // max(1, units)))


def write_what_if(
    outputs: Outputs, metadata: Metadata, row: FloatArray | None = None
) -> Steps[bytes]:
    """Return the response in steps: a prediction for each row of the outputs.

    Each has the usual gates of its label and the gates of all units. With a `row`, (1, features),
    the response repeats it as `instance`.
    """
    head = {
        "model_name": metadata.name,
        "model_version": metadata.version,
        "digest": str(metadata.verification["digest"]),
    }
    pieces = [encode(head)[:-1]]
    if row is not None:
        pieces.append(b',"instance":')
        yield from _add_instance(pieces, row[0], metadata.input)
    pieces.append(b',"predictions":[')
    yield from _add_predictions(pieces, outputs, metadata)
    pieces.append(b"]}")
    return b"".join(pieces)  # once: it copies megabytes


def _add_predictions(pieces: list[bytes], outputs: Outputs, metadata: Metadata) -> Steps[None]:
    writer = PredictWriter(metadata, usual=True)
    whole = BatchOutputs(outputs)
    ends = np.cumsum([layer.width for layer in metadata.layers])[:-1]
    for index, units in enumerate(outputs[GATE_UNITS]):
        (prediction,) = writer.predictions(BatchOutputs(whole.rows(index, index + 1)), 0, 1)
        yield
        pieces += (b"," if index else b"", prediction[:-1], b',"gate_units":')
        yield from _add_list(pieces, np.split(units, ends))
        pieces.append(b"}")


def _add_instance(pieces: list[bytes], row: FloatArray, described: Input) -> Steps[None]:
    """Add a row, (features,), as `instance`: nested pixels, or an object by column."""
    if described.kind == "image":
        yield from _add_array(pieces, row.reshape(described.shape))
        return
    for first in range(0, len(row), COLUMNS_IN_A_STEP):
        last = first + COLUMNS_IN_A_STEP
        columns = _shown_columns(described.columns[first:last], row[first:last])
        pieces += (b"," if first else b"{", encode(columns)[1:-1])
        yield
    pieces.append(b"}")


def _shown_columns(columns: Sequence[Column], row: FloatArray) -> dict[str, Any]:
    values = zip(columns, row.tolist(), strict=True)
    return {column.name: shown_value(column, value) for column, value in values}


def _add_array(pieces: list[bytes], values: FloatArray) -> Steps[None]:
    """Add an array of any rank; NaN is null."""
    if values.size <= VALUES_IN_A_STEP:
        pieces.append(encode(values))
        yield
    elif values.ndim > 1:
        yield from _add_list(pieces, values)
    else:
        for first in range(0, len(values), VALUES_IN_A_STEP):
            numbers = encode(values[first : first + VALUES_IN_A_STEP])[1:-1]
            pieces += (b"," if first else b"[", numbers)
            yield
        pieces.append(b"]")


def _add_list(pieces: list[bytes], arrays: Iterable[FloatArray]) -> Steps[None]:
    pieces.append(b"[")
    for index, array in enumerate(arrays):
        if index:
            pieces.append(b",")
        yield from _add_array(pieces, array)
    pieces.append(b"]")
