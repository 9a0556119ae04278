"""Read access to the ledger; it blocks, so it must not run on the event loop's thread."""

import json
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection, select

from service.arrays import FloatArray
from service.database_url import DatabaseUrl
from service.errors import UnknownRequestError
from service.ledger.database import reading_engine
from service.ledger.fields import ModelKey, RecordedRow, RowName, StoredModel, floats
from service.ledger.filters import Filters, PageFilters, write_cursor
from service.ledger.lookup import has_id, select_row, unknown_id, unknown_row
from service.ledger.search import search
from service.ledger.stored_inputs import input_bytes
from service.ledger.tables import gaps, inputs, requests, tags
from service.ledger.tables import models as models_table
from service.ledger.transactions import Transactions
from service.ledger.write_buffer import Gap

MAX_ROWS = 1000  # of one id, the first recorded
MAX_GAPS = 100
CHUNK_ROWS = 2048


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
        self._transactions = Transactions(database, reading_engine(database))

    def close(self) -> None:
        """Close the connections."""
        self._transactions.close()

    def page(self, filters: PageFilters, served: Collection[ModelKey] | None = None) -> Page:
        """Return a page of the rows that match; filters that name no model mean those `served`.

        Without `served` they mean all models.
        """

        def read(connection: Connection) -> Page:
            models = _models(connection)
            result = search(connection, filters, models, served)
            rows = _rows(connection, [p.sequence for p in result.positions], models)
            cursor = None if result.next is None else write_cursor(result.next)
            return Page(rows, _gaps(connection, filters), cursor)

        return self._transactions.run(read)

    def request(self, request_id: str) -> RequestRows:
        """Return the first recorded rows of an id; without any, raise `UnknownRequestError`.

        Clients choose ids, so that several requests may have the same. The first ones are returned:
        a later request cannot displace an earlier one.
        """
        chosen = select(requests.c.sequence).where(has_id(request_id))
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

        found = self._transactions.run(read)
        if not found.rows:
            raise unknown_id()
        in_order = sorted(found.rows, key=lambda recorded: (recorded.row.time, recorded.row.row))
        return found._replace(rows=in_order)

    def stored_input(self, name: RowName) -> StoredInput:
        """Return the input of a row.

        If the request, the row or its input is not recorded, raise `UnknownRequestError`.
        """
        row = select_row(name, requests.c.sequence, inputs.c.content)
        joined = row.join(inputs, inputs.c.sequence == requests.c.sequence, isouter=True)

        def read(connection: Connection) -> tuple[bytes | None, list[RecordedRow]]:
            found = connection.execute(joined).first()
            if found is None:
                raise unknown_row(connection, name)
            return found.content, _rows(connection, [found.sequence], _models(connection))

        content, rows = self._transactions.run(read)
        if not rows:
            raise unknown_id()
        if content is None:
            raise UnknownRequestError(
                "input: not stored, or deleted by now; HIGHWAY_LEDGER_INPUTS=all stores those of "
                "all later rows, not only of atypical ones"
            )
        values = floats(zlib.decompress(content)).astype(np.float32)
        return StoredInput(values[None], rows[0].model)

    def gaps(self) -> list[Gap]:
        """Return the newest gaps."""
        return self._transactions.run(lambda connection: _gaps(connection, Filters()))

    def input_bytes(self) -> int:
        """Return the size of all stored inputs, compressed."""
        return self._transactions.run(input_bytes)

    def chunks(
        self, filters: Filters, served: Collection[ModelKey] | None = None
    ) -> Iterator[list[RecordedRow]]:
        """Yield all rows that match, in chunks."""
        cursor = None
        while True:
            # Not validated, because a chunk is larger than a page may be.
            chunk = PageFilters.model_construct(
                **filters.model_dump(), limit=CHUNK_ROWS, cursor=cursor
            )
            rows, _, cursor = self.page(chunk, served)
            yield rows
            if cursor is None:
                return


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
