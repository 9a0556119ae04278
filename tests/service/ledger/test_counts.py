from pathlib import Path

from service.ledger.writer import LedgerCounters, LedgerCounts
from service.shared_counters import SharedCounters
from tests.service.ledger.conftest import ledger_row, sample


def test_rows_are_counted_by_outcome() -> None:
    counters = LedgerCounters(SharedCounters())
    counters.add_written(sample(ledger_row(), ledger_row(), seen=9))
    counters.add_written(sample(ledger_row()))
    counters.update(lost=5, waiting=4, writing=True)
    assert counters.total() == LedgerCounts(3, 7, 5, 4, 1)


def test_counts_are_summed_over_processes(tmp_path: Path) -> None:
    one, other = LedgerCounters(SharedCounters(tmp_path)), LedgerCounters(SharedCounters(tmp_path))
    one.add_written(sample(ledger_row()))
    other.add_written(sample(ledger_row(), seen=2))
    one.update(lost=1, waiting=2, writing=True)
    other.update(lost=1, waiting=2, writing=False)
    assert one.total() == other.total() == LedgerCounts(2, 1, 2, 4, 1)


def test_an_ended_process_has_no_waiting_rows(tmp_path: Path) -> None:
    counters = LedgerCounters(SharedCounters(tmp_path))
    counters.add_written(sample(ledger_row()))
    counters.update(lost=3, waiting=2, writing=True)
    (file,) = tmp_path.iterdir()
    file.rename(tmp_path / "ledger@4194304-dead")  # above the largest process id
    assert LedgerCounters(SharedCounters(tmp_path)).total() == LedgerCounts(1, 0, 3, 0, 0)
