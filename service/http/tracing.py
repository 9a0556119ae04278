"""OpenTelemetry spans for the reception, made once they are over; needs the extra `otel`."""

from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING

from service.http.records import Record
from service.settings import SettingsError

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

FAILURE = 500  # a span of this status and above is marked as an error


class SpanRecorder:
    """Gives a tracer one span for each exchange, a child of the client's if it sent its own."""

    def __init__(self, tracer: "Tracer") -> None:
        self._tracer = tracer
        self._epoch_ns = time_ns() - perf_counter_ns()

    def wants(self, status: int, rows: int) -> bool:
        """Want all: the tracer's own sampler chooses."""
        return True

    def record(self, record: Record) -> None:
        """Make a span, with the time of each phase as an attribute."""
        from opentelemetry.trace import SpanKind, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier = {
            name: record.headers[name.encode()].decode("latin-1")
            for name in ("traceparent", "tracestate")
            if name.encode() in record.headers
        }
        metadata = record.door.model.metadata
        span = self._tracer.start_span(
            f"{record.door.kind} {metadata.name}",
            TraceContextTextMapPropagator().extract(carrier),
            kind=SpanKind.SERVER,
            start_time=self._epoch_ns + record.arrived_ns,
            attributes={
                "http.response.status_code": record.status,
                "highway.request_id": record.request_id,
                "highway.model": metadata.name,
                "highway.version": metadata.version,
                "highway.rows": record.rows,
            },
        )
        if record.timing is not None:
            span.set_attributes(
                {
                    "highway.decode_seconds": record.timing.decode * 1e-9,
                    "highway.queue_seconds": record.timing.queue * 1e-9,
                    "highway.compute_seconds": record.timing.model * 1e-9,
                    "highway.encode_seconds": record.timing.encode * 1e-9,
                    "highway.batch_rows": record.timing.batch_rows,
                }
            )
        if record.status >= FAILURE:
            span.set_status(StatusCode.ERROR)
        span.end(self._epoch_ns + record.ended_ns)


def otlp_tracer() -> "Tracer":
    """Return a tracer that sends to where the OTEL_EXPORTER_OTLP_… variables say.

    Without the extra `otel` it is a `SettingsError`.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise SettingsError(
            "HIGHWAY_TRACES: expected OpenTelemetry to be installed, found none; install the extra "
            "'otel' or unset the variable"
        ) from error
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("highway-networks")
