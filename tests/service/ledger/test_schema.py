import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from service.ledger.address import Address
from service.ledger.database import writing_engine
from service.ledger.schema import SchemaError, check_schema, migrate, revision
from service.ledger.tables import REVISION, VERSION_TABLE, metadata
from tests.service.ledger.conftest import address_of


def made(address: Address) -> None:
    with writing_engine(address).connect() as connection:
        migrate(connection)


def version(address: Address) -> str | None:
    with writing_engine(address).begin() as connection:
        return revision(connection)


def table_names(address: Address) -> set[str]:
    with writing_engine(address).begin() as connection:
        return set(inspect(connection).get_table_names())


def run(address: Address, *statements: str) -> None:
    with writing_engine(address).begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_an_empty_database_gets_the_tables(address: Address) -> None:
    assert version(address) is None
    made(address)
    made(address)  # once more is nothing
    assert version(address) == REVISION
    assert table_names(address) == {*metadata.tables, VERSION_TABLE}
    with writing_engine(address).begin() as connection:
        check_schema(connection)


def test_the_migrations_lead_to_the_tables_that_are_used(address: Address) -> None:
    made(address)
    with writing_engine(address).begin() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_who_comes_at_the_same_time_finds_it_done(address: Address) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(made, [address] * 4)) == [None] * 4
    assert version(address) == REVISION


def test_steps_are_done_all_or_none(address: Address) -> None:
    run(address, "CREATE TABLE ledger_gaps (number INTEGER)")
    with pytest.raises(DBAPIError, match="already exists"):
        made(address)
    assert table_names(address) == {"ledger_gaps"}
    run(address, "DROP TABLE ledger_gaps")
    made(address)
    assert version(address) == REVISION


def test_tables_of_a_newer_release_are_left_alone(address: Address) -> None:
    made(address)
    run(address, f"UPDATE {VERSION_TABLE} SET version_num = '99'")
    with pytest.raises(SchemaError) as error:
        made(address)
    assert str(error.value) == (
        f"tables: expected version {REVISION} or older, found those of a newer release; serve "
        "with that release, or choose another database"
    )
    with (
        pytest.raises(SchemaError) as error,
        writing_engine(address).begin() as connection,
    ):
        check_schema(connection)
    assert str(error.value) == (
        f"tables: expected version {REVISION}, found another; the server that writes brings "
        "older ones up to date"
    )


def test_a_database_without_tables_says_that_they_will_be_made(address: Address) -> None:
    with (
        pytest.raises(SchemaError) as error,
        writing_engine(address).begin() as connection,
    ):
        check_schema(connection)
    assert str(error.value) == (
        "tables: expected the ledger's, found none yet; the server that writes makes them in its "
        "first seconds"
    )


def test_other_tables_of_the_database_are_left_alone(address: Address) -> None:
    others = {"requests": "mine INTEGER", "alembic_version": "version_num TEXT"}
    run(address, *(f"CREATE TABLE {name} ({columns})" for name, columns in others.items()))
    made(address)
    assert set(others) < table_names(address)


def test_a_file_is_for_its_owner_and_written_ahead(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with writing_engine(address_of(f"sqlite:///{path}")).connect() as connection:
        migrate(connection)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with sqlite3.connect(path) as again:
        assert again.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    again.close()
