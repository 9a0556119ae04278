"""Read access to the ledger; it blocks, so it must not run on the event loop's thread."""

import json
import logging
import sqlite3
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from sqlalchemy import ColumnElement, Connection, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from service.arrays import FloatArray
from service.database_url import DatabaseUrl
from service.errors import LedgerUnavailableError, UnknownRequestError
from service.ledger.database import error_sentence, reading_engine, time_limit
from service.ledger.fields import RecordedRow, StoredModel, floats
from service.ledger.filters import Filters, PageFilters, write_cursor
from service.ledger.schema import SchemaError, check_schema
from service.ledger.search import search
from service.ledger.tables import gaps, inputs, requests, tags
from service.ledger.tables import models as models_table
from service.ledger.write_buffer import Gap

T = TypeVar("T")

_log = logging.getLogger(__name__)

READ_SECONDS = 5.0
MAX_ROWS = 1000  # of one id, the first recorded
MAX_GAPS = 100
CHUNK_ROWS = 2048

_UNKNOWN_ID = (
    "id: the ledger has no such request; it may be expired, omitted by sampling, or not written yet"
)
_UNKNOWN_ROW = "row: the ledger has no such row of this request"


class Page(NamedTuple):
    """Rows in order, the gaps of the same time, and the cursor of the next page."""

    rows: list[RecordedRow]
    gaps: list[Gap]
    next: str | None


class RequestRows(NamedTuple):
    """Rows of one request id, oldest first, and whether there are more."""

    rows: list[RecordedRow]
    more: bool


class StoredInput(NamedTuple):
    """An input row, float32 (1, features), and the model that computed it."""

    rows: FloatArray
    model: StoredModel


class Reader:
    """Read-only access; without a database, methods raise `LedgerUnavailableError`."""

    def __init__(self, database: DatabaseUrl) -> None:
        self._database = database
        self._engine = reading_engine(database)
        self._logged: str | None = None  # the last error that was logged

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def page(self, filters: PageFilters) -> Page:
        """Return a page of the rows that match."""

        def read(connection: Connection) -> Page:
            models = _models(connection)
            result = search(connection, filters, models)
            rows = _rows(connection, [p.sequence for p in result.positions], models)
            cursor = None if result.next is None else write_cursor(result.next)
            return Page(rows, _gaps(connection, filters), cursor)

        return self._read(read)

    def request(self, request_id: str) -> RequestRows:
        """Return the first recorded rows of an id; without any, raise `UnknownRequestError`.

        Clients choose ids, so that several requests may have the same. The first ones are returned:
        a later request cannot displace an earlier one.
        """
        chosen = select(requests.c.sequence).where(_has_id(request_id))
        order = requests.c.time, requests.c.sequence

        def read(connection: Connection) -> RequestRows:
            oldest = connection.scalars(chosen.order_by(*order).limit(MAX_ROWS + 1)).all()
            numbers = oldest[:MAX_ROWS]
            stored = select(inputs.c.sequence).where(inputs.c.sequence.in_(numbers))
            with_input = set(connection.scalars(stored))
            rows = [
                r._replace(input_stored=r.row.sequence in with_input)
                for r in _rows(connection, numbers, _models(connection))
            ]
            return RequestRows(rows, more=len(oldest) > MAX_ROWS)

        found = self._read(read)
        if not found.rows:
            raise UnknownRequestError(_UNKNOWN_ID)
        in_order = sorted(found.rows, key=lambda recorded: (recorded.row.time, recorded.row.row))
        return found._replace(rows=in_order)

    def stored_input(self, request_id: str, row: int, time_us: int | None = None) -> StoredInput:
        """Return the input of a row, of the first request with this id, or of that at `time_us`.

        If the request, the row or its input is not recorded, raise `UnknownRequestError`.
        """
        with_id = _has_id(request_id)
        same = with_id & (requests.c.row == row)
        if time_us is not None:
            same &= requests.c.time == time_us
        order = requests.c.time, requests.c.sequence
        first = select(requests.c.sequence, inputs.c.content).where(same).order_by(*order).limit(1)
        joined = first.join(inputs, inputs.c.sequence == requests.c.sequence, isouter=True)

        def read(connection: Connection) -> tuple[bytes | None, list[RecordedRow]]:
            found = connection.execute(joined).first()
            if found is None:
                known = connection.scalar(select(requests.c.sequence).where(with_id).limit(1))
                raise UnknownRequestError(_UNKNOWN_ID if known is None else _UNKNOWN_ROW)
            return found.content, _rows(connection, [found.sequence], _models(connection))

        content, rows = self._read(read)
        if not rows:
            raise UnknownRequestError(_UNKNOWN_ID)
        if content is None:
            raise UnknownRequestError(
                "input: not stored; set HIGHWAY_LEDGER_INPUTS=1 to store the inputs of later "
                "requests"
            )
        values = floats(zlib.decompress(content)).astype(np.float32)
        return StoredInput(values[None], rows[0].model)

    def gaps(self) -> list[Gap]:
        """Return the newest gaps."""
        return self._read(lambda connection: _gaps(connection, Filters()))

    def chunks(self, filters: Filters) -> Iterator[list[RecordedRow]]:
        """Yield all rows that match, in chunks."""
        cursor = None
        while True:
            # Not validated, because a chunk is larger than a page may be.
            chunk = PageFilters.model_construct(
                **filters.model_dump(), limit=CHUNK_ROWS, cursor=cursor
            )
            rows, _, cursor = self.page(chunk)
            yield rows
            if cursor is None:
                return

    def _read(self, read: Callable[[Connection], T]) -> T:
        """Read in one transaction; try again if a pooled connection was broken."""
        try:
            try:
                return self._read_once(read)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                return self._read_once(read)
        except (SQLAlchemyError, SchemaError, OSError) as error:
            self._log_once(error_sentence(error))
            raise LedgerUnavailableError(
                f"the ledger's database is unavailable: {_public_sentence(error)}; predictions are "
                "not affected"
            ) from error

    def _log_once(self, sentence: str) -> None:
        """Log what clients are not shown, unless it is the same as before."""
        if sentence != self._logged:
            _log.warning("ledger: cannot read from %s: %s", self._database.redacted, sentence)
        self._logged = sentence

    def _read_once(self, read: Callable[[Connection], T]) -> T:
        with (
            self._engine.connect() as connection,
            time_limit(connection, READ_SECONDS),
            connection.begin(),
        ):
            check_schema(connection)
            return read(connection)


