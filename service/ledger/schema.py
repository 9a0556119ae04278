"""The tables brought up to date, by one process at a time."""

import logging

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from service.ledger.tables import REVISION, VERSION_TABLE

_FOUND = text(f"SELECT version_num FROM {VERSION_TABLE}")

LOCK = 0x6869676877  # of PostgreSQL's advisory locks: "highw"


class SchemaError(RuntimeError):
    """The tables are not those that this release knows."""


def check_schema(connection: Connection) -> None:
    """Refuse tables of another release, and a database that has none yet."""
    try:
        found = connection.scalar(_FOUND)
    except (OperationalError, ProgrammingError) as error:
        if VERSION_TABLE not in str(error.orig):
            raise
        raise SchemaError(
            "tables: expected the ledger's, found none yet; the server that writes makes them in "
            "its first seconds"
        ) from error
    if found != REVISION:
        raise SchemaError(
            f"tables: expected version {REVISION}, found another; the server that writes brings "
            "older ones up to date"
        )


def migrate(connection: Connection) -> None:
    """Make the tables, or bring older ones up to date; newer ones are a `SchemaError`.

    Either all steps are done or none. Who comes second waits, and finds it done.
    """
    with connection.begin():
        if revision(connection) == REVISION:
            return
    with connection.begin():
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
            connection.execute(text("SET LOCAL statement_timeout = 0"))
        if revision(connection) != REVISION:
            _upgrade(connection)


def revision(connection: Connection) -> str | None:
    """Return the version of the tables, None where there are none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.scalar(_FOUND)
    return found


def _upgrade(connection: Connection) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # Loaded only for who has to: it takes ten megabytes.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", "service.ledger:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, REVISION)
    except CommandError as error:
        raise SchemaError(
            f"tables: expected version {REVISION} or older, found those of a newer release; serve "
            "with that release, or choose another database"
        ) from error
