"""Recorded rows as columns of Arrow, each of a type that a data frame keeps."""

from collections.abc import Callable
from typing import Any

import numpy as np
from arro3.core import Array, DataType, Field, RecordBatch, Schema, list_array

from service.ledger.entries import FLOAT
from service.ledger.reader import Recorded

Make = Callable[[list[Recorded]], Array]

_TEXT, _INT, _LONG, _DOUBLE = (
    DataType.utf8(),
    DataType.int32(),
    DataType.int64(),
    DataType.float64(),
)
_TIME = DataType.timestamp("us", tz="UTC")
_FLOATS = DataType.list(Field("item", DataType.float32(), nullable=False))
_TEXTS = DataType.list(Field("item", _TEXT, nullable=False))


def batch_of(rows: list[Recorded]) -> RecordBatch:
    """Return a batch with the columns of `SCHEMA`."""
    return RecordBatch.from_arrays([make(rows) for _, _, make in _COLUMNS], schema=SCHEMA)


def _plain(kind: DataType, read: Callable[[Recorded], Any]) -> Make:
    return lambda rows: Array([read(each) for each in rows], kind)


def _column(name: str, kind: DataType) -> tuple[str, DataType, Make]:
    return name, kind, _plain(kind, lambda each: getattr(each.row, name))


def _times(rows: list[Recorded]) -> Array:
    return Array([each.row.time for each in rows], _LONG).cast(_TIME)


def _tags(rows: list[Recorded]) -> Array:
    items = Array([tag for each in rows for tag in each.tags], _TEXT)
    return list_array(_offsets([len(each.tags) for each in rows]), items, type=_TEXTS)


def _floats(name: str) -> tuple[str, DataType, Make]:
    def make(rows: list[Recorded]) -> Array:
        contents: list[bytes | None] = [getattr(each.row, name) for each in rows]
        joined = np.frombuffer(b"".join(content or b"" for content in contents), FLOAT)
        lengths = [len(content or b"") // FLOAT.itemsize for content in contents]
        missing = Array.from_numpy(np.array([content is None for content in contents], bool))
        numbers = Array.from_numpy(joined.astype(np.float32))
        return list_array(_offsets(lengths), numbers, type=_FLOATS, mask=missing)

    return name, _FLOATS, make


def _offsets(lengths: list[int]) -> Array:
    return Array.from_numpy(np.cumsum([0, *lengths], dtype=np.int32))


_COLUMNS: list[tuple[str, DataType, Make]] = [
    _column("id", _TEXT),
    _column("row", _INT),
    _column("rows", _INT),
    ("time", _TIME, _times),
    _column("door", _TEXT),
    ("model_name", _TEXT, _plain(_TEXT, lambda each: each.model.name)),
    ("model_version", _TEXT, _plain(_TEXT, lambda each: each.model.version)),
    ("label", _TEXT, _plain(_TEXT, lambda each: each.model.labels[each.row.label])),
    _floats("probabilities"),
    _floats("gate_mean"),
    _column("unusual_gates", _DOUBLE),
    _column("unusual_confidence", _DOUBLE),
    _column("unusual_both", _DOUBLE),
    *(_column(f"{phase}_us", _INT) for phase in ("decode", "queue", "model", "encode", "total")),
    _column("batch_rows", _INT),
    _column("weight", _DOUBLE),
    _floats("gate_scale"),
    ("tags", _TEXTS, _tags),
]
SCHEMA = Schema([Field(name, kind) for name, kind, _ in _COLUMNS])
