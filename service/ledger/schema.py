"""Creates and migrates the tables, one process at a time."""

import logging

from sqlalchemy import Connection, insert, inspect, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from service.ledger.database import BUSY_SECONDS, time_limit
from service.ledger.stored_inputs import create_total
from service.ledger.tables import REVISION, VERSION_TABLE, metadata, version

MIGRATION_SECONDS = 3600  # large tables take a long time
WAIT_SECONDS = 60  # for another process's migration; the writer then tries again

_LOCK = 0x6869676877  # of PostgreSQL's advisory locks: "highw"
_REVISION = text(f"SELECT version_num FROM {VERSION_TABLE}")  # nosec B608


class SchemaError(RuntimeError):
    """The tables do not exist, or belong to another release."""


def check_schema(connection: Connection) -> None:
    """Raise `SchemaError` unless the tables are those of this release."""
    try:
        actual = connection.scalar(_REVISION)
    except (OperationalError, ProgrammingError) as error:
        if VERSION_TABLE not in str(error.orig):
            raise
        raise SchemaError(
            "the tables do not exist yet; the server creates them in its first seconds"
        ) from error
    if actual != REVISION:
        raise SchemaError(
            f"tables: expected version {REVISION}, found another; restart the server that writes, "
            "it updates older tables"
        )


def migrate(connection: Connection) -> None:
    """Create the tables or update older ones; newer ones are a `SchemaError`.

    All steps are one transaction. Waits for another process that migrates at the same time.
    """
    with time_limit(connection, MIGRATION_SECONDS):
        with connection.begin():
            if revision(connection) == REVISION:
                return
        with connection.begin():
            _lock(connection)
            found = revision(connection)
            if found is None:
                _create(connection)
            elif found != REVISION:
                _upgrade(connection)
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(BUSY_SECONDS * 1000)}")
            connection.rollback()


def revision(connection: Connection) -> str | None:
    """Return the version of the tables, None if there are none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    stored: str | None = connection.scalar(_REVISION)
    return stored


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


def _create(connection: Connection) -> None:
    """Create what all migrations create, without Alembic, which takes 12 MB of memory."""
    metadata.create_all(connection, checkfirst=False)
    create_total(connection)
    version.create(connection)
    connection.execute(insert(version).values(version_num=REVISION))


def _upgrade(connection: Connection) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)  # before it logs its import
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
            f"tables: expected version {REVISION} or older, found a newer one; serve with the "
            "newer release, or choose another database"
        ) from error
