"""Recorded rows as a Parquet file that is written while it is sent: its memory is bounded."""

from collections.abc import Iterable, Iterator
from queue import Full, Queue
from threading import Event, Thread

from arro3.core import RecordBatch, RecordBatchReader
from arro3.io import write_parquet

from service.ledger.columns import SCHEMA, batch_of
from service.ledger.reader import Recorded

GROUP_ROWS = 16_384  # of a row group, which is in memory as a whole
WAITING = 8  # pieces that the client has not read yet
STALLED_SECONDS = 60.0  # after which a client that reads nothing is given up

Piece = bytes | Exception | None  # None is the end


def parquet(chunks: Iterable[list[Recorded]]) -> Iterator[bytes]:
    """Yield the file piece by piece; an error among the chunks is raised here."""
    sink = _Sink()
    Thread(target=_write, args=(chunks, sink), name="parquet", daemon=True).start()
    try:
        while (piece := sink.pieces.get()) is not None:
            if isinstance(piece, Exception):
                raise piece
            yield piece
    finally:
        sink.left.set()


class _Sink:
    """The file that arrow writes to; arrow dies of a file that fails, so it swallows instead."""

    def __init__(self) -> None:
        self.pieces: Queue[Piece] = Queue(WAITING)
        self.left = Event()  # set when the client has gone

    def write(self, piece: bytes) -> int:
        """Hand on, as fast as the client reads."""
        self.put(bytes(piece))
        return len(piece)

    def put(self, piece: Piece) -> None:
        """Hand on, unless nobody reads."""
        if not self.left.is_set():
            try:
                self.pieces.put(piece, timeout=STALLED_SECONDS)
            except Full:
                self.left.set()
                self.pieces.get_nowait()  # nobody else puts: what ends the file has a place now
                self.pieces.put_nowait(BrokenPipeError("its client has stopped reading"))

    def flush(self) -> None:
        """Have nothing to hand on."""

    def seek(self, *_: int) -> int:
        """Stand for what arrow looks for in a file, and does not call."""
        raise OSError("expected writing from beginning to end, found another order")


def _write(chunks: Iterable[list[Recorded]], sink: _Sink) -> None:
    failed: list[Exception] = []

    def batches() -> Iterator[RecordBatch]:
        try:
            for chunk in chunks:
                if sink.left.is_set():
                    return
                yield batch_of(chunk)
        except Exception as error:  # arrow would keep only its text
            failed.append(error)
            raise

    try:
        reader = RecordBatchReader.from_batches(SCHEMA, batches())
        write_parquet(reader, sink, max_row_group_size=GROUP_ROWS, compression="zstd(1)")  # type: ignore[arg-type]
    except Exception as error:
        sink.put(failed[0] if failed else error)
    else:
        sink.put(None)
