"""Recorded rows as a Parquet file, written while it is sent, so that its memory is bounded."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from threading import Condition, Thread
from typing import Any

import numpy as np
from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema, list_array
from arro3.io import write_parquet

from service.ledger.fields import FIELDS, FLOAT, RecordedRow, floats

GROUP_ROWS = 16_384  # of a row group, which is held in memory
MAX_CHUNKS = 8  # of the file that are not taken yet


class ParquetWriter:
    """Writes rows as a Parquet file in a thread, as fast as its chunks are taken."""

    def __init__(
        self,
        rows: Iterable[list[RecordedRow]],
        on_change: Callable[[], object],
        on_end: Callable[[], object],
    ) -> None:
        """Call `on_change` when `take` may return more, and `on_end` at the end, in the thread."""
        self._rows = rows
        self._on_change = on_change
        self._on_end = on_end
        self._changed = Condition()
        self._chunks: deque[bytes] = deque()
        self._error: Exception | None = None
        self._written = False
        self._closed = False

    def start(self) -> None:
        """Start the thread."""
        Thread(target=self._work, name="parquet", daemon=True).start()

    def take(self) -> bytes | None:
        """Return the next chunk, None if there is none yet; raise an error of reading the rows."""
        with self._changed:
            if self._chunks:
                self._changed.notify()
                return self._chunks.popleft()
            if self._error is not None:
                raise self._error
            return None

    @property
    def complete(self) -> bool:
        """Whether all chunks have been taken."""
        return self._written and not self._chunks

    def close(self) -> None:
        """End the thread at its next chunk, and free the chunks that are not taken."""
        with self._changed:
            self._closed = True
            self._chunks.clear()
            self._changed.notify()

    def put(self, chunk: bytes) -> None:
        """Add a chunk once there is room; after `close`, drop it."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._chunks) < MAX_CHUNKS)
            if not self._closed:
                self._chunks.append(chunk)
        self._on_change()

    def _work(self) -> None:
        try:
            self._write()
            self._written = True
        except Exception as error:  # of any kind: the response must end
            self._error = self._error or error
        self._on_end()
        self._on_change()

    def _write(self) -> None:
        reader = RecordBatchReader.from_batches(SCHEMA, self._batches())
        sink: Any = _Sink(self.put)
        write_parquet(reader, sink, max_row_group_size=GROUP_ROWS, compression="zstd(1)")

    def _batches(self) -> Iterator[RecordBatch]:
        try:
            for chunk in self._rows:
                if self._closed:
                    return
                yield record_batch(chunk)
        except Exception as error:  # Arrow only keeps its message
            self._error = error
            raise


class _Sink:
    """The file that Arrow writes to; it never raises, because Arrow then aborts the process."""

    def __init__(self, put: Callable[[bytes], None]) -> None:
        self._put = put

    def write(self, chunk: bytes) -> int:
        """Pass a chunk on."""
        self._put(bytes(chunk))
        return len(chunk)

    def flush(self) -> None:
        """No-op."""

    def seek(self, *_: int) -> int:
        """Required by Arrow, which does not call it."""
        raise OSError("the file can only be written sequentially")


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
