"""Recorded rows as a Parquet file, written while it is sent, so that its memory is bounded."""

from collections.abc import Callable, Iterable, Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import Any

import numpy as np
from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema, list_array
from arro3.io import write_parquet

from service.ledger.fields import FIELDS, FLOAT, RecordedRow, floats

GROUP_ROWS = 16_384  # of a row group, which is held in memory
MAX_CHUNKS = 8  # of the file that the client has not read yet
STALLED_SECONDS = 60.0  # after which a client that does not read is disconnected

Chunk = bytes | Exception | None  # None is the end


def parquet(rows: Iterable[list[RecordedRow]]) -> Iterator[bytes]:
    """Yield the file in chunks; an error raised by `rows` is raised here."""
    sink = _Sink()
    Thread(target=_write, args=(rows, sink), name="parquet", daemon=True).start()
    try:
        while (chunk := sink.chunks.get()) is not None:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk
    finally:
        sink.closed.set()


class _Sink:
    """The file that Arrow writes to; it never raises, because Arrow then aborts the process."""

    def __init__(self) -> None:
        self.chunks: Queue[Chunk] = Queue(MAX_CHUNKS)
        self.closed = Event()  # set when the client has disconnected

    def write(self, chunk: bytes) -> int:
        """Pass a chunk on, as fast as the client reads."""
        self.put(bytes(chunk))
        return len(chunk)

    def put(self, chunk: Chunk) -> None:
        """Wait for the client, unless it has disconnected."""
        if not self.closed.is_set():
            try:
                self.chunks.put(chunk, timeout=STALLED_SECONDS)
            except Full:
                self.closed.set()
                self.chunks.get_nowait()  # this is the only producer: the error now fits
                self.chunks.put_nowait(BrokenPipeError("the client has stopped reading"))

    def flush(self) -> None:
        """No-op."""

    def seek(self, *_: int) -> int:
        """Required by Arrow, which does not call it."""
        raise OSError("the file can only be written sequentially")


def _write(rows: Iterable[list[RecordedRow]], sink: _Sink) -> None:
    errors: list[Exception] = []

    def batches() -> Iterator[RecordBatch]:
        try:
            for chunk in rows:
                if sink.closed.is_set():
                    return
                yield record_batch(chunk)
        except Exception as error:  # Arrow only keeps its message
            errors.append(error)
            raise

    try:
        reader = RecordBatchReader.from_batches(SCHEMA, batches())
        write_parquet(reader, sink, max_row_group_size=GROUP_ROWS, compression="zstd(1)")  # type: ignore[arg-type]
    except Exception as error:
        sink.put(errors[0] if errors else error)
    else:
        sink.put(None)


def record_batch(rows: list[RecordedRow]) -> RecordBatch:
    """Return rows as a record batch with the columns of `SCHEMA`."""
    columns = [
        _ARRAYS.get(kind, Array)(list(map(read, rows)), _TYPES[kind]) for _, kind, read in _COLUMNS
    ]
    return RecordBatch.from_arrays(columns, schema=SCHEMA)


def _times(values: list[int], kind: DataType) -> Array:
    return Array(values, DataType.int64()).cast(kind)


def _string_lists(values: list[list[str]], kind: DataType) -> Array:
    items = Array([item for items in values for item in items], DataType.utf8())
    return list_array(_offsets(map(len, values)), items, type=kind)


def _float_lists(values: list[bytes | None], kind: DataType) -> Array:
    missing = Array.from_numpy(np.array([value is None for value in values], bool))
    lengths = (len(value or b"") // FLOAT.itemsize for value in values)
    items = floats(b"".join(value or b"" for value in values)).astype(np.float32)
    return list_array(_offsets(lengths), Array.from_numpy(items), type=kind, mask=missing)


def _offsets(lengths: Iterable[int]) -> Array:
    return Array.from_numpy(np.cumsum([0, *lengths], dtype=np.int32))


_TYPES = {
    "utf8": DataType.utf8(),
    "int32": DataType.int32(),
    "float64": DataType.float64(),
    "timestamp": DataType.timestamp("us", tz="UTC"),
    "floats": DataType.list(Field("item", DataType.float32(), nullable=False)),
    "strings": DataType.list(Field("item", DataType.utf8(), nullable=False)),
}
_ARRAYS: dict[str, Callable[[Any, DataType], Array]] = {
    "timestamp": _times,
    "floats": _float_lists,
    "strings": _string_lists,
}
_COLUMNS = [(field.name, field.kind.arrow, field.reader) for field in FIELDS if field.exported]
SCHEMA = Schema([Field(name, _TYPES[kind]) for name, kind, _ in _COLUMNS])
