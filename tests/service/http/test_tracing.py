import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from service.http.tracing import SpanObserver, otlp_provider
from service.inference.statistics import Timing
from service.observers import RequestEvent
from service.settings import SettingsError
from tests.service.conftest import METADATA

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
TIMING = Timing(1000, 2000, 3000, 4000, 10_000, 7)


def span_of(
    headers: dict[bytes, bytes], status: int = 200, timing: Timing | None = TIMING
) -> ReadableSpan:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    observer = SpanObserver(provider.get_tracer("test"))
    assert observer.wants(status, METADATA, None)
    observer.observe(
        RequestEvent("predict", METADATA, headers, "id-1", status, 2, 5000, 15_000, timing)
    )
    (span,) = exporter.get_finished_spans()
    return span


def test_a_span_has_the_times_and_the_phases_of_the_request() -> None:
    span = span_of({})
    assert (span.name, span.kind) == ("predict tiny", SpanKind.SERVER)
    assert span.start_time is not None
    assert span.end_time == span.start_time + 10_000
    assert dict(span.attributes or {}) == {
        "http.response.status_code": 200,
        "highway.request_id": "id-1",
        "highway.model": "tiny",
        "highway.version": "1",
        "highway.rows": 2,
        "highway.decode_seconds": pytest.approx(1e-6),
        "highway.queue_seconds": pytest.approx(2e-6),
        "highway.compute_seconds": pytest.approx(3e-6),
        "highway.encode_seconds": pytest.approx(4e-6),
        "highway.batch_rows": 7,
    }


def test_a_span_is_a_child_of_the_clients_span() -> None:
    span = span_of({b"traceparent": f"00-{TRACE}-{PARENT}-01".encode()})
    assert span.parent is not None
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, PARENT)


def test_an_invalid_trace_header_starts_a_new_trace() -> None:
    assert span_of({b"traceparent": b"\xff no"}).parent is None


@pytest.mark.parametrize(
    ("status", "code"),
    [(200, StatusCode.UNSET), (400, StatusCode.UNSET), (500, StatusCode.ERROR)],
)
def test_only_server_errors_mark_a_span_as_an_error(status: int, code: StatusCode) -> None:
    span = span_of({}, status, None)
    assert span.status.status_code == code
    assert "highway.batch_rows" not in (span.attributes or {})


def test_spans_are_exported_to_the_collector_of_the_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths: list[str] = []
    arrived = threading.Event()

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()
            arrived.set()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
        otlp_provider().get_tracer("test").start_span("one").end()
        assert arrived.wait(5)
    assert paths == ["/v1/traces"]


def test_traces_without_opentelemetry_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError) as error:
        otlp_provider()
    assert str(error.value) == (
        "HIGHWAY_TRACES: OpenTelemetry is not installed; install the extra 'otel' or unset the "
        "variable"
    )
