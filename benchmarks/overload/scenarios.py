"""Scenarios: an open loop at a share of capacity, and a greedy client beside a small one."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from multiprocessing import get_context
from statistics import median
from time import sleep
from typing import Self

import numpy as np

from benchmarks.overload.load import Responses, Stream, send
from benchmarks.overload.probe import CLOSE, Probe
from benchmarks.serving.bodies import Body, instances, random_rows, v2_binary
from benchmarks.serving.networks import Network
from benchmarks.serving.servers import Server

CAPACITY_CLIENTS = 16  # in a closed loop
CONNECTIONS = 900  # of the open loop, within the server's limit: those that wait, and refusals
GREEDY_CONNECTIONS, GREEDY_ROWS = 64, 1000
SMALL_RATE = 20.0
SMALL_ADDRESS, PROBE_ADDRESS = "127.0.0.2", "127.0.0.3"
TAIL_SECONDS = 2.5  # after a load, for the recovery
RECOVERED_SECONDS = 0.1  # latency of a request once the server has recovered

BODIES: dict[str, Callable[[Network, int], Body]] = {
    "JSON": lambda network, rows: instances("/predict", random_rows(rows, network.size)),
    "binary": lambda network, rows: v2_binary(network.name, random_rows(rows, network.size)),
}
FORMS = (("JSON", 1), ("JSON", 32), ("binary", 32))


@dataclass(frozen=True, kw_only=True)
class Result:
    """Rates in requests per second, latencies in ms; None where there was no such response."""

    load: str
    offered: float
    goodput: float
    accepted_p50_ms: float | None
    accepted_p99_ms: float | None
    refused: int
    refused_p99_ms: float | None
    failed: int  # other statuses, closed connections, and no response
    health_max_ms: float
    recovery_seconds: float


class Scenarios:
    """Loads one server from processes of their own."""

    def __init__(self, network: Network, server: Server, seconds: float) -> None:
        self._network = network
        self._server = server
        self._seconds = seconds
        self._pool = ProcessPoolExecutor(2, mp_context=get_context("spawn"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def capacity(self, form: str, rows: int, *, rounds: int = 3) -> float:
        """Return the median rate of responses to a few clients in a closed loop."""
        stream = Stream(request=self._request(form, rows), connections=CAPACITY_CLIENTS)
        rates = [self._send([stream])[0] for _ in range(rounds)]
        return median(goodput(responses, self._seconds) for responses in rates)

    def open_loop(self, form: str, rows: int, *, rate: float, percent: int) -> Result:
        """Load at this percentage of the capacity `rate`."""
        offered = rate * percent / 100
        request = self._request(form, rows)
        stream = Stream(request=request, connections=CONNECTIONS, rate=offered)
        title = f"{form}, {_rows(rows)}, {percent} %"
        return self._measured(title, [stream])[0]

    def greedy(self, form: str) -> tuple[Result, Result]:
        """Return the results of a greedy client and of a small one beside it."""
        greedy = Stream(request=self._request(form, GREEDY_ROWS), connections=GREEDY_CONNECTIONS)
        small = Stream(
            request=self._request("JSON", 1),
            connections=GREEDY_CONNECTIONS,
            rate=SMALL_RATE,
            address=SMALL_ADDRESS,
        )
        title = f"{form}, {GREEDY_CONNECTIONS} × {_rows(GREEDY_ROWS)}"
        first, second = self._measured(title, [greedy, small])
        return first, second

    def _measured(self, title: str, streams: list[Stream]) -> list[Result]:
        health = _closing("GET", "/v2/health/live")
        predict = _closing("POST", "/predict", BODIES["JSON"](self._network, 1))
        with (
            Probe(self._server.port, health) as health_probe,
            Probe(self._server.port, predict) as predict_probe,
        ):
            all_responses = self._send(streams)
            sleep(TAIL_SECONDS)
        began = all_responses[0].began
        end = began + self._seconds
        slowest = health_probe.slowest(began, end)
        recovery = predict_probe.recovered(end, RECOVERED_SECONDS)
        titles = [title, *[f"{title}: the small client" for _ in streams[1:]]]
        return [
            _result(name, stream, responses, self._seconds, slowest, recovery)
            for name, stream, responses in zip(titles, streams, all_responses, strict=True)
        ]

    def _send(self, streams: list[Stream]) -> list[Responses]:
        """Send each stream from a process of its own, so that none delays another."""
        port, seconds = self._server.port, self._seconds
        sent = [self._pool.submit(send, port, [stream], seconds) for stream in streams]
        return [future.result()[0] for future in sent]

    def _request(self, form: str, rows: int) -> bytes:
        return BODIES[form](self._network, rows).http(self._server.port)


def goodput(responses: Responses, seconds: float) -> float:
    """Return the rate of successes until the end of the load."""
    statuses, ended = np.array(responses.statuses), np.array(responses.ended)
    return float(((statuses == HTTPStatus.OK) & (ended <= seconds)).sum() / seconds)


def _result(
    title: str,
    stream: Stream,
    responses: Responses,
    seconds: float,
    slowest: float,
    recovery: float,
) -> Result:
    statuses, latencies = np.array(responses.statuses), np.array(responses.latencies)
    accepted = latencies[statuses == HTTPStatus.OK]
    refused = latencies[statuses == HTTPStatus.TOO_MANY_REQUESTS]
    sent = len(statuses) + responses.unanswered
    return Result(
        load=title,
        offered=round(stream.rate or sent / seconds, 1),
        goodput=round(goodput(responses, seconds), 1),
        accepted_p50_ms=_percentile(accepted, 50),
        accepted_p99_ms=_percentile(accepted, 99),
        refused=len(refused),
        refused_p99_ms=_percentile(refused, 99),
        failed=sent - len(accepted) - len(refused),
        health_max_ms=round(slowest * 1e3, 1),
        recovery_seconds=round(recovery, 2),
    )


def _percentile(seconds: np.ndarray, percent: int) -> float | None:
    return round(float(np.percentile(seconds, percent)) * 1e3, 1) if len(seconds) else None


def _closing(method: str, path: str, body: Body | None = None) -> bytes:
    """Encode a request after which the server closes the connection."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode() + CLOSE
    if body is None:
        return head + b"\r\n"
    length = len(body.content)
    return head + (
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % length + body.content
    )


def _rows(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows:,} rows"
