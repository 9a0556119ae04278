"""The stages of a request: each is left out by repeating its result for the first request."""

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.request_cost.changes import Change, Replacement, nothing
from benchmarks.request_cost.server import Server
from service.classifier import Classifier
from service.formats.infer_response import Frame
from service.http import protocol
from service.http.endpoints import InferEndpoint
from service.http.protocol import HttpProtocol
from service.http.request_parser import RequestParser
from service.inference import engine
from service.inference.engine import Engine
from service.inference.statistics import Statistics

RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


def repeated(function: Callable[..., Any], key: Callable[..., object]) -> Callable[..., Any]:
    """Return a function that calls `function` once for each key of its arguments."""
    results: dict[object, Any] = {}

    def call(*arguments: Any, **named: Any) -> Any:
        kept = key(*arguments)
        if kept not in results:
            results[kept] = function(*arguments, **named)
        return results[kept]

    return call


def _recognized(_server: Server) -> Sequence[Replacement]:
    """Submit the connection's first body again instead of one that was received."""
    heads: dict[RequestParser, Any] = {}
    original = RequestParser.feed_known

    def feed_known(parser: RequestParser, data: bytes) -> bool:
        if parser not in heads:
            known = parser._known
            if known is None:
                return original(parser, data)
            heads[parser] = known.head, data[len(data) - known.head.length :]
        parser._receiver.request_arrived(*heads[parser])
        return True

    return [(RequestParser, "feed_known", feed_known)]


def _respond_at_once(connection: HttpProtocol, _data: bytes) -> None:
    connection.transport.write(RESPONSE)


# Leaves out everything else: what remains is this benchmark's own work.
REST = Change(
    name="the rest: connection, handler, queue, callbacks",
    how="`HttpProtocol.data_received` responds at once",
    replacements=lambda _: [(HttpProtocol, "data_received", _respond_at_once)],
    postpones=True,
)

STAGES = (
    Change(
        name="recognise the head, cut off the body",
        how="`RequestParser.feed_known`",
        replacements=_recognized,
    ),
    Change(
        name="decode the body",
        how="`InferEndpoint.read`",
        replacements=lambda _: [
            (InferEndpoint, "read", repeated(InferEndpoint.read, lambda *_: None))
        ],
    ),
    Change(
        name="gather the rows of a batch",
        how="`gather`",
        replacements=lambda _: [(engine, "gather", repeated(vars(engine)["gather"], len))],
    ),
    Change(
        name="compute the batch",
        how="`Classifier.compute`, which the estimates of times do not note",
        replacements=lambda _: [
            (
                Classifier,
                "compute",
                repeated(Classifier.compute, lambda _, __, rows, *___: len(rows)),
            ),
            (Engine, "_update_pace", nothing),
        ],
    ),
    Change(
        name="encode the outputs",
        how="`Frame.fill`",
        replacements=lambda _: [
            (
                Frame,
                "fill",
                repeated(Frame.fill, lambda frame, _, first, last, __: (frame, last - first)),
            )
        ],
    ),
    Change(
        name="encode the response's head",
        how="`encode_response`",
        replacements=lambda _: [
            (
                protocol,
                "encode_response",
                repeated(vars(protocol)["encode_response"], lambda *_: None),
            )
        ],
    ),
    Change(
        name="statistics, drift, estimates, observers",
        postpones=True,
        how="`Statistics`, `Engine._update_pace`; no observers",
        replacements=lambda server: [
            (Statistics, "request_queued", nothing),
            (Statistics, "request_succeeded", nothing),
            (server.model.engine, "_on_batch", nothing),
            (Engine, "_update_pace", nothing),
            (server.context.policy, "observers", ()),
        ],
    ),
)
