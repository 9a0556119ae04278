"""The bounded queue of a model: pending requests, counted in rows, shared fairly by clients."""

import math
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from service.arrays import FloatArray, Outputs
from service.errors import QueueFullError
from service.inference.outputs import BatchOutputs
from service.inference.pace import Pace

SHARED_NS = 50_000_000  # after a request of another client, for which they share the model
TURN_NS = 500_000  # of computing, for each client in a batch that is shared
TURNS = 8  # of clients in a full batch; those of a few clients are short, so that none waits long
UNLIMITED_NS = 2**62
# A batch of more rows takes no longer than this: a large one is computed faster, but delays others.
USUAL_BATCH_ROWS = 64
BATCH_NS = 1_000_000


class InferenceRequest(NamedTuple):
    """Rows (n, features) and the names of the outputs wanted for them.

    `gate_scale`, (1 or n, layers), multiplies the gates. `deadline_ns` is on the clock of
    `time.perf_counter_ns`. A named tuple costs a third of a frozen dataclass, for every request.
    """

    rows: FloatArray
    outputs: frozenset[str]
    gate_scale: FloatArray | None = None
    deadline_ns: int | None = None


class RequestState(Enum):
    """The progress of a pending request."""

    WAITING = "in the queue, though some rows may be computed"
    RUNNING = "the last rows are in a batch"
    DONE = "succeeded, failed, expired or cancelled"


class PendingRequest:
    """A request from the queue to its end; all times in ns of `time.perf_counter_ns`.

    Unless it was cancelled, `batch` or `error` is set at its end: its outputs are the rows of the
    batch from `first` on. `compute_ns` is the total time of its batches, `batch_rows` the size of
    the last one, including other requests' rows.
    """

    # Of most requests they keep these values; slots would have to be set for each one.
    taken = 0  # rows that went into a batch
    state = RequestState.WAITING
    pieces: list[Outputs] | None = None  # of a request larger than a batch
    began_ns = 0
    compute_ns = 0
    batch_rows = 0
    batch: BatchOutputs | None = None
    first = 0
    error: Exception | None = None

    def __init__(
        self,
        request: InferenceRequest,
        done: Callable[["PendingRequest"], None],
        client: str,
        queued_ns: int,
    ) -> None:
        self.request = request
        self.done = done
        self.client = client
        self.queued_ns = queued_ns
        self.size = len(request.rows)

    @property
    def outputs(self) -> Outputs | None:
        """The outputs of its rows, by name; None before its end, and if it failed."""
        return None if self.batch is None else self.batch.rows(self.first, self.first + self.size)

    @property
    def remaining(self) -> int:
        """The number of rows that are in no batch yet."""
        return self.size - self.taken


class Part(NamedTuple):
    """Rows `start` to `stop` of a pending request, as part of one batch."""

    pending: PendingRequest
    start: int
    stop: int


