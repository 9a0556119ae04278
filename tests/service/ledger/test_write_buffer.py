import time
from threading import Timer

import pytest

from service.ledger import write_buffer as module
from service.ledger.write_buffer import TOO_SLOW, Gap, RowSample, WriteBatch, WriteBuffer
from tests.service.ledger.conftest import ledger_row


def at(second: int, *, size: int = 1, seen: int | None = None) -> RowSample:
    """Return a sample of `size` rows from a second."""
    count = size if seen is None else seen
    rows = (ledger_row(weight=count / size),) * size
    return RowSample(second * 10, second * 10 + 9, count, rows)


def mixed(second: int, *, seen: int) -> RowSample:
    """Return a sample of one row that is not ordinary and two that are."""
    rare, ordinary = ledger_row(ordinary=False), ledger_row(weight=(seen - 1) / 2)
    return RowSample(second * 10, second * 10 + 9, seen, (ordinary, rare, ordinary))


def test_samples_are_taken_in_order_as_numbered_write_batches() -> None:
    write_buffer = WriteBuffer(10)
    write_buffer.put(at(1))
    write_buffer.put(at(2))
    assert [write_buffer.take(), write_buffer.take(), write_buffer.take()] == [
        *(WriteBatch(1, at(1), ()), WriteBatch(2, at(2), ())),
        None,
    ]
    assert write_buffer.empty


def test_a_full_buffer_replaces_the_oldest_samples_by_a_gap_of_all_their_rows() -> None:
    write_buffer = WriteBuffer(3)
    write_buffer.reason = "the disk is full"
    for second in range(1, 6):
        write_buffer.put(at(second, seen=100))
    assert (write_buffer.lost_rows, write_buffer.rows) == (200, 300)
    assert write_buffer.gaps == (Gap(10, 29, 200, "the disk is full"),)
    assert write_buffer.take() == WriteBatch(1, at(3, seen=100), disk_gap(10, 29, 200))
    assert len(write_buffer.gaps) == 0


def disk_gap(began: int, ended: int, rows: int) -> tuple[Gap, ...]:
    return (Gap(began, ended, rows, "the disk is full"),)


def test_inputs_beyond_their_size_are_not_buffered_but_their_rows_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_INPUT_BYTES", 10)
    write_buffer = WriteBuffer(5)

    def sample(*sizes: int) -> RowSample:
        rows = tuple(ledger_row(content=bytes(size)) for size in sizes)
        return RowSample(10, 19, len(rows), rows)

    def taken() -> list[int | None]:
        write_batch = write_buffer.take()
        assert write_batch is not None
        assert write_batch.sample is not None
        rows = write_batch.sample.rows
        return [None if row.content is None else len(row.content) for row in rows]

    write_buffer.put(sample(4))
    write_buffer.put(sample(4, 4))
    write_buffer.put(sample(2, 1))
    assert [taken(), taken()] == [[4], [4, None]]
    write_buffer.put(sample(8, 1))  # the two that were taken have made room
    assert [taken(), taken()] == [[2, None], [8, None]]
    for _ in range(7):  # the sixth row finds no room, and what it displaces makes some
        write_buffer.put(sample(2))
    assert [taken() for _ in range(5)] == [[2], [2], [2], [None], [2]]


def test_a_full_buffer_discards_ordinary_rows_first() -> None:
    write_buffer = WriteBuffer(5)
    for second in range(1, 4):
        write_buffer.put(mixed(second, seen=100))
    assert (write_buffer.lost_rows, write_buffer.rows) == (198, 102)
    rare = (ledger_row(ordinary=False),)
    assert [write_buffer.take() for _ in range(3)] == [
        WriteBatch(1, RowSample(10, 19, 1, rare), (Gap(10, 29, 198, TOO_SLOW),)),
        WriteBatch(2, RowSample(20, 29, 1, rare), ()),
        WriteBatch(3, mixed(3, seen=100), ()),
    ]
    assert write_buffer.empty


def test_if_only_other_rows_are_left_the_oldest_are_discarded() -> None:
    write_buffer = WriteBuffer(4)
    for second in range(1, 6):
        write_buffer.put(mixed(second, seen=11))
    assert (write_buffer.lost_rows, write_buffer.rows) == (43, 12)
    write_batch = write_buffer.take()
    assert write_batch is not None
    assert write_batch.sample == RowSample(40, 49, 1, (ledger_row(ordinary=False),))
    assert sum(gap.rows for gap in write_batch.gaps) == 43


def test_the_newest_sample_is_kept_at_any_size() -> None:
    write_buffer = WriteBuffer(3)
    write_buffer.put(at(1, size=2))
    write_buffer.put(at(2, size=5))
    assert write_buffer.take() == WriteBatch(
        1, at(2, size=5), (Gap(10, 19, 2, write_buffer.reason),)
    )


def test_each_reason_has_its_own_gap() -> None:
    write_buffer = WriteBuffer(1)
    for second, reason in ((1, "unavailable"), (2, "unavailable"), (3, "full"), (4, "full")):
        write_buffer.reason = reason
        write_buffer.put(at(second))
    assert write_buffer.gaps == (Gap(10, 19, 1, "unavailable"), Gap(20, 39, 2, "full"))


def test_the_number_of_gaps_is_bounded() -> None:
    write_buffer = WriteBuffer(1)
    for second in range(1, 100):
        write_buffer.reason = str(second)
        write_buffer.put(at(second))
    assert len(write_buffer.gaps) == 16
    assert sum(gap.rows for gap in write_buffer.gaps) == 98
    assert write_buffer.gaps[-1].ended_us == 989


def test_a_gap_is_a_write_batch_without_a_sample() -> None:
    write_buffer = WriteBuffer(10)
    write_buffer.put(at(1))
    write_batch = write_buffer.take()
    assert write_batch is not None
    write_buffer.reject(write_batch, "a value is out of range")
    assert not write_buffer.empty
    assert write_buffer.take() == WriteBatch(2, None, (Gap(10, 19, 1, "a value is out of range"),))


def test_a_rejected_write_batch_returns_its_gaps() -> None:
    write_buffer = WriteBuffer(1)
    write_buffer.put(at(1))
    write_buffer.put(at(2))
    write_batch = write_buffer.take()
    assert write_batch is not None
    assert write_batch.gaps
    write_buffer.reject(write_batch, "rejected")
    assert write_buffer.gaps == (*write_batch.gaps, Gap(20, 29, 1, "rejected"))
    assert write_buffer.lost_rows == 2


def test_a_wait_ends_with_a_sample_and_with_close() -> None:
    write_buffer = WriteBuffer(10)
    for wake in (lambda: write_buffer.put(at(1)), write_buffer.close):
        began = time.monotonic()
        Timer(0.05, wake).start()
        write_buffer.wait(5)
        assert time.monotonic() - began < 2
        write_buffer.take()
    assert write_buffer.closed
    began = time.monotonic()
    write_buffer.pause(5)
    assert time.monotonic() - began < 2


def test_a_pause_does_not_end_with_a_sample() -> None:
    write_buffer = WriteBuffer(10)
    Timer(0.01, lambda: write_buffer.put(at(1))).start()
    began = time.monotonic()
    write_buffer.pause(0.1)
    assert time.monotonic() - began >= 0.1
