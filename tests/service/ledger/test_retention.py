import zlib
from dataclasses import replace
from itertools import count
from time import time_ns
from typing import Any

import pytest
from sqlalchemy import func, select

from service.database_url import DatabaseUrl
from service.ledger import retention as retention_module
from service.ledger.database import writing_engine
from service.ledger.retention import (
    CHUNK_ROWS,
    DAY_US,
    IDLE_SECONDS,
    SHARE,
    Retention,
    RetentionLimits,
    delete_expired,
)
from service.ledger.store import Store
from service.ledger.stored_inputs import input_bytes
from service.ledger.tables import gaps, inputs, requests, tags
from service.ledger.write_buffer import Gap, WriteBatch
from tests.service.ledger.conftest import database_of, floats, ledger_row, sample

NOW = time_ns() // 1000
NONE = RetentionLimits(days=36_500, rows=10**12, input_days=36_500, input_bytes=10**12)


def fill(database: DatabaseUrl, *ages_days: float) -> None:
    """Write rows of these ages, each with a tag and an input."""
    store = Store(database)
    rows = [
        ledger_row(time_us=NOW - round(age * DAY_US), tags=("a",), content=floats(1))
        for age in ages_days
    ]
    store.send(WriteBatch(1, sample(*rows), ()))
    store.close()


def remaining(database: DatabaseUrl) -> list[int]:
    """Return the numbers of the rows, which tags and inputs must share."""
    with writing_engine(database).begin() as connection:
        numbers = [
            list(connection.scalars(select(table.c.sequence).order_by(table.c.sequence)))
            for table in (requests, tags, inputs)
        ]
    assert numbers[0] == numbers[1] == numbers[2]
    return numbers[0]


def expire(database: DatabaseUrl, **limits: Any) -> bool:
    with writing_engine(database).connect() as connection:
        return delete_expired(connection, replace(NONE, **limits))


def test_old_rows_are_deleted_with_their_tags_and_inputs(database: DatabaseUrl) -> None:
    fill(database, 31, 1, 29, 40, 0)
    assert not expire(database, days=30)
    assert remaining(database) == [2, 3, 5]


def test_beyond_the_maximum_number_the_first_rows_are_deleted(database: DatabaseUrl) -> None:
    fill(database, 0, 9, 3, 1)
    assert not expire(database, rows=3)
    assert remaining(database) == [2, 3, 4]
    assert not expire(database, rows=3)
    assert remaining(database) == [2, 3, 4]


def test_rows_are_deleted_in_chunks(database: DatabaseUrl) -> None:
    fill(database, *([40.0] * (CHUNK_ROWS + 10)), 0)
    assert expire(database, days=30)
    assert len(remaining(database)) == 11
    assert not expire(database, days=30)
    assert remaining(database) == [CHUNK_ROWS + 11]


def with_input(database: DatabaseUrl) -> list[int]:
    """Return the numbers of the rows whose input is stored."""
    with writing_engine(database).begin() as connection:
        return list(connection.scalars(select(inputs.c.sequence).order_by(inputs.c.sequence)))


def test_inputs_may_be_kept_for_a_shorter_time_than_their_rows(database: DatabaseUrl) -> None:
    fill(database, 9, 1, 40, 8, 0)
    assert not expire(database, days=30, input_days=7)
    assert with_input(database) == [2, 5]
    with writing_engine(database).begin() as connection:
        assert connection.scalar(select(func.count()).select_from(requests)) == 4


def test_beyond_their_size_the_oldest_inputs_are_deleted(database: DatabaseUrl) -> None:
    fill(database, 1, 3, 0, 2)
    with writing_engine(database).begin() as connection:
        size = input_bytes(connection)
    assert not expire(database, input_bytes=size // 2)
    assert with_input(database) == [1, 3]


def test_after_a_write_batch_the_inputs_do_not_exceed_their_size(database: DatabaseUrl) -> None:
    store = Store(database)
    retention = Retention(store, replace(NONE, input_bytes=200))
    for number in range(1, 6):
        rows = [ledger_row(time_us=NOW + number, content=floats(*range(9))) for _ in range(4)]
        store.send(WriteBatch(number, sample(*rows), ()))
        retention.limit_inputs()
        with writing_engine(database).begin() as connection:
            assert input_bytes(connection) <= 200
    assert with_input(database)[-1] == 20
    assert len(with_input(database)) == 200 // len(zlib.compress(floats(*range(9))))
    store.close()


def test_gaps_are_deleted_at_the_age_of_rows(database: DatabaseUrl) -> None:
    store = Store(database)
    old = NOW - 31 * DAY_US
    store.send(WriteBatch(1, None, (Gap(old, old, 1, "old"), Gap(old, NOW, 1, "young"))))
    store.close()
    expire(database, days=30)
    with writing_engine(database).begin() as connection:
        assert list(connection.scalars(select(gaps.c.reason))) == ["young"]


def test_an_empty_ledger_has_nothing_to_delete(database: DatabaseUrl) -> None:
    store = Store(database)
    store.connection()
    store.close()
    assert not expire(database, rows=1)
    with writing_engine(database).begin() as connection:
        assert connection.scalar(select(func.count()).select_from(requests)) == 0


def test_chunks_are_deleted_with_pauses_between(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = count(1)  # each reading of the clock takes a second, and so does a chunk
    monkeypatch.setattr(retention_module, "monotonic", lambda: float(next(ticks)))
    database = database_of(sqlite_url)
    fill(database, *([40.0] * (2 * CHUNK_ROWS + 1)), 0)
    store = Store(database)
    retention = Retention(store, replace(NONE, days=30))
    retention.step()  # ends at 3, and the next chunk is due at 2 + 1 / SHARE
    assert retention.due_seconds == pytest.approx(1 / SHARE - 2)
    assert len(remaining(database)) == CHUNK_ROWS + 2
    retention.step()  # too early
    assert len(remaining(database)) == CHUNK_ROWS + 2
    for _ in range(6):
        retention.step()
    assert remaining(database) == [2 * CHUNK_ROWS + 2]
    assert 0 < retention.due_seconds < IDLE_SECONDS
    store.close()


def test_only_the_leader_deletes(sqlite_url: str) -> None:
    database = database_of(sqlite_url)
    fill(database, 40, 0)
    stores = [Store(database), Store(database)]
    for store in stores:
        store.connection()
    follower = next(store for store in stores if not store.heartbeat())
    Retention(follower, replace(NONE, days=30)).step()
    assert remaining(database) == [1, 2]
    follower.send(WriteBatch(1, sample(ledger_row()), ()))
    for store in stores:
        store.close()
