"""Real databases, each test with one of its own, and entries to put into them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np
import psycopg
import pytest

from service.inference.statistics import Timing
from service.ledger.address import Address, read_address
from service.ledger.entries import FLOAT, Batch, Entry
from tests.service.conftest import METADATA

SERVER = "postgresql://postgres@127.0.0.1:5432"
TIMING = Timing(decode=1_000, queue=2_000, model=3_000, encode=4_000, total=10_000, batch_rows=5)


@contextmanager
def postgresql() -> Iterator[str]:
    """Make a database of the server, and give its URL."""
    name = f"ledger_{os.getpid()}_{token_hex(4)}"
    with psycopg.connect(f"{SERVER}/test", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield f"{SERVER}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture(scope="module")
def module_postgresql_url() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database; a test that asks for it runs once for each kind."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
def address(url: str) -> Address:
    return address_of(url)


def address_of(url: str) -> Address:
    found = read_address(url)
    assert found is not None
    return found


def floats(*values: float) -> bytes:
    return np.array(values, FLOAT).tobytes()


def entry(**changes: Any) -> Entry:
    """A row of the tiny model, labelled "b"."""
    plain = Entry(
        time_us=1_000_000,
        request_id="one",
        row=0,
        rows=1,
        door="predict",
        model=METADATA,
        timing=TIMING,
        probabilities=floats(0.25, 0.5, 0.25),
        gate_mean=floats(0.125, 0.75),
        unusual=(0.5, 0.25, 0.125),
        gate_scale=None,
        tags=(),
        content=None,
    )
    return plain._replace(**changes)


def batch(*entries: Entry, seen: int | None = None) -> Batch:
    times = [each.time_us for each in entries]
    return Batch(min(times), max(times), len(entries) if seen is None else seen, entries)
