"""Spans and metrics of a real server in a real collector, and what a broken one does to it."""

import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service import __version__
from tests.launcher import PreparedProcess
from tests.service.conftest import Recipe
from tests.service.otlp_receiver import Received, attributes, receiving
from tests.service.serving import eventually, fetch, predict, serving, workers_of

INTERVAL_SECONDS = 0.2
REQUESTS = 12
EXPORTS = {
    "HIGHWAY_TRACES": "1",
    "HIGHWAY_OTLP_METRICS": "1",
    "HIGHWAY_OTLP_METRICS_SECONDS": f"{INTERVAL_SECONDS}",
    "OTEL_BSP_SCHEDULE_DELAY": "100",
    "OTEL_SERVICE_NAME": "digits in the test",
    "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=ci,service.instance.id=one",
}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples_of(export: dict[str, Any]) -> Samples:
    """Return the points of an export as the samples that `/metrics` has for them."""
    samples: Samples = {}

    def add(name: str, labels: dict[str, str], value: object) -> None:
        samples[name, tuple(sorted(labels.items()))] = float(str(value))

    for metric in export["scopeMetrics"][0]["metrics"]:
        kind = next(key for key in ("sum", "gauge", "histogram") if key in metric)
        for point in metric[kind]["dataPoints"]:
            name, labels = metric["name"], attributes(point)
            if kind != "histogram":
                add(name, labels, point["asDouble"])
                continue
            total = 0
            bounds = [*point["explicitBounds"], "+Inf"]
            for bound, count in zip(bounds, point["bucketCounts"], strict=True):
                total += int(count)
                add(f"{name}_bucket", {**labels, "le": str(bound)}, total)
            add(f"{name}_count", labels, point.get("count", 0))  # protobuf omits a 0
            add(f"{name}_sum", labels, point.get("sum", 0))
    return samples


def scraped(port: int) -> Samples:
    """Return the samples of `/metrics`, without those of the process that responds."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(fetch(port, "/metrics"))
        for sample in family.samples
        if sample.name.startswith("highway_")
    }


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    path.write_bytes(Recipe().build())
    return path


@pytest.fixture(scope="module")
def collector() -> Iterator[Received]:
    with receiving() as received:
        yield received


@pytest.fixture(scope="module")
def server(artifact: Path, collector: Received) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server with two workers that has answered `REQUESTS` requests."""
    options = {**EXPORTS, **collector.environment}
    with serving(artifact, "--workers", "2", **options) as (process, port):
        for _ in range(REQUESTS):
            predict(port)
        yield process, port


def test_the_collector_has_the_names_and_numbers_of_the_metrics_page(
    server: tuple[subprocess.Popen[str], int], collector: Received
) -> None:
    _, port = server
    key = ("highway_inference_requests_total", "success")

    def counted() -> bool:
        found = samples_of(collector.metrics[-1]) if collector.metrics else {}
        return any(
            name == key[0] and ("outcome", key[1]) in labels and value == REQUESTS
            for (name, labels), value in found.items()
        )

    eventually(counted)
    first = len(collector.metrics)
    page = scraped(port)
    eventually(lambda: len(collector.metrics) > first)
    exported = samples_of(collector.metrics[-1])
    assert exported.keys() == page.keys()
    # The estimate of the wait is the only number that changes without a request.
    same = {key for key in page if key[0] != "highway_queue_wait_seconds"}
    assert {key: exported[key] for key in same} == pytest.approx({key: page[key] for key in same})


def test_the_resource_is_that_of_the_standard_variables(
    server: tuple[subprocess.Popen[str], int], collector: Received
) -> None:
    eventually(lambda: len(collector.metrics) > 0)
    for found in (attributes(collector.metrics[-1]["resource"]), collector.spans[0][0]):
        assert found["service.name"] == "digits in the test"
        assert found["service.version"] == __version__
        assert found["service.instance.id"] == "one"
        assert found["deployment.environment.name"] == "ci"


def test_counters_are_cumulative_since_one_start(
    server: tuple[subprocess.Popen[str], int], collector: Received
) -> None:
    eventually(lambda: len(collector.metrics) > 2)
    starts, kinds = set(), set()
    for export in collector.metrics:
        for metric in export["scopeMetrics"][0]["metrics"]:
            if "sum" in metric:
                kinds.add((metric["sum"]["aggregationTemporality"], metric["sum"]["isMonotonic"]))
                starts |= {point["startTimeUnixNano"] for point in metric["sum"]["dataPoints"]}
    assert kinds == {("AGGREGATION_TEMPORALITY_CUMULATIVE", True)}
    assert len(starts) == 1


