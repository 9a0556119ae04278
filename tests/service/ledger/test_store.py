import os
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Connection, event, func, insert, select, text
from sqlalchemy.exc import DataError, OperationalError

from service.database_url import DatabaseUrl
from service.ledger.database import writing_engine
from service.ledger.schema import migrate
from service.ledger.store import Store, insert_rows
from service.ledger.tables import gaps, inputs, requests, tags, writers
from service.ledger.write_buffer import Gap, WriteBatch
from tests.service.ledger.conftest import database_of, floats, ledger_row, sample


@pytest.fixture
def store(database: DatabaseUrl) -> Iterator[Store]:
    store = Store(database)
    yield store
    store.close()


def rows(database: DatabaseUrl, table: Any) -> list[dict[str, Any]]:
    order = list(table.primary_key.columns)
    with writing_engine(database).connect() as connection:
        return [dict(row._mapping) for row in connection.execute(select(table).order_by(*order))]


def count(database: DatabaseUrl, table: Any = requests) -> int:
    with writing_engine(database).connect() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def test_a_write_batch_is_rows_tags_inputs_and_gaps(store: Store, database: DatabaseUrl) -> None:
    content = floats(1, 2, 3, 4)
    first = ledger_row(tags=("a", "b"), content=content, gate_scale=floats(0, 1))
    second = ledger_row(time_us=2_000_000, typicality=None)
    store.send(WriteBatch(1, sample(first, second, seen=7), (Gap(1, 2, 3, "unavailable"),)))
    one, two = rows(database, requests)
    assert (one["sequence"], two["sequence"]) == (1, 2)
    assert (one["id"], one["time"], one["label"], one["weight"]) == ("one", 1_000_000, 1, 3.5)
    assert (one["probabilities"], one["gate_mean"]) == (first.probabilities, first.gate_mean)
    assert (one["typicality_combined"], two["typicality_combined"]) == (0.125, None)
    assert (one["gate_scale"], two["gate_scale"]) == (floats(0, 1), None)
    assert [
        (t["sequence"], t["tag"], t["time"], t["typicality_combined"]) for t in rows(database, tags)
    ] == [
        *((1, "a", 1_000_000, 0.125), (1, "b", 1_000_000, 0.125)),
    ]
    (stored,) = rows(database, inputs)
    assert (stored["sequence"], zlib.decompress(stored["content"])) == (1, content)
    assert rows(database, gaps) == [
        {"number": 1, "began": 1, "ended": 2, "rows": 3, "reason": "unavailable"}
    ]


def test_numbers_continue_over_all_writers(database: DatabaseUrl) -> None:
    stores = [Store(database), Store(database)]
    for number in range(1, 4):
        for store in stores:
            store.send(WriteBatch(number, sample(ledger_row(), ledger_row()), ()))
    assert [row["sequence"] for row in rows(database, requests)] == list(range(1, 13))


