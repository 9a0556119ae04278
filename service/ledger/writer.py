"""The one thread that writes: what fails is tried again, and what had to go is told."""

import gc
import logging
import time
from threading import Thread
from typing import TYPE_CHECKING

from service.ledger.address import Address
from service.ledger.backlog import SLOW, Backlog, Shipment
from service.ledger.entries import Gap
from service.ledger.tallies import Tallies
from service.ledger.trouble import is_refused, sentence

if TYPE_CHECKING:
    from service.ledger.store import Store

_log = logging.getLogger(__name__)

FIRST_SECONDS = 1.0  # the server's first answers come before SQLAlchemy is loaded
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 2.0  # after a failure, and after many


class Writer:
    """Takes from the backlog and puts into the database; loads SQLAlchemy in its own thread."""

    def __init__(
        self, address: Address, backlog: Backlog, tallies: Tallies, *, days: float, rows: int
    ) -> None:
        """Keep rows for so many `days`, and about so many `rows`."""
        self._address = address
        self._backlog = backlog
        self._tallies = tallies
        self._days, self._rows = days, rows
        self._thread = Thread(target=self._work, name="ledger", daemon=True)
        self._shipment: Shipment | None = None
        self._pause = PAUSE_SECONDS
        self.state = "starting"  # then "writing" or "away"
        self.trouble: str | None = None  # in one sentence, while it is away

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Write what waits, but give up after so long."""
        self._backlog.close()
        self._thread.join(seconds)
        self.tell()
        if waiting := self._tallies.own.waiting:
            _log.warning("ledger: %d rows still wait for the database and are lost", waiting)

    @property
    def pending_gaps(self) -> tuple[Gap, ...]:
        """Gaps that the database does not know yet, oldest first."""
        shipment = self._shipment
        return (*(shipment.gaps if shipment else ()), *self._backlog.gaps)

    def tell(self) -> None:
        """Bring the tallies up to date."""
        shipment = self._shipment
        batch = shipment.batch if shipment else None
        self._tallies.tell(
            lost=self._backlog.lost_rows,
            waiting=self._backlog.rows + (batch.seen if batch else 0),
            writing=self.state == "writing",
        )

    def _work(self) -> None:
        self._backlog.wait(FIRST_SECONDS)
        from service.ledger.clearing import Clearing
        from service.ledger.store import Store

        gc.freeze()  # as the application does with what it has loaded
        store = Store(self._address)
        clearing = Clearing(store, days=self._days, rows=self._rows)
        while self._shipment or not (self._backlog.closed and self._backlog.empty):
            try:
                self._write(store)
                clearing.step()
            except Exception as error:
                store.drop()
                self._failed(error)
            else:
                self._backlog.wait(clearing.due_seconds)
        store.close()

    def _write(self, store: "Store") -> None:
        """Write all that waits."""
        store.connection()
        if self._shipment is None and self._backlog.empty:  # else only what is written shows it
            self._succeeded()
        while shipment := (self._shipment or self._backlog.take()):
            self._shipment = shipment
            store.send(shipment)
            self._shipment = None
            if shipment.batch is not None:
                self._tallies.wrote(shipment.batch)
            self._succeeded()

    def _succeeded(self) -> None:
        if self.state != "writing":
            _log.info("ledger: records go to %s", self._address.shown)
        self.state, self.trouble = "writing", None
        self._pause = PAUSE_SECONDS
        self._backlog.reason = SLOW
        self.tell()

    def _failed(self, error: Exception) -> None:
        reason = sentence(error)
        if self.state != "away":
            _log.warning(
                "ledger: %s cannot be written to: %s; answers go on, records wait",
                *(self._address.shown, reason),
            )
        self.state, self.trouble = "away", reason
        self._backlog.reason = reason
        if self._shipment is not None and is_refused(error):
            self._backlog.refuse(self._shipment, reason)
            self._shipment = None
        self.tell()
        if self._backlog.closed:
            time.sleep(PAUSE_SECONDS)
        self._backlog.pause(self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
