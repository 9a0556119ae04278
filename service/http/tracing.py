"""OpenTelemetry spans of inference requests; needs the extra `otel`."""

from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING

from service.contract import Metadata
from service.http.otlp import SERVICE, resource
from service.inference.queue import PendingRequest
from service.observers import PHASES, SERVER_ERROR, RequestEvent
from service.settings import SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

TRACER = SERVICE


class SpanObserver:
    """Observer that records a span for each request, a child of the client's span if it has one."""

    def __init__(self, tracer: "Tracer") -> None:
        self._tracer = tracer
        self._epoch_ns = time_ns() - perf_counter_ns()

    def wants(self, status: int, model: Metadata, pending: PendingRequest | None) -> bool:
        """Select all requests: the tracer samples."""
        return True

    def observe(self, event: RequestEvent) -> None:
        """Record a span with the time of each phase as an attribute."""
        from opentelemetry.trace import SpanKind, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier = {
            name: event.headers[name.encode()].decode("latin-1")
            for name in ("traceparent", "tracestate")
            if name.encode() in event.headers
        }
        metadata = event.model
        span = self._tracer.start_span(
            f"{event.endpoint} {metadata.name}",
            TraceContextTextMapPropagator().extract(carrier),
            kind=SpanKind.SERVER,
            start_time=self._epoch_ns + event.arrived_ns,
            attributes={
                "http.response.status_code": event.status,
                "highway.request_id": event.request_id,
                "highway.model": metadata.name,
                "highway.version": metadata.version,
                "highway.rows": event.rows,
            },
        )
        if event.timing is not None:
            for phase in PHASES:
                seconds = getattr(event.timing, phase) * 1e-9
                span.set_attribute(f"highway.{phase}_seconds", seconds)
            span.set_attribute("highway.batch_rows", event.timing.batch_rows)
        if event.status >= SERVER_ERROR:
            span.set_status(StatusCode.ERROR)
        span.end(self._epoch_ns + event.ended_ns)


def otlp_provider() -> "TracerProvider":
    """Return tracers that export to the collector in the OTEL_EXPORTER_OTLP_… variables.

    Raises `SettingsError` if the extra `otel` is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise SettingsError(
            "HIGHWAY_TRACES: OpenTelemetry is not installed; install the extra 'otel' or unset the "
            "variable"
        ) from error
    # At the exit it would wait for the collector; the application flushes it instead.
    provider = TracerProvider(resource=resource(), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
