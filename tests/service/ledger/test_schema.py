import sqlite3
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from service.database_url import DatabaseUrl
from service.ledger import database as database_module
from service.ledger import schema
from service.ledger.database import writing_engine
from service.ledger.schema import SchemaError, check_schema, migrate, revision
from service.ledger.tables import REVISION, VERSION_TABLE, metadata
from tests.service.ledger.conftest import database_of


def create(database: DatabaseUrl) -> None:
    with writing_engine(database).connect() as connection:
        migrate(connection)


def version_of(database: DatabaseUrl) -> str | None:
    with writing_engine(database).begin() as connection:
        return revision(connection)


def table_names(database: DatabaseUrl) -> set[str]:
    with writing_engine(database).begin() as connection:
        return set(inspect(connection).get_table_names())


def run(database: DatabaseUrl, *statements: str) -> None:
    with writing_engine(database).begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_tables_are_created_in_an_empty_database(database: DatabaseUrl) -> None:
    assert version_of(database) is None
    create(database)
    create(database)  # no-op
    assert version_of(database) == REVISION
    assert table_names(database) == {*metadata.tables, VERSION_TABLE}
    with writing_engine(database).begin() as connection:
        check_schema(connection)


def test_the_migrations_create_the_tables_that_are_used(database: DatabaseUrl) -> None:
    create(database)
    with writing_engine(database).begin() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def create_together(database: DatabaseUrl) -> None:
    """Create the tables in four threads that connect at the same time."""
    barrier = Barrier(4)

    def connect(_: int) -> None:
        barrier.wait()
        create(database)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(connect, range(4))) == [None] * 4
    assert version_of(database) == REVISION


def test_writers_may_migrate_at_the_same_time(database: DatabaseUrl) -> None:
    create_together(database)


def test_a_migration_that_takes_longer_than_other_locks_is_waited_for(
    database: DatabaseUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.2)
    settings = ("SET lock_timeout = '200ms'",)
    monkeypatch.setattr(database_module, "_POSTGRESQL_SETTINGS", settings)
    upgrade = schema._upgrade

    def slow_upgrade(connection: Any) -> None:
        upgrade(connection)
        time.sleep(0.8)

    monkeypatch.setattr(schema, "_upgrade", slow_upgrade)
    create_together(database)


def test_a_failed_migration_changes_nothing(database: DatabaseUrl) -> None:
    run(database, "CREATE TABLE ledger_gaps (number INTEGER)")
    with pytest.raises(DBAPIError, match="already exists"):
        create(database)
    assert table_names(database) == {"ledger_gaps"}
    run(database, "DROP TABLE ledger_gaps")
    create(database)
    assert version_of(database) == REVISION


def test_tables_of_a_newer_release_are_not_changed(database: DatabaseUrl) -> None:
    create(database)
    run(database, f"UPDATE {VERSION_TABLE} SET version_num = '99'")
    with pytest.raises(SchemaError) as error:
        create(database)
    assert str(error.value) == (
        f"tables: expected version {REVISION} or older, found a newer one; serve with the newer "
        "release, or choose another database"
    )
    with (
        pytest.raises(SchemaError) as error,
        writing_engine(database).begin() as connection,
    ):
        check_schema(connection)
    assert str(error.value) == (
        f"tables: expected version {REVISION}, found another; restart the server that writes, it "
        "updates older tables"
    )


def test_missing_tables_are_an_error(
    database: DatabaseUrl,
) -> None:
    with (
        pytest.raises(SchemaError) as error,
        writing_engine(database).begin() as connection,
    ):
        check_schema(connection)
    assert str(error.value) == (
        "the tables do not exist yet; the server creates them in its first seconds"
    )


def test_other_tables_in_the_database_are_not_changed(database: DatabaseUrl) -> None:
    others = {"requests": "mine INTEGER", "alembic_version": "version_num TEXT"}
    run(database, *(f"CREATE TABLE {name} ({columns})" for name, columns in others.items()))
    create(database)
    assert set(others) < table_names(database)


def test_a_file_is_private_and_uses_write_ahead_logging(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with writing_engine(database_of(f"sqlite:///{path}")).connect() as connection:
        migrate(connection)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with sqlite3.connect(path) as again:
        assert again.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    again.close()
