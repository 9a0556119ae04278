"""The fields of a ledger row: how each is recorded, stored, exported and shown.

The columns of the table, the INSERT values, the Parquet columns, the JSON members and their schemas
follow from `FIELDS`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Any, Literal, NamedTuple

import numpy as np

from service.arrays import FloatArray
from service.contract import GATE_MEAN, PROBABILITIES, TYPICALITY, TYPICALITY_COLUMNS, Metadata
from service.inference.statistics import Timing
from service.ledger.tags import TAGS, read_tags
from service.observers import RequestEvent

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FLOAT = np.dtype("<f4")  # of all arrays that are stored as bytes
PHASES = Timing._fields[:5]  # decode, queue, compute, encode, total
MAX_DURATION_US = 2**31 - 1  # the largest 32-bit integer, 36 minutes

Typicality = tuple[float, float, float]  # in the order of TYPICALITY_COLUMNS
ModelKey = tuple[str, str, str]  # name, version and digest


class LedgerRow(NamedTuple):
    """One answered row to be written: the values of arrays are bytes of type `FLOAT`.

    `time_us` counts from 1970. `row` is the index among the request's `rows`. `weight` is how many
    answered rows it represents, among them `ordinary` ones. `content` is the input, None unless it
    is recorded.
    """

    time_us: int
    request_id: str
    row: int
    rows: int
    endpoint: str
    model: Metadata
    timing: Timing
    probabilities: bytes
    gate_mean: bytes
    typicality: Typicality | None
    gate_scale: bytes | None
    tags: tuple[str, ...]
    weight: float
    ordinary: bool
    content: bytes | None


def ledger_row(
    event: RequestEvent,
    row: int,
    *,
    time_us: int,
    weight: float,
    ordinary: bool,
    with_input: bool,
) -> LedgerRow:
    """Copy one row of a successful request; the event's arrays are those of whole batches."""
    request, batch, timing = event.request, event.batch, event.timing
    assert request is not None
    assert batch is not None
    assert timing is not None
    outputs, place = batch.arrays, event.first + row
    scale, typicality = request.gate_scale, outputs[TYPICALITY][place]
    return LedgerRow(
        time_us=time_us,
        request_id=event.request_id,
        row=row,
        rows=event.rows,
        endpoint=event.endpoint,
        model=event.model,
        timing=timing,
        probabilities=_bytes(outputs[PROBABILITIES][place]),
        gate_mean=_bytes(outputs[GATE_MEAN][place]),
        typicality=tuple(typicality.tolist()) if np.isfinite(typicality).all() else None,
        gate_scale=None if scale is None else _bytes(scale[row if len(scale) > 1 else 0]),
        tags=read_tags(event.headers[TAGS]) if TAGS in event.headers else (),
        weight=weight,
        ordinary=ordinary,
        content=_bytes(request.rows[row]) if with_input else None,
    )


class RowName(NamedTuple):
    """Identifies a recorded row by its request's id, its index and its time, µs since 1970.

    Several requests may have the same id: without a time, it is the first recorded row of this id
    and index.
    """

    request_id: str
    row: int = 0
    time_us: int | None = None


@dataclass(frozen=True, kw_only=True)
class StoredModel:
    """A model as the ledger stores it."""

    number: int
    name: str
    version: str
    digest: str
    labels: Sequence[str]
    layers: Sequence[str]

    @property
    def key(self) -> ModelKey:
        """The same as `model_key` of the model's metadata."""
        return self.name, self.version, self.digest


def model_key(metadata: Metadata) -> ModelKey:
    """Return the unique key of a model: two models may share name and version."""
    return metadata.name, metadata.version, str(metadata.verification.get("digest", ""))


class RecordedRow(NamedTuple):
    """One row read from the database, with its model and tags.

    `row` has an attribute for each stored field. `input_stored` is only known where a single
    request is read.
    """

    row: Any
    model: StoredModel
    tags: Sequence[str]
    input_stored: bool = False


def floats(content: bytes) -> FloatArray:
    """Read an array that is stored as bytes."""
    return np.frombuffer(content, FLOAT)


def iso_time(time_us: int) -> str:
    """Write µs since 1970 in ISO 8601."""
    time = EPOCH + timedelta(microseconds=time_us)
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _bytes(values: FloatArray) -> bytes:
    return values.astype(FLOAT, copy=False).tobytes()


class Kind(NamedTuple):
    """Types of a field: the names of its SQLAlchemy and Arrow types, and its JSON type.

    `to_json` converts the exported value, if it is not None.
    """

    sql: str
    arrow: str
    json: Any
    to_json: Callable[[Any, RecordedRow], Any] | None = None


