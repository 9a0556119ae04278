"""Looks things up in the ledger, from any thread but the event loop's."""

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
from sqlalchemy import Connection, Row, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from service.classifier import FloatArray
from service.errors import LedgerAwayError, UnknownRequestError
from service.ledger.address import Address
from service.ledger.cursor import Position
from service.ledger.database import limited, reading_engine
from service.ledger.entries import FLOAT, Gap
from service.ledger.filters import Filters
from service.ledger.schema import SchemaError, check_schema
from service.ledger.scopes import Model, read_models
from service.ledger.search import search
from service.ledger.tables import gaps, inputs, requests, tags
from service.ledger.trouble import sentence

T = TypeVar("T")

READ_SECONDS = 5.0
MOST_ROWS = 1000  # of one id, the newest
MOST_GAPS = 100
CHUNK_ROWS = 2048  # of a stream


class Recorded(NamedTuple):
    """A row of the table of requests, with its model and its tags, and whether its input is kept.

    The last is only looked up where one request is told.
    """

    row: Row[Any]
    model: Model
    tags: Sequence[str]
    has_input: bool = False


class Page(NamedTuple):
    """Rows in order, the gaps of the time asked for, and from where to go on."""

    rows: list[Recorded]
    gaps: list[Gap]
    more: Position | None


class StoredInput(NamedTuple):
    """A row as it was asked, float32 (1, features), and the model that answered it."""

    rows: FloatArray
    model: Model


_UNKNOWN = (
    "id: expected one that is in the ledger, found another; it may be too old, left out by "
    "sampling, or not written yet"
)


class Reader:
    """Reads only; a database that is away is a `LedgerAwayError`."""

    def __init__(self, address: Address) -> None:
        self._engine = reading_engine(address)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def page(self, filters: Filters) -> Page:
        """Return the rows that fit."""

        def read(connection: Connection) -> Page:
            found = search(connection, filters, known := read_models(connection))
            rows = _recorded(connection, [p.sequence for p in found.positions], known)
            return Page(rows, _gaps(connection, filters), found.more)

        return self._read(read)

    def request(self, request_id: str) -> list[Recorded]:
        """Return the recorded rows of a request; an id that has none is unknown."""
        if "\0" in request_id:  # which no id has, and PostgreSQL no text
            raise UnknownRequestError(_UNKNOWN)
        chosen = select(requests.c.sequence).where(requests.c.id == request_id)
        order = requests.c.time.desc(), requests.c.sequence.desc()

        def read(connection: Connection) -> list[Recorded]:
            newest = connection.scalars(chosen.order_by(*order).limit(MOST_ROWS)).all()
            if not newest:
                return []
            having = select(inputs.c.sequence).where(inputs.c.sequence.in_(newest))
            kept = set(connection.scalars(having))
            rows = _recorded(connection, newest, read_models(connection))
            return [each._replace(has_input=each.row.sequence in kept) for each in rows]

        rows = self._read(read)
        if not rows:
            raise UnknownRequestError(_UNKNOWN)
        return sorted(rows, key=lambda each: (each.row.time, each.row.row))

    def stored_input(self, request_id: str, row: int) -> StoredInput:
        """Return a row's input, of the newest request of this id.

        An id or row that is not recorded, or without its input, is an `UnknownRequestError`.
        """
        found = [each for each in self.request(request_id) if each.row.row == row]
        if not found:
            raise UnknownRequestError("row: expected one that is in the ledger, found another")
        chosen = select(inputs.c.content).where(inputs.c.sequence == found[-1].row.sequence)
        content: bytes | None = self._read(lambda connection: connection.scalar(chosen))
        if content is None:
            raise UnknownRequestError(
                "input: expected one that was stored, found none; HIGHWAY_LEDGER_INPUTS=1 stores "
                "those of later requests"
            )
        values = np.frombuffer(zlib.decompress(content), FLOAT).astype(np.float32)
        return StoredInput(values[None], found[-1].model)

    def gaps(self, filters: Filters) -> list[Gap]:
        """Return the newest gaps of the time asked for."""
        return self._read(lambda connection: _gaps(connection, filters))

    def chunks(self, filters: Filters) -> Iterator[list[Recorded]]:
        """Yield all rows that fit, some at a time."""
        after = filters.after
        while True:
            page = self.page(replace(filters, after=after, limit=CHUNK_ROWS))
            yield page.rows
            if page.more is None:
                return
            after = page.more

    def _read(self, read: Callable[[Connection], T]) -> T:
        """Read in one transaction, and once more if the connection was an old one."""
        try:
            try:
                return self._once(read)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                return self._once(read)
        except (SQLAlchemyError, SchemaError, OSError) as error:
            raise LedgerAwayError(
                f"ledger: expected its database, found: {sentence(error)}; answers go on without it"
            ) from error

    def _once(self, read: Callable[[Connection], T]) -> T:
        with (
            self._engine.connect() as connection,
            limited(connection, READ_SECONDS),
            connection.begin(),
        ):
            check_schema(connection)
            return read(connection)


def _recorded(connection: Connection, numbers: Sequence[int], known: list[Model]) -> list[Recorded]:
    """Return the rows of these numbers, in their order."""
    models = {model.number: model for model in known}
    tagged: dict[int, list[str]] = defaultdict(list)
    chosen = select(tags.c.sequence, tags.c.tag).where(tags.c.sequence.in_(numbers))
    for number, tag in connection.execute(chosen.order_by(tags.c.tag)):
        tagged[number].append(tag)
    rows = connection.execute(select(requests).where(requests.c.sequence.in_(numbers)))
    found = {
        row.sequence: Recorded(row, models[row.model], tagged[row.sequence])
        for row in rows
        if row.model in models  # else it came since they were read
    }
    return [found[number] for number in numbers if number in found]


def _gaps(connection: Connection, filters: Filters) -> list[Gap]:
    chosen = select(gaps.c.began, gaps.c.ended, gaps.c.rows, gaps.c.reason)
    if filters.since_us is not None:
        chosen = chosen.where(gaps.c.ended >= filters.since_us)
    if filters.until_us is not None:
        chosen = chosen.where(gaps.c.began < filters.until_us)
    newest = chosen.order_by(gaps.c.ended.desc()).limit(MOST_GAPS)
    return [Gap(*row) for row in connection.execute(newest)]