def _public_sentence(error: Exception) -> str:
    """Return the error for clients: without path, host, port, and names in the database."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    if isinstance(cause, sqlite3.Error | SchemaError | PoolTimeoutError):
        return error_sentence(error)  # SQLite's messages name no file
    return "PostgreSQL cannot be used; the server's log has the reason"


def _has_id(request_id: str) -> ColumnElement[bool]:
    if "\0" in request_id:  # PostgreSQL refuses it
        raise UnknownRequestError(_UNKNOWN_ID)
    return requests.c.id == request_id


def _models(connection: Connection) -> list[StoredModel]:
    """Read all models; they are few."""
    return [
        StoredModel(
            **{**row._mapping, "labels": json.loads(row.labels), "layers": json.loads(row.layers)}
        )
        for row in connection.execute(select(models_table))
    ]


def _rows(
    connection: Connection, numbers: Sequence[int], models: list[StoredModel]
) -> list[RecordedRow]:
    """Return the rows of these numbers, in the same order."""
    model = {model.number: model for model in models}
    row_tags: dict[int, list[str]] = defaultdict(list)
    chosen = select(tags.c.sequence, tags.c.tag).where(tags.c.sequence.in_(numbers))
    for number, tag in connection.execute(chosen.order_by(tags.c.tag)):
        row_tags[number].append(tag)
    rows = {
        row.sequence: RecordedRow(row, model[row.model], row_tags[row.sequence])
        for row in connection.execute(select(requests).where(requests.c.sequence.in_(numbers)))
        if row.model in model  # otherwise the model was added after the models were read
    }
    return [rows[number] for number in numbers if number in rows]


def _gaps(connection: Connection, filters: Filters) -> list[Gap]:
    chosen = select(gaps.c.began, gaps.c.ended, gaps.c.rows, gaps.c.reason)
    if filters.since is not None:
        chosen = chosen.where(gaps.c.ended >= filters.since)
    if filters.until is not None:
        chosen = chosen.where(gaps.c.began < filters.until)
    newest = chosen.order_by(gaps.c.ended.desc()).limit(MAX_GAPS)
    return [Gap(*row) for row in connection.execute(newest)]
