import sqlite3
import stat
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, insert, inspect, text
from sqlalchemy.exc import DBAPIError

from service.database_url import DatabaseUrl
from service.ledger import database as database_module
from service.ledger import schema
from service.ledger.database import writing_engine
from service.ledger.fields import RowName
from service.ledger.filters import PageFilters
from service.ledger.reader import Reader
from service.ledger.schema import SchemaError, check_schema, migrate, revision
from service.ledger.store import Store
from service.ledger.stored_inputs import input_bytes
from service.ledger.tables import REVISION, VERSION_TABLE, metadata
from service.ledger.write_buffer import WriteBatch
from tests.service.ledger.conftest import database_of, floats, ledger_row, sample


def create(database: DatabaseUrl) -> None:
    with writing_engine(database).connect() as connection:
        migrate(connection)


def create_by_migrations(database: DatabaseUrl) -> None:
    with writing_engine(database).begin() as connection:
        schema._upgrade(connection)


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


def contents(database: DatabaseUrl) -> dict[str, list[tuple[Any, ...]]]:
    tables = MetaData()
    with writing_engine(database).begin() as connection:
        tables.reflect(connection)
        return {
            name: [tuple(row) for row in connection.execute(table.select())]
            for name, table in tables.tables.items()
        }


def test_new_tables_are_those_of_the_migrations(database: DatabaseUrl) -> None:
    create(database)
    created, sql = contents(database), definitions(database)
    drop_all(database)
    create_by_migrations(database)
    assert contents(database) == created
    assert definitions(database) == sql


def test_the_migrations_create_the_tables_that_are_used(database: DatabaseUrl) -> None:
    create_by_migrations(database)
    with writing_engine(database).begin() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


V1_ROW = {
    **{"endpoint": "predict", "row": 0, "rows": 1, "model": 1, "label": 0, "batch_rows": 1},
    **dict.fromkeys(("decode_us", "queue_us", "compute_us", "encode_us", "total_us"), 1),
    **{"weight": 1.0, "probabilities": floats(0.75, 0.25), "gate_mean": floats(0.5)},
    "typicality_combined": 0.5,
}
V1_MODEL = {"name": "tiny", "version": "1", "digest": "d"}


def fill_version_1(database: DatabaseUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    """Create the tables of version 1, two rows with inputs, and an input without its row."""
    with monkeypatch.context() as patch:
        patch.setattr(schema, "REVISION", "1")
        create_by_migrations(database)
    content = zlib.compress(floats(1, 2))
    with writing_engine(database).begin() as connection:
        tables = MetaData()
        tables.reflect(connection)
        models = {**V1_MODEL, "labels": '["a", "b"]', "layers": '["highway 1"]'}
        filled: dict[str, list[dict[str, Any]]] = {
            "ledger_models": [models],
            "ledger_requests": [
                {**V1_ROW, "sequence": number, "id": f"r{number}", "time": number}
                for number in (101, 102)
            ],
            "ledger_inputs": [
                {"sequence": number, "content": content} for number in (101, 102, 103)
            ],
        }
        for name, rows in filled.items():
            connection.execute(insert(tables.tables[name]), rows)


def test_tables_of_version_1_are_updated_with_their_rows(
    database: DatabaseUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_version_1(database, monkeypatch)
    assert version_of(database) == "1"
    store = Store(database)
    store.send(WriteBatch(1, sample(ledger_row(time_us=5000, content=floats(3, 4))), ()))
    store.close()
    assert version_of(database) == REVISION
    reader = Reader(database)
    rows = reader.page(PageFilters(sort="time")).rows
    assert [(r.row.time, r.model.version) for r in rows][:2] == [(101, "1"), (102, "1")]
    assert reader.stored_input(RowName("r102")).rows.tolist() == [[1, 2]]
    reader.close()
    with writing_engine(database).begin() as connection:
        stored = connection.execute(text("SELECT sequence, time FROM ledger_inputs ORDER BY 2"))
        assert [tuple(row) for row in stored][:2] == [(101, 101), (102, 102)]
        size = connection.scalar(text("SELECT sum(length(content)) FROM ledger_inputs"))
        assert input_bytes(connection) == size


def test_an_updated_database_has_the_same_tables_as_a_new_one(
    database: DatabaseUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_version_1(database, monkeypatch)
    create(database)
    with writing_engine(database).begin() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def definitions(database: DatabaseUrl) -> dict[str, Any]:
    """Return the columns in any order, the key and the indexes of each table."""
    with writing_engine(database).begin() as connection:
        inspector = inspect(connection)
        return {
            name: (
                {(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(name)},
                inspector.get_pk_constraint(name),
                sorted(inspector.get_indexes(name), key=itemgetter("name")),
            )
            for name in inspector.get_table_names()
        }


def drop_all(database: DatabaseUrl) -> None:
    tables = MetaData()
    with writing_engine(database).begin() as connection:
        tables.reflect(connection)
        tables.drop_all(connection)
        if connection.dialect.supports_sequences:
            connection.execute(text("DROP SEQUENCE ledger_sequence"))


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
    create_tables = schema._create

    def create_slowly(connection: Any) -> None:
        create_tables(connection)
        time.sleep(0.8)

    monkeypatch.setattr(schema, "_create", create_slowly)
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
