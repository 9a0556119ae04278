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

from service.ledger.address import Address
from service.ledger.backlog import Shipment
from service.ledger.database import writing_engine
from service.ledger.entries import Gap
from service.ledger.store import Store
from service.ledger.tables import gaps, inputs, requests, tags, writers
from tests.service.ledger.conftest import address_of, batch, entry, floats


@pytest.fixture
def store(address: Address) -> Iterator[Store]:
    store = Store(address)
    yield store
    store.close()


def rows(address: Address, table: Any) -> list[dict[str, Any]]:
    order = list(table.primary_key.columns)
    with writing_engine(address).connect() as connection:
        return [dict(row._mapping) for row in connection.execute(select(table).order_by(*order))]


def count(address: Address, table: Any = requests) -> int:
    with writing_engine(address).connect() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def test_a_shipment_is_rows_tags_inputs_and_gaps(store: Store, address: Address) -> None:
    content = floats(1, 2, 3, 4)
    first = entry(tags=("a", "b"), content=content, gate_scale=floats(0, 1))
    second = entry(time_us=2_000_000, unusual=None)
    store.send(Shipment(1, batch(first, second, seen=7), (Gap(1, 2, 3, "away"),)))
    one, two = rows(address, requests)
    assert (one["sequence"], two["sequence"]) == (1, 2)
    assert (one["id"], one["time"], one["label"], one["weight"]) == ("one", 1_000_000, 1, 3.5)
    assert (one["probabilities"], one["gate_mean"]) == (first.probabilities, first.gate_mean)
    assert (one["unusual_both"], two["unusual_both"]) == (0.125, None)
    assert (one["gate_scale"], two["gate_scale"]) == (floats(0, 1), None)
    assert [
        (t["sequence"], t["tag"], t["time"], t["unusual_both"]) for t in rows(address, tags)
    ] == [
        *((1, "a", 1_000_000, 0.125), (1, "b", 1_000_000, 0.125)),
    ]
    (kept,) = rows(address, inputs)
    assert (kept["sequence"], zlib.decompress(kept["content"])) == (1, content)
    assert rows(address, gaps) == [
        {"number": 1, "began": 1, "ended": 2, "rows": 3, "reason": "away"}
    ]


def test_numbers_go_on_where_they_ended_and_over_all_writers(address: Address) -> None:
    stores = [Store(address), Store(address)]
    for number in range(1, 4):
        for each in stores:
            each.send(Shipment(number, batch(entry(), entry()), ()))
    assert [row["sequence"] for row in rows(address, requests)] == list(range(1, 13))


def test_two_writers_at_once_lose_and_double_nothing(address: Address) -> None:
    def write() -> None:
        mine = Store(address)
        for number in range(1, 21):
            mine.send(Shipment(number, batch(entry(), entry(), entry()), ()))
        mine.close()

    threads = [Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(address) == 180


def test_a_shipment_that_is_sent_again_is_not_written_again(store: Store, address: Address) -> None:
    shipment = Shipment(1, batch(entry()), (Gap(1, 2, 3, "away"),))
    store.send(shipment)
    store.drop()  # nobody heard of the commit
    store.send(shipment)
    store.send(Shipment(2, batch(entry()), ()))
    assert (count(address), count(address, gaps)) == (2, 1)


def test_a_commit_of_which_nobody_hears_is_not_done_twice(store: Store, address: Address) -> None:
    store.connection()
    lost = [True]

    def lose(connection: Connection) -> None:
        if lost and connection.get_transaction() is not None:
            connection.connection.driver_connection.commit()  # type: ignore[union-attr]
            lost.clear()
            raise OperationalError("commit", None, ConnectionError("the line is cut"))

    event.listen(store._engine, "commit", lose)
    lost.clear()
    store.send(Shipment(1, batch(entry()), ()))
    lost.append(True)
    with pytest.raises(OperationalError):
        store.send(Shipment(2, batch(entry(), entry()), ()))
    store.drop()
    store.send(Shipment(2, batch(entry(), entry()), ()))
    assert count(address) == 3


def test_a_failed_shipment_leaves_nothing_and_can_be_sent_again(
    store: Store, address: Address
) -> None:
    wrong = batch(entry(), entry(time_us=2**63))
    with pytest.raises((DataError, OverflowError)):
        store.send(Shipment(1, wrong, ()))
    store.drop()
    assert count(address) == 0
    store.send(Shipment(1, batch(entry()), ()))
    assert count(address) == 1


def test_a_writer_that_was_forgotten_registers_again(store: Store, address: Address) -> None:
    store.send(Shipment(1, batch(entry()), ()))
    with writing_engine(address).connect() as connection, connection.begin():
        connection.execute(text("DELETE FROM ledger_writers"))
    with pytest.raises(OperationalError):
        store.send(Shipment(2, batch(entry()), ()))
    store.drop()
    store.send(Shipment(2, batch(entry()), ()))
    assert count(address) == 2


def test_one_of_all_writers_leads_and_another_takes_over(address: Address) -> None:
    stores = [Store(address) for _ in range(3)]
    for each in stores:
        each.connection()
    leaders = [each for each in stores if each.leads()]
    assert len(leaders) == 1
    leaders[0].close()
    assert sum(each.leads() for each in stores if each is not leaders[0]) == 1
    for each in stores:
        each.close()
    assert count(address, writers) == 0


def test_a_writer_that_is_gone_and_whose_clock_was_ahead_does_not_lead(address: Address) -> None:
    store = Store(address)
    connection = store.connection()
    for ahead in (600, 400 * 86_400):
        with connection.begin():
            other = {"id": f"0-{ahead}", "shipment": 0, "time": int(time.time() + ahead) * 10**6}
            connection.execute(insert(writers).values(other))
        assert store.leads()
    store.close()


def test_a_file_that_was_taken_away_is_made_anew(tmp_path: Path) -> None:
    address = address_of(f"sqlite:///{tmp_path}/ledger.db")
    store = Store(address)
    store.send(Shipment(1, batch(entry()), ()))
    os.rename(tmp_path / "ledger.db", tmp_path / "old.db")
    for rest in ("-wal", "-shm"):
        (tmp_path / f"ledger.db{rest}").unlink(missing_ok=True)
    store.send(Shipment(2, batch(entry(), entry()), ()))
    assert count(address) == 2
    store.close()
