from time import time_ns

from sqlalchemy import func, select

from service.ledger.address import Address
from service.ledger.backlog import Shipment
from service.ledger.database import writing_engine
from service.ledger.entries import Gap
from service.ledger.retention import CHUNK_ROWS, DAY_US, Retention
from service.ledger.store import Store
from service.ledger.tables import gaps, inputs, requests, tags
from tests.service.ledger.conftest import batch, entry, floats

NOW = time_ns() // 1000
EVER = 10**12


def fill(address: Address, *ages_days: float) -> None:
    """Put in rows of these ages, each with a tag and an input."""
    store = Store(address)
    entries = [
        entry(time_us=NOW - round(age * DAY_US), tags=("a",), content=floats(1))
        for age in ages_days
    ]
    store.send(Shipment(1, batch(*entries), ()))
    store.close()


def left(address: Address) -> list[int]:
    """Return the rows that are left, after seeing that tags and inputs are theirs."""
    with writing_engine(address).begin() as connection:
        numbers = [
            list(connection.scalars(select(table.c.sequence).order_by(table.c.sequence)))
            for table in (requests, tags, inputs)
        ]
    assert numbers[0] == numbers[1] == numbers[2]
    return numbers[0]


def expire(address: Address, *, days: float = 36_500, rows: int = EVER) -> bool:
    with writing_engine(address).connect() as connection:
        return Retention(days=days, rows=rows).expire(connection)


def test_old_rows_go_with_their_tags_and_inputs(address: Address) -> None:
    fill(address, 31, 1, 29, 40, 0)
    assert not expire(address, days=30)
    assert left(address) == [2, 3, 5]


def test_beyond_a_number_of_rows_those_written_first_go(address: Address) -> None:
    fill(address, 0, 9, 3, 1)
    assert not expire(address, rows=3)
    assert left(address) == [2, 3, 4]
    assert not expire(address, rows=3)
    assert left(address) == [2, 3, 4]


def test_a_chunk_goes_at_a_time(address: Address) -> None:
    fill(address, *([40.0] * (CHUNK_ROWS + 10)), 0)
    assert expire(address, days=30)
    assert len(left(address)) == 11
    assert not expire(address, days=30)
    assert left(address) == [CHUNK_ROWS + 11]


def test_gaps_go_when_rows_of_their_time_have_gone(address: Address) -> None:
    store = Store(address)
    old = NOW - 31 * DAY_US
    store.send(Shipment(1, None, (Gap(old, old, 1, "old"), Gap(old, NOW, 1, "young"))))
    store.close()
    expire(address, days=30)
    with writing_engine(address).begin() as connection:
        assert list(connection.scalars(select(gaps.c.reason))) == ["young"]


def test_an_empty_ledger_has_nothing_to_lose(address: Address) -> None:
    store = Store(address)
    store.connection()
    store.close()
    assert not expire(address, rows=1)
    with writing_engine(address).begin() as connection:
        assert connection.scalar(select(func.count()).select_from(requests)) == 0
