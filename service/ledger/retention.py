"""What has become too old, or too much, goes: a few rows at a time, so that nothing waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import time_ns

from sqlalchemy import Connection, delete, func, select

from service.ledger.database import limited
from service.ledger.tables import gaps, inputs, requests, tags

CHUNK_ROWS = 500
DAY_US = 86_400 * 1_000_000


@dataclass(frozen=True, kw_only=True)
class Retention:
    """How long rows stay at most, and about how many; gaps stay as long as rows may."""

    days: float
    rows: int

    def expire(self, connection: Connection) -> bool:
        """Delete some rows in one transaction; True says that there are more."""
        with limited(connection), connection.begin():
            oldest_us = time_ns() // 1000 - round(self.days * DAY_US)
            connection.execute(delete(gaps).where(gaps.c.ended < oldest_us))
            expired = _older(connection, oldest_us) or self._beyond(connection)
            for table in (inputs, tags, requests):
                if expired:
                    connection.execute(delete(table).where(table.c.sequence.in_(expired)))
            return len(expired) == CHUNK_ROWS

    def _beyond(self, connection: Connection) -> Sequence[int]:
        # Counting them would mean reading all; their numbers have few holes.
        newest = connection.scalar(select(func.max(requests.c.sequence))) or 0
        number = requests.c.sequence
        chosen = select(number).where(number <= newest - self.rows).order_by(number)
        return connection.scalars(chosen.limit(CHUNK_ROWS)).all()


def _older(connection: Connection, oldest_us: int) -> Sequence[int]:
    time = requests.c.time
    chosen = select(requests.c.sequence).where(time < oldest_us).order_by(time)
    return connection.scalars(chosen.limit(CHUNK_ROWS)).all()
