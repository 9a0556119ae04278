"""The features of the path of a request; the table names what takes the place of each."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from opentelemetry.sdk.trace import TracerProvider

from benchmarks.request_cost.changes import Change, Replacement, nothing
from benchmarks.request_cost.server import Server
from service.arrays import FloatArray
from service.contract import GATE_MEAN, LOGITS, PROBABILITIES, TYPICALITY
from service.formats import divided_request
from service.formats.rows import Numbers
from service.http import request_handler
from service.http.access_log import AccessLog
from service.http.byte_budget import ByteBudget
from service.http.connection_timer import ConnectionTimer
from service.http.endpoints import InferEndpoint
from service.http.request_parser import RequestParser
from service.http.request_policy import RequestPolicy
from service.http.response_encoding import DefaultLines
from service.http.tracing import SpanObserver
from service.inference.batch import BatchResult
from service.inference.engine import Engine
from service.inference.queue import Part, PendingRequest, RequestState, RowQueue
from service.inference.statistics import Statistics

REQUEST_ID = b"0123456789ab-12345"
WRITE_SECONDS = 0.7  # after a request, the ledger has written it


class ShortLines:
    """Formats the header lines of a success without `Server-Timing`."""

    def __mod__(self, values: tuple[bytes, ...]) -> bytes:
        return b"%bx-request-id: %b\r\n" % values[:2]


def cast_rows(values: Numbers, count: int, _location: str) -> FloatArray:
    """Cast numbers without a check."""
    return values.astype(np.float32).reshape(count, -1)


def _one_list(_server: Server) -> Sequence[Replacement]:
    """Replace the clients' queues, their turns and limits by one list."""
    waiting: list[PendingRequest] = []

    def put(queue: RowQueue, pending: PendingRequest) -> None:
        queue.rows += pending.size
        waiting.append(pending)

    def take(queue: RowQueue, _now_ns: int) -> tuple[list[Part], list[PendingRequest]]:
        parts = []
        for pending in waiting:
            parts.append(Part(pending, 0, pending.size))
            pending.taken = pending.size
            pending.state = RequestState.RUNNING
        waiting.clear()
        queue.rows = 0
        return parts, []

    clients = property(lambda _: len(waiting))
    return [(RowQueue, "put", put), (RowQueue, "take", take), (RowQueue, "clients", clients)]


def _traces(server: Server) -> Sequence[Replacement]:
    policy = server.context.policy
    tracer = TracerProvider().get_tracer("benchmark")
    return [(policy, "observers", (*policy.observers, SpanObserver(tracer)))]


NOISE = Change(name="none, for comparison", how="the same server again")

