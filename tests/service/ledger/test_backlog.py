import time
from threading import Timer

from service.ledger.backlog import Backlog, Shipment
from service.ledger.entries import Batch, Gap
from tests.service.ledger.conftest import entry


def at(second: int, *, kept: int = 1, seen: int | None = None) -> Batch:
    rows = kept if seen is None else seen
    return Batch(second * 10, second * 10 + 9, rows, (entry(),) * kept)


def test_batches_come_out_as_they_went_in_with_numbers_of_their_own() -> None:
    backlog = Backlog(10)
    backlog.put(at(1))
    backlog.put(at(2))
    assert [backlog.take(), backlog.take(), backlog.take()] == [
        *(Shipment(1, at(1), ()), Shipment(2, at(2), ())),
        None,
    ]
    assert backlog.empty


def test_the_oldest_gives_way_and_is_told_with_all_the_rows_it_stood_for() -> None:
    backlog = Backlog(3)
    backlog.reason = "the disk is full"
    for second in range(1, 6):
        backlog.put(at(second, seen=100))
    assert (backlog.lost_rows, backlog.rows) == (200, 300)
    assert backlog.gaps == (Gap(10, 29, 200, "the disk is full"),)
    assert backlog.take() == Shipment(1, at(3, seen=100), backlog_gaps(10, 29, 200))
    assert len(backlog.gaps) == 0


def backlog_gaps(began: int, ended: int, rows: int) -> tuple[Gap, ...]:
    return (Gap(began, ended, rows, "the disk is full"),)


def test_the_newest_stays_however_large_it_is() -> None:
    backlog = Backlog(3)
    backlog.put(at(1, kept=2))
    backlog.put(at(2, kept=5))
    assert backlog.take() == Shipment(1, at(2, kept=5), (Gap(10, 19, 2, backlog.reason),))


def test_another_reason_is_another_gap() -> None:
    backlog = Backlog(1)
    for second, reason in ((1, "away"), (2, "away"), (3, "full"), (4, "full")):
        backlog.reason = reason
        backlog.put(at(second))
    assert backlog.gaps == (Gap(10, 19, 1, "away"), Gap(20, 39, 2, "full"))


def test_gaps_do_not_grow_without_bound() -> None:
    backlog = Backlog(1)
    for second in range(1, 100):
        backlog.reason = str(second)
        backlog.put(at(second))
    assert len(backlog.gaps) == 16
    assert sum(gap.rows for gap in backlog.gaps) == 98
    assert backlog.gaps[-1].ended_us == 989


def test_a_gap_is_shipped_though_no_batch_is_there() -> None:
    backlog = Backlog(10)
    backlog.put(at(1))
    shipment = backlog.take()
    assert shipment is not None
    backlog.refuse(shipment, "a value is out of range")
    assert not backlog.empty
    assert backlog.take() == Shipment(2, None, (Gap(10, 19, 1, "a value is out of range"),))


def test_a_refused_shipment_gives_its_gaps_back() -> None:
    backlog = Backlog(1)
    backlog.put(at(1))
    backlog.put(at(2))
    shipment = backlog.take()
    assert shipment is not None
    assert shipment.gaps
    backlog.refuse(shipment, "refused")
    assert backlog.gaps == (*shipment.gaps, Gap(20, 29, 1, "refused"))
    assert backlog.lost_rows == 2


def test_who_waits_is_woken_by_a_batch_and_by_the_end() -> None:
    backlog = Backlog(10)
    for wake in (lambda: backlog.put(at(1)), backlog.close):
        began = time.monotonic()
        Timer(0.05, wake).start()
        backlog.wait(5)
        assert time.monotonic() - began < 2
        backlog.take()
    assert backlog.closed
    began = time.monotonic()
    backlog.pause(5)
    assert time.monotonic() - began < 2


def test_a_pause_is_not_cut_short_by_batches() -> None:
    backlog = Backlog(10)
    Timer(0.01, lambda: backlog.put(at(1))).start()
    began = time.monotonic()
    backlog.pause(0.1)
    assert time.monotonic() - began >= 0.1