class ClientQueue:
    """The waiting requests of one client, oldest first; it exists only while there are some."""

    __slots__ = ("credit", "rows", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[PendingRequest] = deque()
        self.rows = 0  # waiting
        self.credit = 0  # rows that its turn may still take; below 0 after a larger request


class NextBatch:
    """A batch of at most `most` rows while they are taken: its parts, and the room that is left."""

    __slots__ = ("expired", "most", "now_ns", "parts", "room", "split")

    def __init__(self, room: int, now_ns: int) -> None:
        self.parts: list[Part] = []
        self.split: dict[PendingRequest, int] = {}  # index of the part of a large request
        self.expired: list[PendingRequest] = []
        self.most = self.room = room
        self.now_ns = now_ns

    def add_piece(self, pending: PendingRequest, rows: int) -> None:
        """Take further rows of a large request; all of them are one part."""
        start = pending.taken
        pending.taken += rows
        index = self.split.get(pending)
        if index is not None:
            self.parts[index] = self.parts[index]._replace(stop=pending.taken)
            return
        self.split[pending] = len(self.parts)
        self.parts.append(Part(pending, start, pending.taken))


class RowQueue:
    """Pending requests, of which `take` returns as many rows as fit one batch.

    Only the event loop's thread puts and takes; the inference thread calibrates the pace, and reads
    `wait_ns` and `clients`. While several clients wait, they take turns (deficit round robin). Of a
    request larger than a batch one part is taken at a time; it then goes to the back of its
    client's requests, so that small ones are taken in between.
    """

    def __init__(
        self, *, capacity: int, max_batch_rows: int, max_wait_ns: int = UNLIMITED_NS
    ) -> None:
        """Hold at most `capacity` rows, and none that is estimated to wait over `max_wait_ns`."""
        self._capacity = capacity
        self.max_batch_rows = max_batch_rows
        self._max_wait_ns = max_wait_ns
        self._usual_rows = min(max_batch_rows, USUAL_BATCH_ROWS)
        self._turn_rows = max(1, self._usual_rows // TURNS)
        self._clients: dict[str, ClientQueue] = {}
        self._turns: deque[str] = deque()  # clients, the next one first
        self._last_client = ""  # whose request was the last to be put
        self._last_put_ns = -SHARED_NS
        self._other_put_ns = -SHARED_NS  # when another client put its last request
        self._no_client = ClientQueue()
        self._largest = self._no_client  # the client with the most rows, or nearly
        self.pace = Pace(max_batch_rows)
        self.rows = 0  # waiting

    @property
    def clients(self) -> int:
        """The number of clients with waiting requests."""
        return len(self._clients)

    @property
    def batch_rows(self) -> int:
        """The maximum number of rows of the next batch."""
        ns_per_row = self.pace.ns_per_row
        if not ns_per_row:
            return self._usual_rows
        return max(self._usual_rows, min(self.max_batch_rows, int(BATCH_NS / ns_per_row)))

    @property
    def wait_ns(self) -> float:
        """The estimated time until the last waiting row is in a batch."""
        return self.rows * self.pace.ns_per_row

    def put(self, pending: PendingRequest) -> None:
        """Add a request or raise `QueueFullError`."""
        size, name = pending.size, pending.client
        client = self._clients.get(name)
        if self.rows * self.pace.ns_per_row > self._max_wait_ns:
            self._check_wait(client)
        if self.rows + size > self._capacity:
            raise self._full(f"{size} rows")
        if client is None:
            client = self._clients[name] = ClientQueue()
            self._turns.append(name)
        if name != self._last_client:
            self._last_client, self._other_put_ns = name, self._last_put_ns
        self._last_put_ns = pending.queued_ns
        self.rows += size
        client.rows += size
        client.waiting.append(pending)
        if client.rows > self._largest.rows:
            self._largest = client

    def check_room(self, name: str) -> None:
        """Raise `QueueFullError` if a request of this client would be refused whatever its size."""
        rows = self.rows
        if rows < self._capacity and rows * self.pace.ns_per_row <= self._max_wait_ns:
            return
        client = self._clients.get(name)
        self._check_wait(client)
        # Below its share, it displaces requests of a larger client.
        if self.rows >= self._capacity and _rows(client) >= self._share(client):
            raise self._full("a row")

    def displace(self, pending: PendingRequest) -> list[PendingRequest]:
        """Withdraw the newest requests of the largest client to make room for this one.

        Return them; none unless this client stays within its share and the other is above its own.
        """
        displaced: list[PendingRequest] = []
        client, largest = self._clients.get(pending.client), self._largest
        self._check_wait(client)
        share, needed = self._share(client), self.rows + pending.size - self._capacity
        if _rows(client) + pending.size > share or largest.rows - needed < share:
            return displaced
        while needed > 0:
            newest = largest.waiting.pop()
            if newest.state is RequestState.WAITING:
                needed -= newest.remaining
                self._drop(newest, largest)
                displaced.append(newest)
        return displaced

    def withdraw(self, pending: PendingRequest) -> bool:
        """Remove a request that is no longer needed; False if all its rows are in batches."""
        if pending.state is not RequestState.WAITING:
            return False
        # `take` skips it: removal from the middle of a deque is expensive.
        self._drop(pending, self._clients[pending.client])
        return True

    def take(self, now_ns: int) -> tuple[list[Part], list[PendingRequest]]:
        """Return the parts of the next batch, and the requests whose deadline has passed.

        Both are empty only if nothing waits.
        """
        shared = self._is_shared(now_ns)
        batch_rows = self.batch_rows
        if not shared and 0 < self.rows <= batch_rows:
            return self._take_all(now_ns)
        batch = NextBatch(batch_rows, now_ns)
        turn_rows = self._rows_of_a_turn() if shared else self._turn_rows
        alone = len(self._turns) == 1 and not shared
        present = left = len(self._turns)
        while batch.room and self._turns:
            if not left:
                # Who has more than the others gets no further turn, although there is room: the
                # others' next requests would wait for a long batch.
                if shared and batch.parts and (present == 1 or len(self._turns) < present):
                    break
                left = len(self._turns)
            left -= 1
            name = self._turns[0]
            client = self._clients[name]
            complete = self._take_turn(client, batch, None if alone else turn_rows)
            if not client.waiting:
                self._turns.popleft()
                del self._clients[name]
            elif complete:
                break
            else:
                self._turns.rotate(-1)
        for pending in batch.split:
            if pending.taken < pending.size:  # its client's first one: to the back
                self._clients[pending.client].waiting.rotate(-1)
        if not self.rows:  # all that is left was withdrawn
            self._clients.clear()
            self._turns.clear()
        return batch.parts, batch.expired

    def _take_all(self, now_ns: int) -> tuple[list[Part], list[PendingRequest]]:
        """Take everything of the only client: it fits one batch."""
        parts: list[Part] = []
        expired: list[PendingRequest] = []
        for pending in self._clients[self._turns[0]].waiting:
            if pending.state is RequestState.DONE:
                continue
            deadline_ns = pending.request.deadline_ns
            if deadline_ns is not None and deadline_ns < now_ns:
                pending.state = RequestState.DONE
                expired.append(pending)
                continue
            parts.append(Part(pending, pending.taken, pending.size))
            pending.taken = pending.size
            pending.state = RequestState.RUNNING
        self._clients.clear()
        self._turns.clear()
        self._largest = self._no_client
        self.rows = 0
        return parts, expired

    def _is_shared(self, now_ns: int) -> bool:
        """Return whether several clients wait, or others than the one that waits just did."""
        if len(self._turns) != 1:
            return bool(self._turns)
        alone = self._turns[0] == self._last_client
        other_put_ns = self._other_put_ns if alone else self._last_put_ns
        return now_ns < other_put_ns + SHARED_NS

    def _rows_of_a_turn(self) -> int:
        if not self.pace.ns_per_row:
            return self._turn_rows
        return min(self.batch_rows, max(1, int(TURN_NS / self.pace.ns_per_row)))

    def _take_turn(self, client: ClientQueue, batch: NextBatch, turn_rows: int | None) -> bool:
        """Take rows of a client; return True if its next request has to wait for another batch.

        It gets `turn_rows` more rows, if it is not alone.
        """
        waiting = client.waiting
        room = batch.room
        credit = room if turn_rows is None else client.credit + turn_rows
        while waiting and room and credit > 0:
            pending = waiting[0]
            if pending.state is RequestState.DONE or (
                pending.request.deadline_ns is not None and self._expired(pending, client, batch)
            ):
                waiting.popleft()
                continue
            rows = pending.size - pending.taken
            if rows > batch.most or pending in batch.split:
                rows = min(rows, room, credit)
                batch.add_piece(pending, rows)
            elif rows > room:  # it fits the next batch; split now, it would need two
                client.credit = 0 if turn_rows is None else credit - turn_rows
                return True
            else:
                batch.parts.append(Part(pending, pending.taken, pending.size))
                pending.taken = pending.size
            room = batch.room = room - rows
            credit -= rows
            client.rows -= rows
            self.rows -= rows
            if pending.taken == pending.size:
                waiting.popleft()
                pending.state = RequestState.RUNNING
        client.credit = 0 if turn_rows is None else credit
        return False

    def _expired(self, pending: PendingRequest, client: ClientQueue, batch: NextBatch) -> bool:
        if batch.now_ns <= (pending.request.deadline_ns or 0):
            return False
        self._drop(pending, client)
        batch.expired.append(pending)
        return True

    def _drop(self, pending: PendingRequest, client: ClientQueue) -> None:
        pending.state = RequestState.DONE
        client.rows -= pending.remaining
        self.rows -= pending.remaining

    def _share(self, client: ClientQueue | None) -> float:
        return self._capacity / (len(self._clients) + (client is None))

    def _check_wait(self, client: ClientQueue | None) -> None:
        """Raise `QueueFullError` if a further request of this client is estimated to wait long."""
        clients, rows = len(self._clients) + (client is None), _rows(client)
        if not rows and clients <= TURNS:
            return  # it has its turn in the next batch
        ahead = min(self.rows, clients * (rows + self._turn_rows))
        wait_ns = ahead * self.pace.ns_per_row
        if wait_ns > self._max_wait_ns:
            raise QueueFullError(
                f"queue: expected a wait of at most {self._max_wait_ns // 1_000_000} ms, found "
                f"about {wait_ns / 1e6:.0f} ms; retry later",
                retry_after=_seconds(wait_ns),
            )

    def _full(self, wanted: str) -> QueueFullError:
        return QueueFullError(
            f"queue: expected room for {wanted}, found {self._capacity - self.rows} of "
            f"{self._capacity}; retry later",
            retry_after=_seconds(self.wait_ns),
        )


def _rows(client: ClientQueue | None) -> int:
    return client.rows if client else 0


def _seconds(wait_ns: float) -> int:
    return max(1, math.ceil(wait_ns / 1e9))