FEATURES = (
    Change(
        name="request ids",
        how="`RequestPolicy.request_id` returns a constant",
        replacements=lambda _: [(RequestPolicy, "request_id", lambda *_: REQUEST_ID)],
    ),
    Change(
        name="deadlines of requests",
        how="`RequestPolicy.deadline_ns` returns None",
        replacements=lambda _: [(RequestPolicy, "deadline_ns", nothing)],
    ),
    Change(
        name="timing header",
        how="`SUCCESS_LINES` without `Server-Timing`",
        replacements=lambda _: [(request_handler, "SUCCESS_LINES", ShortLines())],
    ),
    Change(
        name="headers of all responses (date, safety)",
        how="`DefaultLines.of` returns none",
        replacements=lambda _: [(DefaultLines, "of", lambda *_: b"")],
    ),
    Change(
        name="check of the input's numbers",
        how="`to_float32` casts, `all_finite` returns True",
        replacements=lambda _: [
            (divided_request, "to_float32", cast_rows),
            (divided_request, "all_finite", lambda _: True),
        ],
    ),
    Change(
        name="check of the outputs' numbers, once a batch",
        how="`BatchResult.finite` is True",
        replacements=lambda _: [(BatchResult, "finite", True)],
    ),
    Change(
        name="admission: load of the loop, room in the queue",
        how="`Engine.check_room` does nothing",
        replacements=lambda _: [(Engine, "check_room", nothing)],
    ),
    Change(
        name="fair queue: shares of clients, limits",
        how="`RowQueue.put`, `.take` and `.clients` use one list",
        replacements=_one_list,
    ),
    Change(
        name="budget of the bytes held",
        how="`ByteBudget.take` and `.give` do nothing",
        replacements=lambda _: [
            (ByteBudget, "take", lambda *_: True),
            (ByteBudget, "give", nothing),
        ],
    ),
    Change(
        name="deadlines of connections",
        how="`ConnectionTimer` notes nothing",
        replacements=lambda _: [
            (ConnectionTimer, name, nothing)
            for name in ("request_arrives", "request_arrived", "request_passed", "idle")
        ],
    ),
    Change(
        name="estimates of times, once a batch",
        how="`Engine._update_pace` does nothing",
        replacements=lambda _: [(Engine, "_update_pace", nothing)],
    ),
    Change(
        name="statistics of requests",
        how="`Statistics.request_queued` and `.request_succeeded` do nothing",
        replacements=lambda _: [
            (Statistics, "request_queued", nothing),
            (Statistics, "request_succeeded", nothing),
        ],
        postpones=True,
    ),
    Change(
        name="statistics of batches, with the next two",
        how="the engine's `on_batch` does nothing",
        replacements=lambda server: [(server.model.engine, "_on_batch", nothing)],
        postpones=True,
    ),
    Change(
        name="— labels, gates and typicality of rows, with drift",
        how="`Statistics._count_rows` does nothing",
        replacements=lambda _: [(Statistics, "_count_rows", nothing)],
        postpones=True,
    ),
    Change(
        name="— drift",
        how="no drift monitor",
        replacements=lambda server: [(server.model.statistics, "_drift_monitor", None)],
        postpones=True,
    ),
    Change(
        name="access log of 0.001 of the requests",
        how="no observers",
        replacements=lambda server: [(server.context.policy, "observers", ())],
    ),
    Change(
        name="mean gates in the response",
        how="without `gate_mean` among the `outputs`",
        outputs=(LOGITS, PROBABILITIES, TYPICALITY),
    ),
    Change(
        name="typicality in the response",
        how="without `typicality` among the `outputs`",
        outputs=(LOGITS, PROBABILITIES, GATE_MEAN),
    ),
)

ADDITIONS = (
    Change(
        name="ledger of 100 rows a second, the default",
        how="`HIGHWAY_LEDGER_URL`: an SQLite file",
        settings={"ledger_url": "sqlite:///{folder}/ledger.db"},
        adds=True,
        idle_seconds=WRITE_SECONDS,
    ),
    Change(
        name="access log of all requests, JSON",
        how="`HIGHWAY_ACCESS_LOG_SHARE=1`, to the null device",
        replacements=lambda server: [(server.context.policy, "observers", (AccessLog(1.0),))],
        adds=True,
    ),
    Change(
        name="traces, without the export",
        how="`SpanObserver` with a provider that drops the spans",
        replacements=_traces,
        adds=True,
    ),
    Change(
        name="access rules for each request, as with API keys",
        how="`Access.lasting` is False",
        replacements=lambda server: [(server.context.access, "lasting", False)],
        adds=True,
    ),
    Change(
        name="each head parsed, none known",
        how="`RequestParser.feed_known` returns False",
        replacements=lambda _: [(RequestParser, "feed_known", lambda *_: False)],
        adds=True,
    ),
    Change(
        name="each body read as a whole, no frame known",
        how="`InferEndpoint._read_numbers` returns None",
        replacements=lambda _: [(InferEndpoint, "_read_numbers", nothing)],
        adds=True,
    ),
)

CHANGES = tuple(chain([NOISE], FEATURES, ADDITIONS))
