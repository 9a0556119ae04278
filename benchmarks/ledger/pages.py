"""Duration of pages of a large ledger, over HTTP from an otherwise idle server."""

import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from urllib.parse import urlencode

from benchmarks.ledger.filling import DAYS
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.servers import Server

REPEATS = 20


@dataclass(frozen=True, kw_only=True)
class PageTime:
    """Milliseconds of the first and of `REPEATS` more requests for a page, and its rows."""

    query: str
    rows: int
    first_ms: float
    median_ms: float
    worst_ms: float


def page_times(server: Server, rows: int) -> Iterator[PageTime]:
    """Time each query; requests by id use a different id each time."""
    for query in _queries():
        yield _timed(server, query, [f"/requests?{query}"] * (REPEATS + 1))
    step = rows // (REPEATS + 2)
    ids = [f"/requests/request-{1 + step * (i + 1)}" for i in range(REPEATS + 1)]
    yield _timed(server, "one id", ids)
    yield _timed(server, "an unknown id", ["/requests/unknown"] * (REPEATS + 1))


def _queries() -> list[str]:
    now = datetime.now(UTC)
    day = {"since": _iso(now - timedelta(days=11)), "until": _iso(now - timedelta(days=10))}
    hour = {"since": _iso(now - timedelta(hours=481)), "until": _iso(now - timedelta(hours=480))}
    old = {"until": _iso(now - timedelta(days=DAYS - 1))}
    served: list[dict[str, str]] = [  # three tenths of all rows
        {},
        {"sort": "typicality"},
        {"typicality_below": "0.001"},
        {"typicality_below": "0.1", "sort": "typicality"},
        {"label": "3"},
        {"tag": "canary"},
    ]
    filters: list[dict[str, str]] = [
        {},
        {"limit": "1000"},
        {"sort": "time"},
        {"sort": "typicality"},
        {"label": "3"},
        {"label": "9"},
        {"label": "9", "sort": "typicality"},
        {"version": "1"},
        {"version": "1", "sort": "typicality"},
        {"tag": "canary"},
        {"tag": "rare"},
        {"tag": "canary", "sort": "typicality"},
        {"typicality_below": "0.1"},
        {"typicality_below": "0.001"},
        {"typicality_below": "0.00001"},
        {"typicality_below": "0.002", "limit": "1000"},
        {"label": "3", "typicality_below": "0.001"},
        {"label": "3", "tag": "canary"},
        {"label": "9", "tag": "canary"},
        {"label": "9", "tag": "customer=acme"},
        {"label": "3", "version": "1", "tag": "canary", "typicality_below": "0.01"},
        {**day, "label": "3"},
        {**day, "sort": "typicality"},
        {**day, "label": "3", "typicality_below": "0.01"},
        {**hour, "sort": "typicality"},
        {**hour, "typicality_below": "0.01"},
        {**old, "label": "3", "version": "1"},
        {**old, "tag": "canary", "sort": "typicality"},
        {"id": "request-77"},
    ]
    every_model = [{**query, "model": "*"} for query in filters]
    return [urlencode(query) for query in (*served, *every_model)]


def _iso(time_: datetime) -> str:
    return time_.strftime("%Y-%m-%dT%H:%M:%SZ")


def _timed(server: Server, query: str, paths: list[str]) -> PageTime:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    times, rows = [], 0
    for path in paths:
        began = time.perf_counter()
        connection.request("GET", path)
        response = connection.getresponse()
        body = json.load(response)
        times.append((time.perf_counter() - began) * 1e3)
        if response.status not in (200, 404):
            raise BenchmarkError(f"{path}: expected a page, found {response.status}: {body}")
        rows = len(body.get("requests", body.get("rows", ())))
    connection.close()
    return PageTime(
        query=query or "the newest rows of served models",
        rows=rows,
        first_ms=round(times[0], 1),
        median_ms=round(median(times[1:]), 1),
        worst_ms=round(max(times[1:]), 1),
    )
