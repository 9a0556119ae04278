"""The thread that writes to the database and retries after errors, its status and its counts."""

import gc
import logging
import time
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from service.database_url import DatabaseUrl
from service.ledger.write_buffer import TOO_SLOW, Gap, RowSample, WriteBatch, WriteBuffer
from service.settings import Settings
from service.shared_counters import SharedCounters

if TYPE_CHECKING:
    from service.ledger.retention import Retention
    from service.ledger.store import Store

KEY = "ledger"  # of the shared counters
START_SECONDS = 1.0  # before SQLAlchemy is loaded, so that the first responses are fast
MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.1, 2.0  # after the first failure, and after many

_log = logging.getLogger(__name__)


class LedgerCounts(NamedTuple):
    """Answered rows by outcome, and the number of processes that can write now.

    The rows `written` represent themselves and those `sampled_out`; the rows `lost` are, or will
    be, in the database's gaps; the rows `waiting` are buffered.
    """

    written: int = 0
    sampled_out: int = 0
    lost: int = 0
    waiting: int = 0
    writing: int = 0


class WriterStatus(NamedTuple):
    """State of this process's writer, and the counts of all processes.

    `state` is "starting", "writing" or "unavailable".
    """

    state: str
    last_error: str | None
    counts: LedgerCounts


class LedgerCounters:
    """One process's counters, and their sums over all processes."""

    size = len(LedgerCounts._fields)

    def __init__(self, shared_counters: SharedCounters) -> None:
        self._shared_counters = shared_counters
        self._own = shared_counters.segment(KEY, self)

    def add_written(self, sample: RowSample) -> None:
        """Count a sample that is in the database."""
        self._own[:2] += len(sample.rows), sample.seen - len(sample.rows)

    def update(self, *, lost: int, waiting: int, writing: bool) -> None:
        """Set the counts that this process's writer knows."""
        self._own[2:] = lost, waiting, writing

    def total(self) -> LedgerCounts:
        """Return the sums; ended processes only count what they wrote and lost."""
        total = np.zeros(self.size)
        for segment, alive in self._shared_counters.segments(KEY, self):
            total[:3] += segment[:3]
            total[3:] += segment[3:] * alive
        return LedgerCounts(*total.astype(int).tolist())


class Writer:
    """Moves write batches from the buffer to the database; its thread loads SQLAlchemy."""

    def __init__(
        self,
        database: DatabaseUrl,
        settings: Settings,
        write_buffer: WriteBuffer,
        shared_counters: SharedCounters,
    ) -> None:
        self._database = database
        self._settings = settings
        self._write_buffer = write_buffer
        self._counters = LedgerCounters(shared_counters)
        self._thread = Thread(target=self._work, name="ledger", daemon=True)
        self._write_batch: WriteBatch | None = None
        self._pause = MIN_PAUSE_SECONDS
        self.state = "starting"  # then "writing" or "unavailable"
        self.last_error: str | None = None  # while the state is "unavailable"

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Write the buffered rows, but give up after `seconds`."""
        self._write_buffer.close()
        self._thread.join(seconds)
        self._update_counters()
        if waiting := self._waiting_rows:
            _log.warning("ledger: lost %d rows that were not yet written at shutdown", waiting)

    @property
    def pending_gaps(self) -> tuple[Gap, ...]:
        """Gaps that are not yet in the database, oldest first."""
        write_batch = self._write_batch
        return (*(write_batch.gaps if write_batch else ()), *self._write_buffer.gaps)

    def status(self) -> WriterStatus:
        """Return the state and the current counts."""
        self._update_counters()
        return WriterStatus(self.state, self.last_error, self._counters.total())

    @property
    def _waiting_rows(self) -> int:
        write_batch = self._write_batch
        sample = write_batch.sample if write_batch else None
        return self._write_buffer.rows + (sample.seen if sample else 0)

    def _update_counters(self) -> None:
        self._counters.update(
            lost=self._write_buffer.lost_rows,
            waiting=self._waiting_rows,
            writing=self.state == "writing",
        )

    def _work(self) -> None:
        self._write_buffer.wait(START_SECONDS)
        from service.ledger.retention import Retention, RetentionLimits
        from service.ledger.store import Store

        gc.freeze()  # as the application does with its modules
        store = Store(self._database)
        retention = Retention(store, RetentionLimits.of(self._settings))
        while self._write_batch or not (self._write_buffer.closed and self._write_buffer.empty):
            try:
                self._write(store, retention)
                retention.step()
            except Exception as error:
                store.drop()
                self._on_error(error)
            else:
                self._write_buffer.wait(retention.due_seconds)
        store.close()

    def _write(self, store: "Store", retention: "Retention") -> None:
        """Write all that is buffered."""
        store.connection()
        # Otherwise only a successful write proves that the database accepts rows.
        if self._write_batch is None and self._write_buffer.empty:
            self._on_success()
        while write_batch := (self._write_batch or self._write_buffer.take()):
            self._write_batch = write_batch
            store.send(write_batch)
            self._write_batch = None
            if write_batch.sample is not None:
                self._counters.add_written(write_batch.sample)
                retention.limit_inputs()
            self._on_success()

    def _on_success(self) -> None:
        if self.state != "writing":
            _log.info("ledger: writing to %s", self._database.redacted)
        self.state, self.last_error = "writing", None
        self._pause = MIN_PAUSE_SECONDS
        self._write_buffer.reason = TOO_SLOW
        self._update_counters()

    def _on_error(self, error: Exception) -> None:
        from service.ledger.database import error_sentence, is_rejected

        reason = error_sentence(error)
        if self.state != "unavailable":
            _log.warning(
                "ledger: cannot write to %s: %s; rows are buffered, predictions are not affected",
                *(self._database.redacted, reason),
            )
        self.state, self.last_error = "unavailable", reason
        self._write_buffer.reason = reason
        if self._write_batch is not None and is_rejected(error):
            self._write_buffer.reject(self._write_batch, reason)
            self._write_batch = None
        self._update_counters()
        if self._write_buffer.closed:
            time.sleep(MIN_PAUSE_SECONDS)
        self._write_buffer.pause(self._pause)
        self._pause = min(2 * self._pause, MAX_PAUSE_SECONDS)
