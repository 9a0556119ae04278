"""Transactions for clients: with a time limit, and errors that they may see."""

import logging
import sqlite3
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from service.database_url import DatabaseUrl
from service.errors import LedgerUnavailableError
from service.ledger.database import error_sentence, time_limit
from service.ledger.schema import SchemaError, check_schema

T = TypeVar("T")

SECONDS = 5.0

_log = logging.getLogger(__name__)


class Transactions:
    """Runs functions in transactions; without a database, it raises `LedgerUnavailableError`."""

    def __init__(self, database: DatabaseUrl, engine: Engine) -> None:
        self._database = database
        self._engine = engine
        self._logged: str | None = None  # the last error that was logged

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def run(self, work: Callable[[Connection], T]) -> T:
        """Return the result of `work` in a transaction; try again if its connection was broken."""
        try:
            try:
                return self._run_once(work)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                return self._run_once(work)
        except (SQLAlchemyError, SchemaError, OSError) as error:
            self._log_once(error_sentence(error))
            raise LedgerUnavailableError(
                f"the ledger's database is unavailable: {_public_sentence(error)}; predictions are "
                "not affected"
            ) from error

    def _log_once(self, sentence: str) -> None:
        """Log what clients are not shown, unless it is the same as before."""
        if sentence != self._logged:
            _log.warning("ledger: cannot use %s: %s", self._database.redacted, sentence)
        self._logged = sentence

    def _run_once(self, work: Callable[[Connection], T]) -> T:
        with (
            self._engine.connect() as connection,
            time_limit(connection, SECONDS),
            connection.begin(),
        ):
            check_schema(connection)
            return work(connection)


def _public_sentence(error: Exception) -> str:
    """Return the error for clients: without path, host, port, and names in the database."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    if isinstance(cause, sqlite3.Error | SchemaError | PoolTimeoutError):
        return error_sentence(error)  # SQLite's messages name no file
    return "PostgreSQL cannot be used; the server's log has the reason"
