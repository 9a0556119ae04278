"""Deletes rows beyond the maximum age or number, in small chunks that block no other writer."""

from collections.abc import Sequence
from time import monotonic, time_ns

from sqlalchemy import Connection, delete, func, select

from service.ledger.database import time_limit
from service.ledger.store import Store
from service.ledger.tables import gaps, inputs, requests, tags

CHUNK_ROWS = 500
SHARE = 0.3  # of the writer's time
IDLE_SECONDS = 60.0  # between checks if nothing is left to delete
DAY_US = 86_400 * 1_000_000


class Retention:
    """Deletes expired rows at intervals; only the leader of all writers does."""

    def __init__(self, store: Store, *, days: float, rows: int) -> None:
        """Keep rows and gaps for `days`, and about the newest `rows` rows."""
        self._store = store
        self._days, self._rows = days, rows
        self._next_check = self._next_chunk = 0.0
        self._leads = False

    @property
    def due_seconds(self) -> float:
        """Seconds until the next step."""
        return max(0.0, min(self._next_check, self._next_chunk) - monotonic())

    def step(self) -> None:
        """Delete a chunk if a step is due."""
        began = monotonic()
        if began >= self._next_check:
            self._leads = self._store.heartbeat()
            self._next_check = began + IDLE_SECONDS
        elif began < self._next_chunk:
            return
        self._next_chunk = self._next_check
        if self._leads:
            began = monotonic()
            if delete_expired(self._store.connection(), days=self._days, rows=self._rows):
                self._next_chunk = began + (monotonic() - began) / SHARE


def delete_expired(connection: Connection, *, days: float, rows: int) -> bool:
    """Delete a chunk of rows in one transaction; return whether there are more."""
    with time_limit(connection), connection.begin():
        oldest_us = time_ns() // 1000 - round(days * DAY_US)
        connection.execute(delete(gaps).where(gaps.c.ended < oldest_us))
        expired = _older_than(connection, oldest_us) or _beyond(connection, rows)
        for table in (inputs, tags, requests):
            if expired:
                connection.execute(delete(table).where(table.c.sequence.in_(expired)))
        return len(expired) == CHUNK_ROWS


def _older_than(connection: Connection, oldest_us: int) -> Sequence[int]:
    time = requests.c.time
    chosen = select(requests.c.sequence).where(time < oldest_us).order_by(time)
    return connection.scalars(chosen.limit(CHUNK_ROWS)).all()


def _beyond(connection: Connection, rows: int) -> Sequence[int]:
    # Numbers instead of a count, which would read the whole table; they have few gaps.
    newest = connection.scalar(select(func.max(requests.c.sequence))) or 0
    number = requests.c.sequence
    chosen = select(number).where(number <= newest - rows).order_by(number)
    return connection.scalars(chosen.limit(CHUNK_ROWS)).all()
