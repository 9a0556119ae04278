"""Deletes rows and inputs beyond their limits, in small chunks that block no other writer."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic, time_ns

from sqlalchemy import Connection, delete, func, select

from service.ledger.database import time_limit
from service.ledger.store import Store
from service.ledger.stored_inputs import (
    delete_inputs,
    delete_inputs_before,
    delete_inputs_beyond,
)
from service.ledger.tables import gaps, requests, tags
from service.settings import Settings

CHUNK_ROWS = 500
SHARE = 0.3  # of the writer's time
IDLE_SECONDS = 60.0  # between checks if nothing is left to delete
DAY_US = 86_400 * 1_000_000


@dataclass(frozen=True, kw_only=True)
class RetentionLimits:
    """Rows and gaps are kept for `days`, and about the newest `rows` rows.

    Inputs are kept for `input_days` if that is shorter, and the newest `input_bytes` of them.
    """

    days: float
    rows: int
    input_days: float
    input_bytes: int

    @classmethod
    def of(cls, settings: Settings) -> "RetentionLimits":
        """Return the limits of the settings."""
        return cls(
            days=settings.ledger_days,
            rows=settings.ledger_rows,
            input_days=settings.ledger_input_days,
            input_bytes=settings.ledger_input_bytes,
        )


class Retention:
    """Deletes expired rows at intervals; only the leader of all writers does."""

    def __init__(self, store: Store, limits: RetentionLimits) -> None:
        self._store = store
        self._limits = limits
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
            if delete_expired(self._store.connection(), self._limits):
                self._next_chunk = began + (monotonic() - began) / SHARE

    def limit_inputs(self) -> None:
        """Delete the oldest inputs beyond their size; to be called after each write batch."""
        if self._store.input_bytes <= self._limits.input_bytes:
            return
        connection = self._store.connection()
        with time_limit(connection), connection.begin():
            delete_inputs_beyond(connection, self._limits.input_bytes)
        self._store.input_bytes = 0  # until it adds more


def delete_expired(connection: Connection, limits: RetentionLimits) -> bool:
    """Delete a chunk of rows and inputs in one transaction; return whether there are more."""
    with time_limit(connection), connection.begin():
        now_us = time_ns() // 1000
        oldest_us = now_us - round(limits.days * DAY_US)
        connection.execute(delete(gaps).where(gaps.c.ended < oldest_us))
        expired = _older_than(connection, oldest_us) or _beyond(connection, limits.rows)
        if expired:
            delete_inputs(connection, expired)
            # First the rows: a row that is being flagged is locked until its tag is there.
            for table in (requests, tags):
                connection.execute(delete(table).where(table.c.sequence.in_(expired)))
        more = (
            len(expired) == CHUNK_ROWS,
            delete_inputs_before(connection, now_us - round(limits.input_days * DAY_US)),
            delete_inputs_beyond(connection, limits.input_bytes),
        )
        return any(more)


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
