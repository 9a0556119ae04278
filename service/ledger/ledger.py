"""The ledger of one process: observer, write buffer, writer and reader."""

from typing import TYPE_CHECKING

from service.database_url import DatabaseUrl, read_database_url
from service.errors import LedgerOffError
from service.ledger.observer import LedgerObserver
from service.ledger.write_buffer import WriteBuffer
from service.ledger.writer import Writer
from service.settings import Settings
from service.shared_counters import SharedCounters

if TYPE_CHECKING:
    from service.ledger.flags import Flags
    from service.ledger.reader import Reader

BUFFER_SECONDS = 20  # of rows at the full rate
STOP_SECONDS = 5.0


class Ledger:
    """Records answered rows from `start` to `close`."""

    def __init__(
        self, database: DatabaseUrl, settings: Settings, shared_counters: SharedCounters
    ) -> None:
        self.database = database
        rate = settings.ledger_rate / settings.workers
        write_buffer = WriteBuffer(max(1, round(rate * BUFFER_SECONDS)))
        self.writer = Writer(database, settings, write_buffer, shared_counters)
        self.observer = LedgerObserver(
            write_buffer.put,
            rate=rate,
            inputs=settings.ledger_inputs,
            atypical=settings.ledger_atypical,
        )
        self._reader: Reader | None = None
        self._flags: Flags | None = None

    def start(self) -> None:
        """Start the writer."""
        self.writer.start()

    def close(self) -> None:
        """Write the buffered rows within `STOP_SECONDS`, and close all connections."""
        self.observer.flush()
        self.writer.stop(STOP_SECONDS)
        for user in (self._reader, self._flags):
            if user is not None:
                user.close()

    @property
    def reader(self) -> "Reader":
        """Reader for use in threads; the first access loads SQLAlchemy."""
        if self._reader is None:
            from service.ledger.reader import Reader

            self._reader = Reader(self.database)
        return self._reader

    @property
    def flags(self) -> "Flags":
        """Changes of tags, for use in threads."""
        if self._flags is None:
            from service.ledger.flags import Flags

            self._flags = Flags(self.database)
        return self._flags


def open_ledger(settings: Settings, shared_counters: SharedCounters) -> Ledger | None:
    """Return the ledger of the settings, None if it is off."""
    database = read_database_url(settings.ledger_url)
    return None if database is None else Ledger(database, settings, shared_counters)


def require_ledger(ledger: Ledger | None) -> Ledger:
    """Return the ledger; without one raise `LedgerOffError`."""
    if ledger is None:
        raise LedgerOffError("the ledger is off; set HIGHWAY_LEDGER_URL to turn it on")
    return ledger
