"""Tags that are added to recorded rows later, beside the writers of this and other processes."""

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, literal, select

from service.database_url import DatabaseUrl
from service.errors import BodyError
from service.ledger.database import updating_engine
from service.ledger.fields import RowName
from service.ledger.lookup import select_row, unknown_row
from service.ledger.search import TYPICALITY
from service.ledger.tables import requests, tags
from service.ledger.tags import MAX_TAGS
from service.ledger.transactions import Transactions


class TaggedRow(NamedTuple):
    """A recorded row's time, µs since 1970, and its tags in order."""

    time_us: int
    tags: list[str]


class Flags:
    """Changes the tags of recorded rows; it blocks, so it must not run on the event loop's thread.

    An unknown row is an `UnknownRequestError`.
    """

    def __init__(self, database: DatabaseUrl) -> None:
        self._transactions = Transactions(database, updating_engine(database))

    def close(self) -> None:
        """Close the connections."""
        self._transactions.close()

    def add(self, name: RowName, tag: str) -> TaggedRow:
        """Add a tag unless the row has it; a tag too many is a `BodyError`."""

        def add(connection: Connection, sequence: int, present: list[str]) -> None:
            if tag in present:
                return
            if len(present) >= MAX_TAGS:
                raise BodyError(
                    f"tag: expected at most {MAX_TAGS} tags of a row, found {len(present)} others; "
                    "remove one of them"
                )
            copied = requests.c.sequence, literal(tag), requests.c.time, requests.c[TYPICALITY]
            row = select(*copied).where(requests.c.sequence == sequence)
            names = ["sequence", "tag", "time", TYPICALITY]
            connection.execute(insert(tags).from_select(names, row))

        return self._change(name, add)

    def remove(self, name: RowName, tag: str) -> TaggedRow:
        """Remove a tag if the row has it."""

        def remove(connection: Connection, sequence: int, _present: list[str]) -> None:
            same = (tags.c.sequence == sequence) & (tags.c.tag == tag)
            connection.execute(delete(tags).where(same))

        return self._change(name, remove)

    def _change(
        self, name: RowName, change: Callable[[Connection, int, list[str]], None]
    ) -> TaggedRow:
        def work(connection: Connection) -> TaggedRow:
            if connection.dialect.name == "sqlite":  # wait for the lock now, not after reading
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            chosen = select_row(name, requests.c.sequence, requests.c.time).with_for_update()
            found = connection.execute(chosen).first()
            if found is None:
                raise unknown_row(connection, name)
            change(connection, found.sequence, _tags(connection, found.sequence))
            return TaggedRow(found.time, _tags(connection, found.sequence))

        return self._transactions.run(work)


def _tags(connection: Connection, sequence: int) -> list[str]:
    chosen = select(tags.c.tag).where(tags.c.sequence == sequence)
    return sorted(connection.scalars(chosen))