def test_writers_at_the_same_time_write_each_row_once(database: DatabaseUrl) -> None:
    def write() -> None:
        store = Store(database)
        for number in range(1, 21):
            store.send(WriteBatch(number, sample(ledger_row(), ledger_row(), ledger_row()), ()))
        store.close()

    threads = [Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(database) == 180


def test_a_write_batch_that_is_sent_again_is_not_written_again(
    store: Store, database: DatabaseUrl
) -> None:
    write_batch = WriteBatch(1, sample(ledger_row()), (Gap(1, 2, 3, "unavailable"),))
    store.send(write_batch)
    store.drop()  # as if the commit was not confirmed
    store.send(write_batch)
    store.send(WriteBatch(2, sample(ledger_row()), ()))
    assert (count(database), count(database, gaps)) == (2, 1)


def test_a_commit_without_confirmation_is_not_repeated(store: Store, database: DatabaseUrl) -> None:
    store.connection()
    losing = [True]

    def lose(connection: Connection) -> None:
        if losing and connection.get_transaction() is not None:
            connection.connection.driver_connection.commit()  # type: ignore[union-attr]
            losing.clear()
            raise OperationalError("commit", None, ConnectionError("the connection is lost"))

    event.listen(store._engine, "commit", lose)
    losing.clear()
    store.send(WriteBatch(1, sample(ledger_row()), ()))
    losing.append(True)
    with pytest.raises(OperationalError):
        store.send(WriteBatch(2, sample(ledger_row(), ledger_row()), ()))
    store.drop()
    store.send(WriteBatch(2, sample(ledger_row(), ledger_row()), ()))
    assert count(database) == 3


def test_a_failed_write_batch_changes_nothing_and_can_be_sent_again(
    store: Store, database: DatabaseUrl
) -> None:
    wrong = sample(ledger_row(), ledger_row(time_us=2**63))
    with pytest.raises((DataError, OverflowError)):
        store.send(WriteBatch(1, wrong, ()))
    store.drop()
    assert count(database) == 0
    store.send(WriteBatch(1, sample(ledger_row()), ()))
    assert count(database) == 1


def test_a_writer_that_was_deleted_registers_again(store: Store, database: DatabaseUrl) -> None:
    store.send(WriteBatch(1, sample(ledger_row()), ()))
    with writing_engine(database).connect() as connection, connection.begin():
        connection.execute(text("DELETE FROM ledger_writers"))
    with pytest.raises(OperationalError):
        store.send(WriteBatch(2, sample(ledger_row()), ()))
    store.drop()
    store.send(WriteBatch(2, sample(ledger_row()), ()))
    assert count(database) == 2


def test_one_writer_leads_and_another_takes_over(database: DatabaseUrl) -> None:
    stores = [Store(database) for _ in range(3)]
    for store in stores:
        store.connection()
    leaders = [store for store in stores if store.heartbeat()]
    assert len(leaders) == 1
    leaders[0].close()
    assert sum(store.heartbeat() for store in stores if store is not leaders[0]) == 1
    for store in stores:
        store.close()
    assert count(database, writers) == 0


def test_an_ended_writer_whose_clock_was_ahead_does_not_lead(
    database: DatabaseUrl,
) -> None:
    store = Store(database)
    connection = store.connection()
    for ahead in (600, 400 * 86_400):
        with connection.begin():
            other = {"id": f"0-{ahead}", "write_batch": 0, "time": int(time.time() + ahead) * 10**6}
            connection.execute(insert(writers).values(other))
        assert store.heartbeat()
    store.close()


def test_a_file_that_was_moved_is_created_again(tmp_path: Path) -> None:
    database = database_of(f"sqlite:///{tmp_path}/ledger.db")
    store = Store(database)
    store.send(WriteBatch(1, sample(ledger_row()), ()))
    os.rename(tmp_path / "ledger.db", tmp_path / "old.db")
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"ledger.db{suffix}").unlink(missing_ok=True)
    store.send(WriteBatch(2, sample(ledger_row(), ledger_row()), ()))
    assert count(database) == 2
    store.close()


@pytest.mark.parametrize("count", [0, 1, 300, 20_000])
def test_rows_are_inserted_by_few_statements(database: DatabaseUrl, count: int) -> None:
    contents = [(number, 5, bytes([number % 256, 0])) for number in range(count)]
    with writing_engine(database).connect() as connection:
        migrate(connection)
        insert_rows(connection, inputs, ("sequence", "time", "content"), contents)
        stored = connection.execute(select(inputs).order_by(inputs.c.sequence))
        assert [tuple(row) for row in stored] == contents


def test_values_are_never_part_of_a_statement(database: DatabaseUrl) -> None:
    row = (1, "x'); DROP TABLE ledger_tags; --{}", 5, None)
    with writing_engine(database).connect() as connection:
        migrate(connection)
        insert_rows(connection, tags, ("sequence", "tag", "time", "typicality_combined"), [row])
        assert [tuple(stored) for stored in connection.execute(select(tags))] == [row]
