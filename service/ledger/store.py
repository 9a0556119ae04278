"""The writer's connection: each write batch is one transaction and is written exactly once."""

import json
import os
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from itertools import chain
from operator import attrgetter
from secrets import token_hex
from time import time_ns
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Table, delete, func, select, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from service.contract import Metadata
from service.database_url import DatabaseUrl
from service.ledger.database import time_limit, writing_engine
from service.ledger.fields import ASSIGNED, FIELDS, ModelKey, model_key
from service.ledger.schema import migrate
from service.ledger.stored_inputs import add_input_bytes
from service.ledger.tables import gaps, inputs, models, requests, tags, writers
from service.ledger.write_buffer import RowSample, WriteBatch

LEADER_SECONDS = 120  # without a heartbeat, after which another writer leads
FORGET_SECONDS = 86_400  # without a heartbeat, after which a writer is deleted
COMPRESSION = 1  # of inputs: as small as zlib's default, in half the time
MAX_SQLITE_VALUES = 30_000  # in a statement; SQLite allows 32,766

_WRITERS = {
    field.name: field.write or attrgetter(field.name)
    for field in FIELDS
    if field.stored and field.name not in ASSIGNED
}
_REGISTER = sa.text(
    "INSERT INTO ledger_writers (id, write_batch, time) VALUES (:id, 0, :time) "
    "ON CONFLICT DO NOTHING"
)
_ADD_MODEL = sa.text(  # another process may add the same model first
    "INSERT INTO ledger_models (name, version, digest, labels, layers) "
    "VALUES (:name, :version, :digest, :labels, :layers) ON CONFLICT DO NOTHING"
)


