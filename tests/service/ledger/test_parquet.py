import io
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from threading import enumerate as threads
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.errors import LedgerAwayError
from service.ledger import parquet as writing
from service.ledger.backlog import Shipment
from service.ledger.filters import Filters
from service.ledger.parquet import parquet
from service.ledger.reader import Reader, Recorded
from service.ledger.store import Store
from tests.service.ledger.conftest import address_of, batch, entry, floats

MICROSECONDS = 1_767_225_600_000_007  # 2026-01-01 and a little


@pytest.fixture
def recorded(sqlite_url: str) -> list[Recorded]:
    address = address_of(sqlite_url)
    store, reader = Store(address), Reader(address)
    first = entry(time_us=MICROSECONDS, tags=("a", "b"), gate_scale=floats(0, 1))
    store.send(Shipment(1, batch(first, entry(row=1, unusual=None), seen=5), ()))
    rows = reader.page(Filters()).rows
    store.close()
    reader.close()
    return rows


def read(pieces: Iterator[bytes]) -> Any:
    return pq.read_table(io.BytesIO(b"".join(pieces)))


def test_columns_have_the_types_that_a_data_frame_keeps(recorded: list[Recorded]) -> None:
    schema = read(parquet([recorded])).schema
    floats_ = pa.list_(pa.field("item", pa.float32(), nullable=False))
    assert schema.field("time").type == pa.timestamp("us", tz="UTC")
    assert schema.field("probabilities").type == floats_
    assert schema.field("gate_mean").type == floats_
    assert schema.field("tags").type.value_type == pa.string()
    assert schema.field("unusual_both").type == pa.float64()
    assert schema.field("total_us").type == pa.int32()


def test_rows_come_back_as_they_were(recorded: list[Recorded]) -> None:
    first, second = read(parquet([recorded])).to_pylist()
    assert first == {
        "id": "one",
        "row": 0,
        "rows": 1,
        "time": datetime(2026, 1, 1, 0, 0, 0, 7, UTC),
        "door": "predict",
        "model_name": "tiny",
        "model_version": "1",
        "label": "b",
        "probabilities": [0.25, 0.5, 0.25],
        "gate_mean": [0.125, 0.75],
        "unusual_gates": 0.5,
        "unusual_confidence": 0.25,
        "unusual_both": 0.125,
        "decode_us": 1,
        "queue_us": 2,
        "model_us": 3,
        "encode_us": 4,
        "total_us": 10,
        "batch_rows": 5,
        "weight": 2.5,
        "gate_scale": [0.0, 1.0],
        "tags": ["a", "b"],
    }
    assert (second["gate_scale"], second["tags"], second["unusual_both"]) == (None, [], None)


def test_nothing_is_a_file_without_rows() -> None:
    assert read(parquet([[]])).num_rows == 0


def test_it_is_written_group_by_group_as_it_is_read(
    recorded: list[Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "GROUP_ROWS", 100)
    asked: list[int] = []

    def chunks() -> Iterator[list[Recorded]]:
        for number in range(1000):
            asked.append(number)
            yield recorded * 50

    pieces = parquet(chunks())
    begun = [next(pieces), next(pieces)]
    time.sleep(0.2)
    assert len(asked) < 100  # the others wait for the client
    table = pq.ParquetFile(io.BytesIO(b"".join([*begun, *pieces])))
    assert (table.num_row_groups, table.metadata.num_rows) == (1000, 100_000)


def test_an_error_among_the_chunks_is_the_readers() -> None:
    def chunks() -> Iterator[list[Recorded]]:
        yield []
        raise LedgerAwayError("ledger: away")

    with pytest.raises(LedgerAwayError, match=r"^ledger: away$"):
        list(parquet(chunks()))


def test_a_client_that_reads_on_after_it_was_given_up_gets_an_end(
    recorded: list[Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "GROUP_ROWS", 2)
    monkeypatch.setattr(writing, "STALLED_SECONDS", 0.1)
    pieces = parquet([recorded] * 1000)
    next(pieces)
    time.sleep(0.5)
    with pytest.raises(BrokenPipeError, match=r"^its client has stopped reading$"):
        list(pieces)


def test_a_client_that_leaves_ends_the_writing(
    recorded: list[Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "GROUP_ROWS", 2)
    monkeypatch.setattr(writing, "STALLED_SECONDS", 0.2)

    def chunks() -> Iterator[list[Recorded]]:
        while True:
            yield recorded

    pieces = parquet(chunks())
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    end = time.monotonic() + 5
    while any(thread.name == "parquet" for thread in threads()):
        assert time.monotonic() < end
        time.sleep(0.01)
