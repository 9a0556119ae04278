"""Databases that are slow, full, locked, away or read-only: the gap is told, records resume."""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from service.inference.counters import Board
from service.ledger import database
from service.ledger.address import Address
from service.ledger.backlog import Backlog
from service.ledger.database import writing_engine
from service.ledger.entries import Gap
from service.ledger.tables import gaps, requests
from service.ledger.tallies import Tallies
from service.ledger.writer import Writer
from tests.service.ledger.conftest import address_of, batch, entry
from tests.service.ledger.proxy import proxy


class Writing:
    """A writer with a small backlog, and what was given to it."""

    def __init__(self, address: Address, capacity: int) -> None:
        self.address = address
        self.backlog = Backlog(capacity)
        self.tallies = Tallies(Board())
        self.writer = Writer(address, self.backlog, self.tallies, days=36_500, rows=10**12)
        self.answered = 0

    def answer(self, times: int = 1, *, seen: int = 5) -> None:
        """Give it batches of two rows that stand for `seen`."""
        for _ in range(times):
            self.answered += seen
            self.backlog.put(batch(entry(), entry(), seen=seen))

    def until(self, done: Callable[[], bool], seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, (self.writer.state, self.writer.trouble)
            time.sleep(0.01)

    def until_away(self) -> None:
        self.until(lambda: self.writer.state == "away")

    def until_written(self) -> None:
        self.until(lambda: self.writer.state == "writing" and not self.own.waiting)

    @property
    def own(self):  # type: ignore[no-untyped-def]
        self.writer.tell()
        return self.tallies.own

    def told(self) -> tuple[int, int]:
        """Return the rows that the database stands for, and those of its gaps."""
        with writing_engine(self.address).begin() as connection:
            stood_for = connection.scalar(select(func.sum(requests.c.weight))) or 0
            lost = connection.scalar(select(func.sum(gaps.c.rows))) or 0
        return round(stood_for), int(lost)


@contextmanager
def writing(address: Address, capacity: int = 10) -> Iterator[Writing]:
    found = Writing(address, capacity)
    found.writer.start()
    yield found
    found.writer.stop(5)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.ledger.writer.FIRST_SECONDS", 0.01)
    monkeypatch.setattr("service.ledger.writer.LONGEST_PAUSE_SECONDS", 0.2)


def assert_exact(found: Writing, *, lost: bool) -> None:
    found.until_written()
    stood_for, gap_rows = found.told()
    assert stood_for + gap_rows == found.answered
    assert (gap_rows > 0) is lost
    own = found.own
    assert (own.written + own.sampled_out, own.lost, own.waiting) == (stood_for, gap_rows, 0)


def test_what_is_given_is_written(address: Address) -> None:
    with writing(address) as found:
        found.answer(3)
        assert_exact(found, lost=False)
        assert found.own == (6, 9, 0, 0, 1)


def test_a_stop_writes_what_waits(address: Address) -> None:
    with writing(address, capacity=1000) as found:
        found.answer(50)
    assert found.told() == (250, 0)


def test_a_stop_before_anything_was_answered_opens_nothing(tmp_path: Path) -> None:
    began = time.monotonic()
    found = Writing(address_of(f"sqlite:///{tmp_path}/no.db"), 1)
    found.backlog.close()
    found.writer.start()
    found.writer.stop(5)
    assert time.monotonic() - began < 2
    assert list(tmp_path.iterdir()) == []


def through(url: str, port: int) -> Address:
    return address_of(url.replace(":5432/", f":{port}/"))


def test_a_server_that_is_away_for_a_moment_costs_nothing(postgresql_url: str) -> None:
    with proxy() as line, writing(through(postgresql_url, line.port), capacity=100) as found:
        found.answer()
        found.until_written()
        line.cut()
        found.answer(3)
        found.until_away()
        assert found.own.waiting == 15
        line.mend()
        assert_exact(found, lost=False)


def test_a_server_that_is_away_for_long_leaves_a_gap_that_is_told_exactly(
    postgresql_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "service.ledger")
    with proxy() as line, writing(through(postgresql_url, line.port)) as found:
        found.answer(2)
        found.until_written()
        line.cut()
        found.answer()
        found.until_away()
        found.answer(30)
        assert found.writer.trouble is not None
        (pending,) = found.writer.pending_gaps
        assert pending.rows == found.own.lost
        line.mend()
        assert_exact(found, lost=True)
        assert found.writer.pending_gaps == ()
    told = [record.getMessage().partition(":")[2][:12] for record in caplog.records]
    assert told == [" records go ", " postgresql:", " records go "]


def test_a_line_that_swallows_everything_is_given_up(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database.limited.__wrapped__, "__defaults__", (0.5,))  # type: ignore[attr-defined]
    with proxy() as line, writing(through(postgresql_url, line.port)) as found:
        found.answer()
        found.until_written()
        line.hold()
        found.answer(20)
        found.until_away()
        line.mend()
        assert_exact(found, lost=True)


def test_a_password_is_in_no_message(caplog: pytest.LogCaptureFixture) -> None:
    address = address_of("postgresql://nobody:secret@127.0.0.1:1/base")
    with writing(address) as found:
        found.answer()
        found.until_away()
        assert "secret" not in (found.writer.trouble or "")
        found.backlog.take()
    assert caplog.records
    assert "secret" not in caplog.text


def sqlite_at(path: Path) -> Address:
    return address_of(f"sqlite:///{path}")


def test_a_file_that_another_process_locks_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    with writing(sqlite_at(tmp_path / "ledger.db")) as found:
        found.answer()
        found.until_written()
        other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        found.answer(20)
        found.until_away()
        for _ in range(40):  # and not now this, now that, at every try
            assert (found.writer.state, found.writer.trouble) == ("away", "database is locked")
            time.sleep(0.02)
        other.execute("COMMIT")
        other.close()
        assert_exact(found, lost=True)


def test_a_full_disk_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    most = ["PRAGMA max_page_count = 60"]
    monkeypatch.setattr(database, "_FILE_SETTINGS", (*database._FILE_SETTINGS, *most))
    with writing(sqlite_at(tmp_path / "ledger.db")) as found:
        while found.writer.state != "away":
            found.answer()
            time.sleep(0.005)
        assert found.writer.trouble == "database or disk is full"
        found.answer(20)
        with sqlite3.connect(tmp_path / "ledger.db") as other:
            other.execute("DELETE FROM ledger_requests")
        other.close()
        found.until_written()
        own = found.own
        assert own.written + own.sampled_out + own.lost == found.answered


@pytest.mark.parametrize("what", ["a folder in its place", "no folder", "a file for a folder"])
def test_a_place_that_cannot_be_written_to_is_told_and_tried_again(
    tmp_path: Path, what: str
) -> None:
    folder = tmp_path / "data"
    path = folder / "ledger.db"
    if what == "a folder in its place":
        path.mkdir(parents=True)
    if what == "a file for a folder":
        folder.write_text("")
    with writing(sqlite_at(path)) as found:
        found.answer()
        found.until_away()
        trouble = {
            "a folder in its place": "Is a directory",
            "no folder": "No such file or directory",
            "a file for a folder": "Not a directory",
        }[what]
        assert found.writer.trouble == f"{path}: {trouble}"
        if what == "a folder in its place":
            path.rmdir()
        if what == "a file for a folder":
            folder.unlink()
        folder.mkdir(exist_ok=True)
        assert_exact(found, lost=False)


def test_a_database_that_only_reads_is_told(postgresql_url: str) -> None:
    address = address_of(postgresql_url)
    with writing(address) as found:
        found.answer()
        found.until_written()
        run(address, "ALTER DATABASE {} SET default_transaction_read_only = on")
        disconnect(address)
        found.answer()
        found.until_away()
        found.until(lambda: "read-only" in (found.writer.trouble or ""))
        run(
            address,
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
            "ALTER DATABASE {} RESET ALL",
        )
        assert_exact(found, lost=False)


def run(address: Address, *statements: str) -> None:
    engine = writing_engine(address).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        name = connection.scalar(text("SELECT current_database()"))
        for statement in statements:
            connection.execute(text(statement.format(name)))


def disconnect(address: Address) -> None:
    """End the others' sessions: theirs keep what was set before."""
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    run(address, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")


def test_tables_of_a_newer_release_are_a_reason_to_wait(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE ledger_version (version_num TEXT)")
        other.execute("INSERT INTO ledger_version VALUES ('99')")
    other.close()
    with writing(sqlite_at(path)) as found:
        found.answer()
        found.until_away()
        assert (found.writer.trouble or "").startswith("tables: expected version")
        path.unlink()
        assert_exact(found, lost=False)


def test_values_that_the_database_refuses_are_a_gap_and_no_obstacle(postgresql_url: str) -> None:
    with writing(address_of(postgresql_url)) as found:
        found.answered += 4
        found.backlog.put(batch(entry(time_us=2**63), seen=4)._replace(began_us=1, ended_us=2))
        found.answer()
        assert_exact(found, lost=True)
        with writing_engine(found.address).begin() as connection:
            rows = connection.execute(
                select(gaps.c.began, gaps.c.ended, gaps.c.rows, gaps.c.reason)
            )
            (gap,) = [Gap(*row) for row in rows]
    assert gap[:3] == (1, 2, 4)


def test_what_is_still_there_at_the_end_is_told(caplog: pytest.LogCaptureFixture) -> None:
    found = Writing(address_of("postgresql://nobody@127.0.0.1:1/base"), 10)
    found.writer.start()
    found.answer(2)
    found.until_away()
    found.writer.stop(0.3)
    assert caplog.records[-1].getMessage() == (
        "ledger: 10 rows still wait for the database and are lost"
    )
