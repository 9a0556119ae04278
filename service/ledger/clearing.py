"""When the writer turns to what has to go: a chunk, then a rest that is longer."""

from time import monotonic

from service.ledger.retention import Retention
from service.ledger.store import Store

SHARE = 0.3  # of the time
IDLE_SECONDS = 60.0  # between looks where there is nothing more to delete


class Clearing:
    """Deletes now and then, in the one process of all that write to the database."""

    def __init__(self, store: Store, *, days: float, rows: int) -> None:
        self._store = store
        self._retention = Retention(days=days, rows=rows)
        self._looks_at = self._goes_on_at = 0.0
        self._leads = False

    @property
    def due_seconds(self) -> float:
        """How long until the next step."""
        return max(0.0, min(self._looks_at, self._goes_on_at) - monotonic())

    def step(self) -> None:
        """Delete a chunk, if it is time."""
        began = monotonic()
        if began >= self._looks_at:
            self._leads = self._store.leads()
            self._looks_at = began + IDLE_SECONDS
        elif began < self._goes_on_at:
            return
        self._goes_on_at = self._looks_at
        if self._leads:
            began = monotonic()
            if self._retention.expire(self._store.connection()):
                self._goes_on_at = began + (monotonic() - began) / SHARE
