"""Real databases, one for each test, and rows to write to them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.database_url import DatabaseUrl, read_database_url
from service.inference.statistics import Timing
from service.ledger.fields import FLOAT, LedgerRow
from service.ledger.reader import Reader
from service.ledger.store import Store
from service.ledger.write_buffer import RowSample
from tests.postgresql import new_database
from tests.service.conftest import METADATA

TIMING = Timing(decode=1_000, queue=2_000, compute=3_000, encode=4_000, total=10_000, batch_rows=5)


@pytest.fixture(scope="module")
def module_postgresql_url(postgresql_server: str) -> Iterator[str]:
    with new_database(postgresql_server) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """URL of an empty database; a test with this fixture runs once for each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(url: str) -> DatabaseUrl:
    return database_of(url)


@pytest.fixture
def store(database: DatabaseUrl) -> Iterator[Store]:
    """A writer whose tables are there."""
    store = Store(database)
    store.connection()
    yield store
    store.close()


@pytest.fixture
def reader(database: DatabaseUrl, store: Store) -> Iterator[Reader]:
    reader = Reader(database)
    yield reader
    reader.close()


def database_of(url: str) -> DatabaseUrl:
    database = read_database_url(url)
    assert database is not None
    return database


def floats(*values: float) -> bytes:
    return np.array(values, FLOAT).tobytes()


def ledger_row(**changes: Any) -> LedgerRow:
    """Return a row of the tiny model, labelled "b"."""
    row = LedgerRow(
        time_us=1_000_000,
        request_id="one",
        row=0,
        rows=1,
        endpoint="predict",
        model=METADATA,
        timing=TIMING,
        probabilities=floats(0.25, 0.5, 0.25),
        gate_mean=floats(0.125, 0.75),
        typicality=(0.5, 0.25, 0.125),
        gate_scale=None,
        tags=(),
        weight=1.0,
        ordinary=True,
        content=None,
    )
    return row._replace(**changes)


def sample(*rows: LedgerRow, seen: int | None = None) -> RowSample:
    """Return a sample of `seen` rows, by default of these, which have equal weights."""
    times = [row.time_us for row in rows]
    count = len(rows) if seen is None else seen
    weighted = tuple(row._replace(weight=count / len(rows)) for row in rows)
    return RowSample(min(times), max(times), count, weighted)