def test_every_request_has_a_span_and_joins_the_clients_trace(
    server: tuple[subprocess.Popen[str], int], collector: Received
) -> None:
    _, port = server
    call = urllib.request.Request(
        f"http://127.0.0.1:{port}/predict",
        b'{"instances": [[1, 0, 0, 0]]}',
        {"Content-Type": "application/json", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"},
    )
    with urllib.request.urlopen(call, timeout=5) as response:
        request_id = response.headers["x-request-id"]
    # Other tests of this module may have sent some more.
    eventually(lambda: len(collector.spans) >= REQUESTS + 1)
    spans = [span for _, span in collector.spans]
    assert {span["name"] for span in spans} == {"predict tiny"}
    assert len({attributes(span)["highway.request_id"] for span in spans}) == len(spans)
    (joined,) = [s for s in spans if attributes(s)["highway.request_id"] == request_id]
    assert joined["kind"] == "SPAN_KIND_SERVER"
    assert attributes(joined)["http.response.status_code"] == "200"


def test_one_worker_exports_for_all_and_another_goes_on_if_it_dies(
    server: tuple[subprocess.Popen[str], int], collector: Received
) -> None:
    process, port = server
    first, began = len(collector.metrics), time.monotonic()
    time.sleep(5 * INTERVAL_SECONDS)
    intervals = (time.monotonic() - began) / INTERVAL_SECONDS
    assert (
        1 <= len(collector.metrics) - first <= intervals + 1
    )  # two workers would send twice as many
    for worker in workers_of(process):
        before = workers_of(process)
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: len(workers_of(process) - before) == 1)  # noqa: B023
        sent = len(collector.metrics)
        eventually(lambda: len(collector.metrics) > sent + 1)  # noqa: B023
    predict(port)
    key = ("highway_inference_rows_total", (("model", "tiny"), ("version", "1")))
    total = scraped(port)[key]
    assert total > REQUESTS
    eventually(lambda: samples_of(collector.metrics[-1])[key] == total)
    rows = [samples_of(export)[key] for export in collector.metrics]
    assert rows == sorted(rows)


@contextmanager
def absent() -> Iterator[Received]:
    """Give a port on which nothing listens."""
    with socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield Received(closed.getsockname()[1])


@pytest.mark.parametrize(
    "collect",
    [absent, lambda: receiving("fail"), lambda: receiving("hang")],
    ids=["absent", "fails", "hangs"],
)
def test_a_broken_collector_neither_delays_requests_nor_fills_the_log(
    artifact: Path, collect: Callable[[], Any]
) -> None:
    with collect() as broken:
        environment = {**os.environ, **EXPORTS, **broken.environment}
        environment |= {"OTEL_EXPORTER_OTLP_TIMEOUT": "1", "HIGHWAY_DRAIN_DELAY_SECONDS": "0"}
        words = ("service", "serve", artifact, "--port", "0")
        process = PreparedProcess(*words, env=environment, stderr=subprocess.PIPE)
        with process:
            assert process.stderr is not None
            line = next(filter(re.compile("serving tiny").search, process.stderr))
            port = int(re.findall(r":(\d+) ", line)[0])
            seconds = []
            end = time.monotonic() + 2.5  # several exports fail meanwhile
            while time.monotonic() < end:
                began = time.monotonic()
                predict(port)
                seconds.append(time.monotonic() - began)
                time.sleep(0.01)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            log = process.stderr.read()
            assert process.wait(10) == 0
            assert time.monotonic() - began < 5  # at most 1 s for both last exports
    assert sorted(seconds)[len(seconds) // 2] < 0.1
    assert max(seconds) < 0.9  # not one waits for the collector's timeout
    lines = [line for line in log.splitlines() if "OpenTelemetry" in line or "otlp" in line.lower()]
    assert len(lines) == 1, log  # the operator sees it, once
    assert "Traceback" not in log


def test_a_body_that_is_no_protobuf_is_refused_by_the_receiver(collector: Received) -> None:
    """The receiver of these tests really parses what arrives."""
    url = f"http://127.0.0.1:{collector.port}/v1/metrics"
    for kind, status in (("application/x-protobuf", 400), ("application/json", 415)):
        call = urllib.request.Request(url, b"\xff\xff{}", {"Content-Type": kind})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(call, timeout=5)
        assert refused.value.code == status
        refused.value.close()
