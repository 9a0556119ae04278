"""Databases that are slow, full, locked, unavailable or read-only: a gap, then writing resumes."""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import func, select, text

from service.database_url import DatabaseUrl
from service.ledger import database
from service.ledger.database import writing_engine
from service.ledger.stored_inputs import input_bytes
from service.ledger.tables import gaps, inputs, requests
from service.ledger.write_buffer import Gap, RowSample, WriteBuffer
from service.ledger.writer import LedgerCounts, Writer
from service.settings import Settings
from service.shared_counters import SharedCounters
from tests.service.ledger.conftest import database_of, floats, ledger_row, sample
from tests.service.ledger.proxy import Proxy, proxy


class Writing:
    """A writer with a small buffer, and the number of rows put into it."""

    def __init__(self, database: DatabaseUrl, capacity: int, **settings: int) -> None:
        self.database = database
        self.write_buffer = WriteBuffer(capacity)
        chosen = Settings.model_validate(
            {"ledger_days": 36_500, "ledger_rows": 10**12, "ledger_input_days": 36_500, **settings}
        )
        self.writer = Writer(database, chosen, self.write_buffer, SharedCounters())
        self.answered = 0

    def put(self, times: int = 1, *, seen: int = 5) -> None:
        """Put samples of `seen` answered rows, of which one is not ordinary: two rows each."""
        rows = ledger_row(ordinary=False), ledger_row(weight=seen - 1.0)
        for _ in range(times):
            self.answered += seen
            self.write_buffer.put(RowSample(1_000_000, 1_000_000, seen, rows))

    def until(self, done: Callable[[], bool], seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, (self.writer.state, self.writer.last_error)
            time.sleep(0.01)

    def until_unavailable(self) -> None:
        self.until(lambda: self.writer.state == "unavailable")

    def until_written(self) -> None:
        self.until(lambda: self.writer.state == "writing" and not self.counts.waiting)

    @property
    def counts(self) -> LedgerCounts:
        return self.writer.status().counts

    def stored(self) -> tuple[int, int]:
        """Return the sum of the weights, and the rows of all gaps, in the database."""
        with writing_engine(self.database).begin() as connection:
            represented = connection.scalar(select(func.sum(requests.c.weight))) or 0
            lost = connection.scalar(select(func.sum(gaps.c.rows))) or 0
        return round(represented), int(lost)


@contextmanager
def writing(database: DatabaseUrl, capacity: int = 10, **settings: int) -> Iterator[Writing]:
    ledger = Writing(database, capacity, **settings)
    ledger.writer.start()
    yield ledger
    ledger.writer.stop(5)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.ledger.writer.START_SECONDS", 0.01)
    monkeypatch.setattr("service.ledger.writer.MAX_PAUSE_SECONDS", 0.2)


def assert_exact(ledger: Writing, *, lost: bool) -> None:
    ledger.until_written()
    represented, gap_rows = ledger.stored()
    assert represented + gap_rows == ledger.answered
    assert (gap_rows > 0) is lost
    own = ledger.counts
    assert (own.written + own.sampled_out, own.lost, own.waiting) == (represented, gap_rows, 0)


def test_samples_are_written(database: DatabaseUrl) -> None:
    with writing(database) as ledger:
        ledger.put(3)
        assert_exact(ledger, lost=False)
        assert ledger.counts == (6, 9, 0, 0, 1)


def test_stored_inputs_stay_within_their_size(sqlite_url: str) -> None:
    database = database_of(sqlite_url)
    with writing(database, capacity=100, ledger_input_bytes=100) as ledger:
        for time_us in range(30):
            row = ledger_row(time_us=time_us, content=floats(*range(8)))
            ledger.answered += 1
            ledger.write_buffer.put(sample(row))
        assert_exact(ledger, lost=False)
    # The writer removes what exceeds the size after it has written, and has done so when it stops.
    with writing_engine(database).begin() as connection:
        kept = connection.scalars(select(inputs.c.time).order_by(inputs.c.time)).all()
        assert 0 < input_bytes(connection) <= 100
    assert kept == list(range(30))[-len(kept) :]


def test_stop_writes_all_buffered_samples(database: DatabaseUrl) -> None:
    with writing(database, capacity=1000) as ledger:
        ledger.put(50)
    assert ledger.stored() == (250, 0)


def test_stop_without_samples_opens_no_database(tmp_path: Path) -> None:
    began = time.monotonic()
    ledger = Writing(database_of(f"sqlite:///{tmp_path}/no.db"), 1)
    ledger.write_buffer.close()
    ledger.writer.start()
    ledger.writer.stop(5)
    assert time.monotonic() - began < 2
    assert list(tmp_path.iterdir()) == []


def through(url: str, port: int) -> DatabaseUrl:
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    return database_of(parts._replace(netloc=f"{user}{at}127.0.0.1:{port}").geturl())


@contextmanager
def proxied(url: str, **options: int) -> Iterator[tuple[Proxy, Writing]]:
    with (
        proxy(url) as connection,
        writing(through(url, connection.port), **options) as ledger,
    ):
        yield connection, ledger


def test_a_short_outage_loses_no_rows(postgresql_url: str) -> None:
    with proxied(postgresql_url, capacity=100) as (connection, ledger):
        ledger.put()
        ledger.until_written()
        connection.cut()
        ledger.put(3)
        ledger.until_unavailable()
        assert ledger.counts.waiting == 15
        connection.restore()
        assert_exact(ledger, lost=False)


def test_a_long_outage_leaves_a_gap_of_the_exact_number_of_rows(
    postgresql_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "service.ledger")
    with proxied(postgresql_url) as (connection, ledger):
        ledger.put(2)
        ledger.until_written()
        connection.cut()
        ledger.put()
        ledger.until_unavailable()
        ledger.put(30)
        assert ledger.writer.last_error is not None
        (pending,) = ledger.writer.pending_gaps
        assert pending.rows == ledger.counts.lost
        connection.restore()
        assert_exact(ledger, lost=True)
        assert ledger.writer.pending_gaps == ()
    messages = [event.getMessage()[:20] for event in caplog.records]
    assert messages == ["ledger: writing to p", "ledger: cannot write", "ledger: writing to p"]


def test_a_connection_that_drops_all_data_is_aborted(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database.time_limit, "__defaults__", (0.5,))
    with proxied(postgresql_url) as (connection, ledger):
        ledger.put()
        ledger.until_written()
        connection.freeze()
        ledger.put(20)
        ledger.until_unavailable()
        connection.restore()
        assert_exact(ledger, lost=True)


def test_no_message_contains_the_password(caplog: pytest.LogCaptureFixture) -> None:
    database = database_of("postgresql://user:secret@127.0.0.1:1/base")
    with writing(database) as ledger:
        ledger.put()
        ledger.until_unavailable()
        assert "secret" not in (ledger.writer.last_error or "")
        ledger.write_buffer.take()
    assert caplog.records
    assert "secret" not in caplog.text


def sqlite_at(path: Path) -> DatabaseUrl:
    return database_of(f"sqlite:///{path}")


def test_a_locked_file_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    with writing(sqlite_at(tmp_path / "ledger.db")) as ledger:
        ledger.put()
        ledger.until_written()
        other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        ledger.put(20)
        ledger.until_unavailable()
        for _ in range(40):  # the state does not alternate between attempts
            assert (ledger.writer.state, ledger.writer.last_error) == (
                "unavailable",
                "database is locked",
            )
            time.sleep(0.02)
        other.execute("COMMIT")
        other.close()
        assert_exact(ledger, lost=True)


def test_a_full_disk_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = "PRAGMA max_page_count = 60"
    monkeypatch.setattr(database, "_SQLITE_SETTINGS", (*database._SQLITE_SETTINGS, limit))
    with writing(sqlite_at(tmp_path / "ledger.db")) as ledger:
        while ledger.writer.state != "unavailable":
            ledger.put()
            time.sleep(0.005)
        assert ledger.writer.last_error == "database or disk is full"
        ledger.put(20)
        with sqlite3.connect(tmp_path / "ledger.db") as other:
            other.execute("DELETE FROM ledger_requests")
        other.close()
        ledger.until_written()
        own = ledger.counts
        assert own.written + own.sampled_out + own.lost == ledger.answered


@pytest.mark.parametrize("what", ["a folder in its place", "no folder", "a file for a folder"])
def test_a_path_that_cannot_be_written_is_an_error_and_tried_again(
    tmp_path: Path, what: str
) -> None:
    folder = tmp_path / "data"
    path = folder / "ledger.db"
    if what == "a folder in its place":
        path.mkdir(parents=True)
    if what == "a file for a folder":
        folder.write_text("")
    with writing(sqlite_at(path)) as ledger:
        ledger.put()
        ledger.until_unavailable()
        last_error = {
            "a folder in its place": "Is a directory",
            "no folder": "No such file or directory",
            "a file for a folder": "Not a directory",
        }[what]
        assert ledger.writer.last_error == f"{path}: {last_error}"
        if what == "a folder in its place":
            path.rmdir()
        if what == "a file for a folder":
            folder.unlink()
        folder.mkdir(exist_ok=True)
        assert_exact(ledger, lost=False)


def test_a_read_only_database_is_an_error(postgresql_url: str) -> None:
    database = database_of(postgresql_url)
    with writing(database) as ledger:
        ledger.put()
        ledger.until_written()
        run(database, "ALTER DATABASE {} SET default_transaction_read_only = on")
        disconnect(database)
        ledger.put()
        ledger.until_unavailable()
        ledger.until(lambda: "read-only" in (ledger.writer.last_error or ""))
        run(
            database,
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
            "ALTER DATABASE {} RESET ALL",
        )
        assert_exact(ledger, lost=False)


def run(database: DatabaseUrl, *statements: str) -> None:
    engine = writing_engine(database).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        name = connection.scalar(text("SELECT current_database()"))
        for statement in statements:
            connection.execute(text(statement.format(name)))


def disconnect(database: DatabaseUrl) -> None:
    """End all other sessions, which keep the old settings."""
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    run(database, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")


def test_tables_of_a_newer_release_are_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE ledger_version (version_num TEXT)")
        other.execute("INSERT INTO ledger_version VALUES ('99')")
    other.close()
    with writing(sqlite_at(path)) as ledger:
        ledger.put()
        ledger.until_unavailable()
        assert (ledger.writer.last_error or "").startswith("tables: expected version")
        path.unlink()
        assert_exact(ledger, lost=False)


def test_rejected_values_become_a_gap(postgresql_url: str) -> None:
    with writing(database_of(postgresql_url)) as ledger:
        ledger.answered += 4
        ledger.write_buffer.put(
            sample(ledger_row(time_us=2**63), seen=4)._replace(began_us=1, ended_us=2)
        )
        ledger.put()
        assert_exact(ledger, lost=True)
        with writing_engine(ledger.database).begin() as connection:
            rows = connection.execute(
                select(gaps.c.began, gaps.c.ended, gaps.c.rows, gaps.c.reason)
            )
            (gap,) = [Gap(*row) for row in rows]
    assert gap[:3] == (1, 2, 4)


def test_stop_logs_the_number_of_lost_rows(caplog: pytest.LogCaptureFixture) -> None:
    ledger = Writing(database_of("postgresql://user@127.0.0.1:1/base"), 10)
    ledger.writer.start()
    ledger.put(2)
    ledger.until_unavailable()
    ledger.writer.stop(0.3)
    assert caplog.records[-1].getMessage() == (
        "ledger: lost 10 rows that were not yet written at shutdown"
    )
