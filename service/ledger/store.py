"""The writer's hold on the database: a shipment in one transaction, and never twice."""

import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from secrets import token_hex
from time import time_ns
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from service.ledger.address import Address
from service.ledger.backlog import Shipment
from service.ledger.bulk import insert_lines
from service.ledger.database import MIGRATION_SECONDS, limited, writing_engine
from service.ledger.entries import Batch, Gap
from service.ledger.known_models import KnownModels
from service.ledger.lines import line_of
from service.ledger.schema import migrate
from service.ledger.tables import gaps, inputs, requests, tags, writers

FORGET_SECONDS = 86_400  # after so long a writer that was not heard of is gone

Lines = list[dict[str, Any]]


class Store:
    """One connection, opened when it is needed and dropped when anything fails.

    Whatever a method raises, it may be called again with the same arguments: a shipment whose
    commit was done though nobody heard of it is not written again.
    """

    def __init__(self, address: Address) -> None:
        self._engine = writing_engine(address)
        self._connection: Connection | None = None
        self._id = token_hex(8)
        self._models = KnownModels()
        self._path = address.path
        self._file: os.stat_result | None = None  # SQLite's, as it was opened

    def connection(self) -> Connection:
        """Return the open connection, with tables that are up to date."""
        if self._connection is not None and self._is_replaced():
            self.drop()
        if self._connection is None:
            connection = self._engine.connect()
            try:
                with limited(connection, MIGRATION_SECONDS):
                    migrate(connection)
                with limited(connection), connection.begin():
                    self._register(connection)
            except BaseException:
                connection.invalidate()
                connection.close()
                raise
            self._models.forget()
            self._file = None if self._path is None else self._path.stat()
            self._connection = connection
        return self._connection

    def close(self) -> None:
        """Sign off, so that others need not wait to take over, and close the connection."""
        if self._connection is not None:
            with suppress(SQLAlchemyError), limited(self._connection), self._connection.begin():
                self._connection.execute(delete(writers).where(writers.c.id == self._id))
        self.drop()

    def drop(self) -> None:
        """Give up the connection, whatever state it is in."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def send(self, shipment: Shipment) -> None:
        """Write a shipment."""
        connection = self.connection()
        with limited(connection):
            if shipment.batch is not None:
                self._models.learn(connection, [entry.model for entry in shipment.batch.entries])
            with connection.begin():
                if not self._is_new(connection, shipment.number):
                    return
                if shipment.batch is not None:
                    self._write(connection, shipment.batch)
                insert_lines(connection, gaps, [_gap(gap) for gap in shipment.gaps])

    def leads(self) -> bool:
        """Say that this writer lives, and whether it is the one to look after old rows."""
        connection = self.connection()
        now = time_ns() // 1000
        with limited(connection), connection.begin():
            connection.execute(update(writers).where(writers.c.id == self._id).values(time=now))
            # A clock may have been ahead, too.
            day, while_ago = FORGET_SECONDS * 1_000_000, 120 * 1_000_000
            gone = (writers.c.time < now - day) | (writers.c.time > now + day)
            connection.execute(delete(writers).where(gone))
            lately = writers.c.time.between(now - while_ago, now + while_ago)
            first = select(func.min(writers.c.id)).where(lately)
            return bool(connection.scalar(first) == self._id)

    def _is_replaced(self) -> bool:
        """Say whether SQLite's file was taken away: what is written to it would be lost."""
        if self._path is None or self._file is None:
            return False
        return not (self._path.exists() and os.path.samestat(self._path.stat(), self._file))

    def _register(self, connection: Connection) -> None:
        if connection.scalar(select(writers.c.id).where(writers.c.id == self._id)) is None:
            now = time_ns() // 1000
            connection.execute(insert(writers).values(id=self._id, shipment=0, time=now))

    def _is_new(self, connection: Connection, number: int) -> bool:
        """Note the shipment's number; False says that an earlier try has written it after all.

        An earlier try that still goes on in the database holds the line, and is waited for.
        """
        older = (writers.c.id == self._id) & (writers.c.shipment < number)
        values = {"shipment": number, "time": time_ns() // 1000}
        if connection.execute(update(writers).where(older).values(values)).rowcount:
            return True
        if connection.scalar(select(writers.c.id).where(writers.c.id == self._id)) is None:
            raise OperationalError("register", None, LookupError("this writer was forgotten"))
        return False

    def _write(self, connection: Connection, batch: Batch) -> None:
        numbers = _numbers(connection, len(batch.entries))
        lines, tagged, contents = Lines(), Lines(), Lines()
        for number, entry in zip(numbers, batch.entries, strict=True):
            line = line_of(entry, number, self._models.number(entry.model), batch.weight)
            lines.append(line)
            shared = {key: line[key] for key in ("sequence", "time", "unusual_both")}
            tagged += [{**shared, "tag": tag} for tag in entry.tags]
            if entry.content is not None:
                contents.append({"sequence": number, "content": zlib.compress(entry.content)})
        for table, rows in ((requests, lines), (tags, tagged), (inputs, contents)):
            insert_lines(connection, table, rows)


def _numbers(connection: Connection, count: int) -> Iterator[int]:
    """Return as many numbers that no row has; SQLite's lock keeps others from choosing too."""
    if connection.dialect.name == "postgresql":
        drawn = text("SELECT nextval('ledger_sequence') FROM generate_series(1, :count)")
        return iter(connection.scalars(drawn, {"count": count}).all())
    last = connection.scalar(select(func.max(requests.c.sequence))) or 0
    return iter(range(last + 1, last + 1 + count))


def _gap(gap: Gap) -> dict[str, Any]:
    return {"began": gap.began_us, "ended": gap.ended_us, "rows": gap.rows, "reason": gap.reason}
