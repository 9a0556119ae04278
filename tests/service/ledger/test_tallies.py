from pathlib import Path

from service.inference.counters import Board
from service.ledger.tallies import Tallies, Tally
from tests.service.ledger.conftest import batch, entry


def test_rows_are_counted_by_what_became_of_them() -> None:
    tallies = Tallies(Board())
    tallies.wrote(batch(entry(), entry(), seen=9))
    tallies.wrote(batch(entry()))
    tallies.tell(lost=5, waiting=4, writing=True)
    assert tallies.own == tallies.total() == Tally(3, 7, 5, 4, 1)


def test_processes_count_together(tmp_path: Path) -> None:
    one, other = Tallies(Board(tmp_path)), Tallies(Board(tmp_path))
    one.wrote(batch(entry()))
    other.wrote(batch(entry(), seen=2))
    one.tell(lost=1, waiting=2, writing=True)
    other.tell(lost=1, waiting=2, writing=False)
    assert one.total() == other.total() == Tally(2, 1, 2, 4, 1)
    assert one.own == Tally(1, 0, 1, 2, 1)


def test_of_a_process_that_has_ended_nothing_waits(tmp_path: Path) -> None:
    tallies = Tallies(Board(tmp_path))
    tallies.wrote(batch(entry()))
    tallies.tell(lost=3, waiting=2, writing=True)
    (file,) = tmp_path.iterdir()
    file.rename(tmp_path / "ledger@4194304-dead")  # above the largest number of a process
    assert Tallies(Board(tmp_path)).total() == Tally(1, 0, 3, 0, 0)
