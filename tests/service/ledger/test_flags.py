import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import select

from service.database_url import DatabaseUrl
from service.errors import BodyError, LedgerUnavailableError, UnknownRequestError
from service.ledger.database import writing_engine
from service.ledger.fields import RowName
from service.ledger.filters import PageFilters
from service.ledger.flags import Flags
from service.ledger.reader import Reader
from service.ledger.store import Store
from service.ledger.tables import tags
from service.ledger.write_buffer import WriteBatch
from tests.service.ledger.conftest import database_of, ledger_row, sample

ONE = RowName("one")


@pytest.fixture
def store(database: DatabaseUrl) -> Iterator[Store]:
    """A writer that has written a row of time 9, and one of time 5 with tags."""
    store = Store(database)
    first = ledger_row(time_us=5, tags=("b", "a"))
    store.send(WriteBatch(1, sample(ledger_row(time_us=9), first), ()))
    yield store
    store.close()


@pytest.fixture
def flags(database: DatabaseUrl, store: Store) -> Iterator[Flags]:
    flags = Flags(database)
    yield flags
    flags.close()


def test_a_tag_is_added_to_the_first_row_of_an_id(database: DatabaseUrl, flags: Flags) -> None:
    assert flags.add(ONE, "flagged") == (5, ["a", "b", "flagged"])
    with writing_engine(database).begin() as connection:
        (row,) = connection.execute(select(tags).where(tags.c.tag == "flagged"))
    assert tuple(row) == (2, "flagged", 5, 0.125)


def test_a_flagged_row_is_found_by_its_tag(database: DatabaseUrl, flags: Flags) -> None:
    flags.add(ONE._replace(time_us=9), "flagged")
    reader = Reader(database)
    for sort in ("-time", "typicality"):
        (recorded,) = reader.page(PageFilters.model_validate({"tag": "flagged", "sort": sort})).rows
        assert (recorded.row.time, recorded.tags) == (9, ["flagged"])
    reader.close()


def test_to_add_or_remove_a_tag_again_changes_nothing(flags: Flags) -> None:
    assert flags.add(ONE, "a") == flags.add(ONE, "a") == (5, ["a", "b"])
    assert flags.remove(ONE, "a") == flags.remove(ONE, "a") == (5, ["b"])


def test_a_time_chooses_among_requests_of_the_same_id(flags: Flags) -> None:
    assert flags.add(ONE._replace(time_us=9), "late") == (9, ["late"])
    assert flags.remove(ONE, "late") == (5, ["a", "b"])
    assert flags.remove(ONE._replace(time_us=9), "late") == (9, [])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (RowName("two"), "id: the ledger has no such request"),
        (RowName("\0"), "id: the ledger has no such request"),
        (RowName("one", 1), "row: the ledger has no such row of this request"),
        (RowName("one", 0, 7), "row: the ledger has no such row of this request"),
    ],
)
def test_an_unknown_row_is_an_error(flags: Flags, name: RowName, message: str) -> None:
    for change in (flags.add, flags.remove):
        with pytest.raises(UnknownRequestError) as error:
            change(name, "flagged")
        assert str(error.value).startswith(message)


def test_a_row_has_at_most_16_tags(flags: Flags) -> None:
    for number in range(14):
        flags.add(ONE, f"t{number}")
    with pytest.raises(BodyError) as error:
        flags.add(ONE, "one-more")
    assert str(error.value) == (
        "tag: expected at most 16 tags of a row, found 16 others; remove one of them"
    )
    assert len(flags.add(ONE, "a").tags) == 16  # it has this one


def test_flags_and_writers_do_not_disturb_each_other(
    database: DatabaseUrl, store: Store, flags: Flags
) -> None:
    def write() -> None:
        for number in range(2, 22):
            store.send(WriteBatch(number, sample(ledger_row(request_id="two")), ()))

    def flag(user: Flags, tag: str) -> None:
        for number in range(5):
            user.add(ONE, f"{tag}{number}")

    other = Flags(database)
    threads = [Thread(target=write)]
    threads += [Thread(target=flag, args=pair) for pair in ((flags, "x"), (other, "y"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(flags.remove(ONE, "none").tags) == 12
    other.close()
    with writing_engine(database).begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM ledger_requests").scalar() == 22


def test_a_missing_database_is_unavailable_and_not_created(tmp_path: Path) -> None:
    flags = Flags(database_of(f"sqlite:///{tmp_path}/ledger.db"))
    with pytest.raises(LedgerUnavailableError, match="unable to open database file"):
        flags.add(ONE, "flagged")
    assert list(tmp_path.iterdir()) == []


def test_a_locked_file_is_unavailable_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.ledger.database.BUSY_SECONDS", 0.1)
    database = database_of(f"sqlite:///{tmp_path}/ledger.db")
    store, flags = Store(database), Flags(database)
    store.send(WriteBatch(1, sample(ledger_row()), ()))
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    with pytest.raises(LedgerUnavailableError, match="database is locked"):
        flags.add(ONE, "flagged")
    assert time.monotonic() - began < 2
    other.execute("COMMIT")
    other.close()
    assert flags.add(ONE, "flagged").tags == ["flagged"]
    store.close()
