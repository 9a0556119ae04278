"""The ledger as the application holds it: who records, who writes, who reads, and how it stands."""

from typing import TYPE_CHECKING, NamedTuple

from service.inference.counters import Board
from service.ledger.address import Address, read_address
from service.ledger.backlog import Backlog
from service.ledger.entries import Gap
from service.ledger.recorder import LedgerRecorder
from service.ledger.tallies import Tallies, Tally
from service.ledger.writer import Writer
from service.settings import Settings

if TYPE_CHECKING:
    from service.ledger.reader import Reader

BACKLOG_SECONDS = 20  # of recording at the full rate, which may wait for the database
STOP_SECONDS = 5.0


class Standing(NamedTuple):
    """How this process's writer stands, and the sums over all processes."""

    state: str
    trouble: str | None
    tally: Tally


class Ledger:
    """Records what is answered, from `start` to `close`; one for each process."""

    def __init__(self, address: Address, settings: Settings, board: Board) -> None:
        self.address = address
        self.settings = settings
        self._tallies = Tallies(board)
        rate = settings.ledger_rate / settings.workers
        self._backlog = Backlog(max(1, round(rate * BACKLOG_SECONDS)))
        self._writer = Writer(
            *(address, self._backlog, self._tallies),
            days=settings.ledger_days,
            rows=settings.ledger_rows,
        )
        self.recorder = LedgerRecorder(self._backlog.put, rate=rate, inputs=settings.ledger_inputs)
        self._reader: Reader | None = None

    def start(self) -> None:
        """Begin to write."""
        self._writer.start()

    def close(self) -> None:
        """Write what is left, within `STOP_SECONDS`."""
        self.recorder.hand_over()
        self._writer.stop(STOP_SECONDS)
        if self._reader is not None:
            self._reader.close()

    def standing(self) -> Standing:
        """Tell how it stands."""
        self._writer.tell()
        return Standing(self._writer.state, self._writer.trouble, self._tallies.total())

    @property
    def pending_gaps(self) -> tuple[Gap, ...]:
        """Gaps of this process that the database does not know yet, oldest first."""
        return self._writer.pending_gaps

    @property
    def reader(self) -> "Reader":
        """Who looks things up; loads SQLAlchemy, so not for the event loop."""
        if self._reader is None:
            from service.ledger.reader import Reader

            self._reader = Reader(self.address)
        return self._reader


def open_ledger(settings: Settings, board: Board) -> Ledger | None:
    """Return the ledger that the settings ask for, if they do."""
    address = read_address(settings.ledger_url)
    return None if address is None else Ledger(address, settings, board)
