import time

import pytest

from service.ledger.address import Address
from service.ledger.backlog import Shipment
from service.ledger.clearing import IDLE_SECONDS, SHARE, Clearing
from service.ledger.retention import CHUNK_ROWS
from service.ledger.store import Store
from tests.service.ledger.conftest import address_of, batch, entry
from tests.service.ledger.test_retention import fill, left


@pytest.fixture
def address(sqlite_url: str) -> Address:
    return address_of(sqlite_url)


def test_chunk_after_chunk_goes_with_rests_between(address: Address) -> None:
    fill(address, *([40.0] * (2 * CHUNK_ROWS + 1)), 0)
    store = Store(address)
    clearing = Clearing(store, days=30, rows=10**6)
    began = time.monotonic()
    clearing.step()
    took = time.monotonic() - began
    assert len(left(address)) == CHUNK_ROWS + 2
    clearing.step()  # too early
    assert len(left(address)) == CHUNK_ROWS + 2
    assert 0 < clearing.due_seconds < took / SHARE
    for _ in range(2):
        time.sleep(clearing.due_seconds)
        clearing.step()
    assert left(address) == [2 * CHUNK_ROWS + 2]
    assert IDLE_SECONDS - 5 < clearing.due_seconds <= IDLE_SECONDS
    store.close()


def test_who_does_not_lead_deletes_nothing(address: Address) -> None:
    fill(address, 40, 0)
    stores = [Store(address), Store(address)]
    for store in stores:
        store.connection()
    follower = next(store for store in stores if not store.leads())
    Clearing(follower, days=30, rows=10**6).step()
    assert left(address) == [1, 2]
    follower.send(Shipment(1, batch(entry()), ()))
    for store in stores:
        store.close()
