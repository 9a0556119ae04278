import io
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from threading import Event
from threading import enumerate as threads
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.errors import LedgerUnavailableError
from service.ledger import parquet as writing
from service.ledger.fields import RecordedRow
from service.ledger.filters import PageFilters
from service.ledger.parquet import ParquetWriter
from service.ledger.reader import Reader
from service.ledger.store import Store
from service.ledger.write_buffer import WriteBatch
from tests.service.ledger.conftest import database_of, floats, ledger_row, sample

TIME_US = 1_767_225_600_000_007  # 2026-01-01, and 7 µs


@pytest.fixture
def recorded(sqlite_url: str) -> list[RecordedRow]:
    database = database_of(sqlite_url)
    store, reader = Store(database), Reader(database)
    first = ledger_row(time_us=TIME_US, tags=("a", "b"), gate_scale=floats(0, 1))
    store.send(WriteBatch(1, sample(first, ledger_row(row=1, typicality=None), seen=5), ()))
    rows = reader.page(PageFilters()).rows
    store.close()
    reader.close()
    return rows


def parquet(rows: Iterable[list[RecordedRow]]) -> Iterator[bytes]:
    """Yield the chunks of a file."""
    changed = Event()
    writer = ParquetWriter(rows, changed.set, lambda: None)
    writer.start()
    try:
        while not writer.complete:
            changed.clear()
            if (chunk := writer.take()) is not None:
                yield chunk
            elif not writer.complete:
                assert changed.wait(5)
    finally:
        writer.close()


def read(pieces: Iterator[bytes]) -> Any:
    return pq.read_table(io.BytesIO(b"".join(pieces)))


def test_columns_have_types_that_data_frames_support(recorded: list[RecordedRow]) -> None:
    schema = read(parquet([recorded])).schema
    float_list = pa.list_(pa.field("item", pa.float32(), nullable=False))
    assert schema.field("time").type == pa.timestamp("us", tz="UTC")
    assert schema.field("probabilities").type == float_list
    assert schema.field("gate_mean").type == float_list
    assert schema.field("tags").type.value_type == pa.string()
    assert schema.field("typicality_combined").type == pa.float64()
    assert schema.field("total_us").type == pa.int32()


def test_rows_are_exported_unchanged(recorded: list[RecordedRow]) -> None:
    first, second = read(parquet([recorded])).to_pylist()
    assert first == {
        "id": "one",
        "row": 0,
        "rows": 1,
        "time": datetime(2026, 1, 1, 0, 0, 0, 7, UTC),
        "endpoint": "predict",
        "model_name": "tiny",
        "model_version": "1",
        "label": "b",
        "probabilities": [0.25, 0.5, 0.25],
        "gate_mean": [0.125, 0.75],
        "typicality_gates": 0.5,
        "typicality_confidence": 0.25,
        "typicality_combined": 0.125,
        "decode_us": 1,
        "queue_us": 2,
        "compute_us": 3,
        "encode_us": 4,
        "total_us": 10,
        "batch_rows": 5,
        "weight": 2.5,
        "gate_scale": [0.0, 1.0],
        "tags": ["a", "b"],
    }
    assert (second["gate_scale"], second["tags"], second["typicality_combined"]) == (None, [], None)


def test_a_file_without_rows_is_valid() -> None:
    assert read(parquet([[]])).num_rows == 0


def test_row_groups_are_written_as_the_client_reads(
    recorded: list[RecordedRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "GROUP_ROWS", 100)
    read_chunks: list[int] = []

    def chunks() -> Iterator[list[RecordedRow]]:
        for number in range(1000):
            read_chunks.append(number)
            yield recorded * 50

    pieces = parquet(chunks())
    begun = [next(pieces), next(pieces)]
    time.sleep(0.2)
    assert len(read_chunks) < 100  # the rest waits for the client
    table = pq.ParquetFile(io.BytesIO(b"".join([*begun, *pieces])))
    assert (table.num_row_groups, table.metadata.num_rows) == (1000, 100_000)


def test_an_error_while_reading_rows_is_raised() -> None:
    def chunks() -> Iterator[list[RecordedRow]]:
        yield []
        raise LedgerUnavailableError("ledger: unavailable")

    with pytest.raises(LedgerUnavailableError, match=r"^ledger: unavailable$"):
        list(parquet(chunks()))


def test_a_disconnected_client_ends_the_writing(
    recorded: list[RecordedRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "GROUP_ROWS", 2)

    def chunks() -> Iterator[list[RecordedRow]]:
        while True:
            yield recorded

    pieces = parquet(chunks())
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    end = time.monotonic() + 5
    while any(thread.name == "parquet" for thread in threads()):
        assert time.monotonic() < end
        time.sleep(0.01)