SEQUENCE = Kind("BigInteger", "", int)
TEXT = Kind("Text", "utf8", str)
INTEGER = Kind("Integer", "int32", int)
NUMBER = Kind("Double", "float64", float)
TIME = Kind("BigInteger", "timestamp", str, lambda value, _: iso_time(value))
LABEL = Kind("Integer", "utf8", str)  # stored as the index among the model's labels
# As float32, it has as few decimals as in the response of `/predict`.
P_VALUE = Kind("Double", "float64", float, lambda value, _: np.float32(value))
DURATION = Kind("Integer", "int32", float, lambda value, _: value / 1000)  # µs, in JSON ms
BY_LABEL = Kind("LargeBinary", "floats", dict[str, float], lambda v, r: _by(r.model.labels, v))
BY_LAYER = Kind("LargeBinary", "floats", dict[str, float], lambda v, r: _by(r.model.layers, v))
STRINGS = Kind("", "strings", list[str])
BOOLEAN = Kind("", "", bool)


@dataclass(frozen=True)
class Field:
    """One field; `name` is its column in the database and in Parquet.

    `write` gets the stored value from a `LedgerRow`, by default the attribute of the same name;
    the store assigns `ASSIGNED` instead. `read` gets the exported value from a `RecordedRow`, by
    default the column. A field with `read` alone has no column. `member` is the path of the JSON
    member, by default the name.
    """

    name: str
    kind: Kind
    description: str | None = None
    write: Callable[[LedgerRow], Any] | None = None
    read: Callable[[RecordedRow], Any] | None = None
    shown: Literal["list", "detail", "never"] = "list"  # in JSON; the detail includes the list
    member: str | None = None
    exported: bool = True  # to Parquet
    nullable: bool = False

    @property
    def stored(self) -> bool:
        """Whether the field is a column of the table of requests."""
        return self.write is not None or self.read is None

    @property
    def reader(self) -> Callable[[RecordedRow], Any]:
        """`read` or its default."""
        return self.read or attrgetter(f"row.{self.name}")

    @property
    def path(self) -> tuple[str, ...]:
        """Names of the JSON member, outermost first."""
        return tuple((self.member or self.name).split("."))


def _by(names: Sequence[str], content: bytes) -> dict[str, Any]:
    return dict(zip(names, floats(content), strict=True))


def _label(row: LedgerRow) -> int:
    return int(floats(row.probabilities).argmax())


def _label_name(recorded: RecordedRow) -> str:
    index: int = recorded.row.label
    return recorded.model.labels[index]


def _probability(recorded: RecordedRow) -> Any:
    return floats(recorded.row.probabilities)[recorded.row.label]


def _typicality(column: int) -> Callable[[LedgerRow], float | None]:
    return lambda row: None if row.typicality is None else row.typicality[column]


def _duration(phase: int) -> Callable[[LedgerRow], int]:
    return lambda row: min(row.timing[phase] // 1000, MAX_DURATION_US)


_internal = partial(Field, shown="never", exported=False)
_detail = partial(Field, shown="detail")

ASSIGNED = ("sequence", "model")
FIELDS = (
    _internal("sequence", SEQUENCE),
    Field("id", TEXT, "Request id, as in X-Request-Id.", attrgetter("request_id")),
    Field("row", INTEGER, "Index of the row in the request, from 0."),
    Field("rows", INTEGER, "Number of rows in the request."),
    Field("time", TIME, "Time of the response, UTC.", attrgetter("time_us")),
    Field("endpoint", TEXT, "`predict`, `infer`, or `shadow` of a copy that no client received."),
    _internal("model", INTEGER),
    Field("model_name", TEXT, read=attrgetter("model.name")),
    Field("model_version", TEXT, read=attrgetter("model.version")),
    Field("label", LABEL, "Predicted label.", _label, _label_name),
    Field("probability", NUMBER, "Probability of `label`.", read=_probability, exported=False),
    _detail("probabilities", BY_LABEL, "Probability of each label."),
    _detail("gate_mean", BY_LAYER, "Mean transform gate of each layer."),
    *(
        Field(
            *(f"typicality_{name}", P_VALUE, None, _typicality(column)),
            member=f"typicality.{name}",
            nullable=True,
        )
        for column, name in enumerate(TYPICALITY_COLUMNS)
    ),
    *(
        _detail(f"{phase}_us", DURATION, None, _duration(index), member=f"timing_ms.{phase}")
        for index, phase in enumerate(PHASES)
    ),
    _detail(
        *("batch_rows", INTEGER, "Size of the model's batch.", attrgetter("timing.batch_rows")),
        member="timing_ms.batch_rows",
    ),
    Field("weight", NUMBER, "Answered rows that this row represents; 1 if all are recorded."),
    _detail("gate_scale", BY_LAYER, "Gate scale of a what-if request.", nullable=True),
    Field("tags", STRINGS, "Tags, from the header X-Tags.", read=attrgetter("tags")),
    _detail(
        *("input_stored", BOOLEAN, "Whether the input is stored."),
        read=attrgetter("input_stored"),
        exported=False,
    ),
)
