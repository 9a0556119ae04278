"""Read access to the ledger; it blocks, so it must not run on the event loop's thread."""

import json
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

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

READ_SECONDS = 5.0
MAX_ROWS = 1000  # of one id, the newest
MAX_GAPS = 100
CHUNK_ROWS = 2048

_UNKNOWN_ID = (
    "id: the ledger has no such request; it may be expired, omitted by sampling, or not written yet"
)


class Page(NamedTuple):
    """Rows in order, the gaps of the same time, and the cursor of the next page."""

    rows: list[RecordedRow]
    gaps: list[Gap]
    next: str | None


class StoredInput(NamedTuple):
    """An input row, float32 (1, features), and the model that computed it."""

    rows: FloatArray
    model: StoredModel


class Reader:
    """Read-only access; without a database, methods raise `LedgerUnavailableError`."""

    def __init__(self, database: DatabaseUrl) -> None:
        self._engine = reading_engine(database)

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

    def request(self, request_id: str) -> list[RecordedRow]:
        """Return the recorded rows of a request; without any, raise `UnknownRequestError`."""
        if "\0" in request_id:  # PostgreSQL refuses it
            raise UnknownRequestError(_UNKNOWN_ID)
        chosen = select(requests.c.sequence).where(requests.c.id == request_id)
        order = requests.c.time.desc(), requests.c.sequence.desc()

        def read(connection: Connection) -> list[RecordedRow]:
            newest = connection.scalars(chosen.order_by(*order).limit(MAX_ROWS)).all()
            if not newest:
                return []
            stored = select(inputs.c.sequence).where(inputs.c.sequence.in_(newest))
            with_input = set(connection.scalars(stored))
            rows = _rows(connection, newest, _models(connection))
            return [r._replace(input_stored=r.row.sequence in with_input) for r in rows]

        rows = self._read(read)
        if not rows:
            raise UnknownRequestError(_UNKNOWN_ID)
        return sorted(rows, key=lambda recorded: (recorded.row.time, recorded.row.row))

    def stored_input(self, request_id: str, row: int) -> StoredInput:
        """Return the input of a row, of the newest request with this id.

        If the request, the row or its input is not recorded, raise `UnknownRequestError`.
        """
        matching = [r for r in self.request(request_id) if r.row.row == row]
        if not matching:
            raise UnknownRequestError("row: the ledger has no such row of this request")
        chosen = select(inputs.c.content).where(inputs.c.sequence == matching[-1].row.sequence)
        content: bytes | None = self._read(lambda connection: connection.scalar(chosen))
        if content is None:
            raise UnknownRequestError(
                "input: not stored; set HIGHWAY_LEDGER_INPUTS=1 to store the inputs of later "
                "requests"
            )
        values = floats(zlib.decompress(content)).astype(np.float32)
        return StoredInput(values[None], matching[-1].model)

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
            raise LedgerUnavailableError(
                f"the ledger's database is unavailable: {error_sentence(error)}; predictions are "
                "not affected"
            ) from error

    def _read_once(self, read: Callable[[Connection], T]) -> T:
        with (
            self._engine.connect() as connection,
            time_limit(connection, READ_SECONDS),
            connection.begin(),
        ):
            check_schema(connection)
            return read(connection)


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