class Store:
    """One connection, opened when needed and dropped after any error.

    A method that raises may be called again with the same arguments, even if the connection broke
    between the commit and its confirmation.
    """

    def __init__(self, database: DatabaseUrl) -> None:
        self._engine = writing_engine(database)
        self._connection: Connection | None = None
        self._id = token_hex(8)
        self._model_numbers: dict[ModelKey, int] = {}  # the same in all processes
        self.input_bytes = 0  # of all stored inputs, when this writer added the last one
        self._path = database.path
        self._file: os.stat_result | None = None  # SQLite's file when it was opened

    def connection(self) -> Connection:
        """Return the open connection, to a database whose tables are up to date."""
        if self._connection is not None and self._is_replaced():
            self.drop()
        if self._connection is None:
            connection = self._engine.connect()
            try:
                migrate(connection)
                with time_limit(connection), connection.begin():
                    values = {"id": self._id, "time": time_ns() // 1000}
                    connection.execute(_REGISTER, values)
            except BaseException:
                connection.invalidate()
                connection.close()
                raise
            self._model_numbers.clear()  # the database may be a different one
            self._file = None if self._path is None else self._path.stat()
            self._connection = connection
        return self._connection

    def close(self) -> None:
        """Unregister this writer, so that another leads at once, and close the connection."""
        if self._connection is not None:
            with suppress(SQLAlchemyError), time_limit(self._connection), self._connection.begin():
                self._connection.execute(delete(writers).where(writers.c.id == self._id))
        self.drop()

    def drop(self) -> None:
        """Close the connection in any state."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def send(self, write_batch: WriteBatch) -> None:
        """Write a batch, unless an earlier attempt has written it."""
        connection = self.connection()
        sample, missing = write_batch.sample, write_batch.gaps
        with time_limit(connection):
            if sample is not None:
                self._add_models(connection, [row.model for row in sample.rows])
            with connection.begin():
                if not self._is_new(connection, write_batch.number):
                    return
                if sample is not None:
                    self._insert(connection, sample)
                insert_rows(connection, gaps, ("began", "ended", "rows", "reason"), missing)

    def heartbeat(self) -> bool:
        """Record that this writer is alive; return whether it is the leader.

        The leader deletes expired rows.
        """
        connection = self.connection()
        now = time_ns() // 1000
        with time_limit(connection), connection.begin():
            connection.execute(update(writers).where(writers.c.id == self._id).values(time=now))
            # Times in the future are checked too, because a clock may have been ahead.
            forget, recent = FORGET_SECONDS * 1_000_000, LEADER_SECONDS * 1_000_000
            forgotten = (writers.c.time < now - forget) | (writers.c.time > now + forget)
            connection.execute(delete(writers).where(forgotten))
            alive = writers.c.time.between(now - recent, now + recent)
            leader = connection.scalar(select(func.min(writers.c.id)).where(alive))
            return bool(leader == self._id)

    def _is_replaced(self) -> bool:
        """Return whether SQLite's file was moved or deleted, so that new rows would be lost."""
        if self._path is None or self._file is None:
            return False
        return not (self._path.exists() and os.path.samestat(self._path.stat(), self._file))

    def _is_new(self, connection: Connection, number: int) -> bool:
        """Store the write batch's number; return False if an earlier attempt was committed.

        An earlier attempt that is still in progress locks the row, so that this one waits for it.
        """
        older = (writers.c.id == self._id) & (writers.c.write_batch < number)
        values = {"write_batch": number, "time": time_ns() // 1000}
        if connection.execute(update(writers).where(older).values(values)).rowcount:
            return True
        if connection.scalar(select(writers.c.id).where(writers.c.id == self._id)) is None:
            raise OperationalError("register", None, LookupError("this writer was deleted"))
        return False

    def _add_models(self, connection: Connection, added: Iterable[Metadata]) -> None:
        """Insert models that are new, and read their numbers, in one transaction each."""
        for metadata in added:
            key = model_key(metadata)
            if key not in self._model_numbers:
                with connection.begin():
                    self._model_numbers[key] = _model_number(connection, key, metadata)

    def _insert(self, connection: Connection, sample: RowSample) -> None:
        rows = sample.rows
        sequence = _new_numbers(connection, len(rows))
        columns = {
            "sequence": sequence,
            "model": [self._model_numbers[model_key(row.model)] for row in rows],
            **{name: list(map(write, rows)) for name, write in _WRITERS.items()},
        }
        insert_rows(connection, requests, tuple(columns), list(zip(*columns.values(), strict=True)))
        tagged = [
            (number, tag, row.time_us, combined)
            for number, row, combined in zip(
                sequence, rows, columns["typicality_combined"], strict=True
            )
            for tag in row.tags
        ]
        insert_rows(connection, tags, ("sequence", "tag", "time", "typicality_combined"), tagged)
        contents = [
            (number, row.time_us, zlib.compress(row.content, COMPRESSION))
            for number, row in zip(sequence, rows, strict=True)
            if row.content is not None
        ]
        if contents:
            insert_rows(connection, inputs, ("sequence", "time", "content"), contents)
            size = sum(len(content) for _, _, content in contents)
            self.input_bytes = add_input_bytes(connection, size)


def _model_number(connection: Connection, key: ModelKey, metadata: Metadata) -> int:
    """Return the number of a model; insert it if the table does not have it."""
    identity = dict(zip(("name", "version", "digest"), key, strict=True))
    stored = select(models.c.number).filter_by(**identity)
    number: int | None = connection.scalar(stored)
    if number is None:
        # JSON in ASCII, because PostgreSQL refuses NUL.
        labels = json.dumps(metadata.labels)
        layers = json.dumps([layer.name for layer in metadata.layers])
        connection.execute(_ADD_MODEL, {**identity, "labels": labels, "layers": layers})
        number = connection.scalars(stored).one()
    return number


def insert_rows(
    connection: Connection, table: Table, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows by few statements: each statement takes the interpreter lock from the event loop.

    `names` are the columns of the values in each row.
    """
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        connection.execute(_unnest_statement(table, names, connection.dialect), columns)
        return
    step = MAX_SQLITE_VALUES // len(names)
    for first in range(0, len(rows), step):
        part = rows[first : first + step]
        statement = _values_statement(table, names, len(part))
        connection.exec_driver_sql(statement, tuple(chain.from_iterable(part)))


@cache
def _unnest_statement(table: Table, names: tuple[str, ...], dialect: sa.Dialect) -> sa.TextClause:
    """Return an INSERT with an array parameter for each column."""
    types = [table.c[name].type.compile(dialect) for name in names]
    arrays = [f"CAST(:{name} AS {kind}[])" for name, kind in zip(names, types, strict=True)]
    columns, rows = f"({', '.join(names)})", f"unnest({', '.join(arrays)})"
    return sa.text(" ".join(["INSERT INTO", table.name, columns, "SELECT * FROM", rows]))


@lru_cache(16)
def _values_statement(table: Table, names: tuple[str, ...], count: int) -> str:
    """Return an INSERT with a parameter for each value of `count` rows."""
    row = f"({', '.join('?' * len(names))})"
    rows = ", ".join([row] * count)
    return " ".join(["INSERT INTO", table.name, f"({', '.join(names)})", "VALUES", rows])


def _new_numbers(connection: Connection, count: int) -> Sequence[int]:
    """Return `count` unused sequence numbers; SQLite's transaction locks out other writers."""
    if connection.dialect.name == "postgresql":
        drawn = sa.text("SELECT nextval('ledger_sequence') FROM generate_series(1, :count)")
        return connection.scalars(drawn, {"count": count}).all()
    last = connection.scalar(select(func.max(requests.c.sequence))) or 0
    return range(last + 1, last + 1 + count)
