"""What a worker exports by OTLP: spans of its requests, and the metrics of all workers."""

from typing import TYPE_CHECKING

from prometheus_client.registry import Collector

from service.http.otlp import limit_messages, run_briefly
from service.http.otlp_metrics import MetricsExport
from service.http.tracing import TRACER, SpanObserver, otlp_provider
from service.observers import RequestObserver
from service.settings import Settings
from service.shared_counters import SharedCounters

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider


class Telemetry:
    """The exports that the settings enable; none by default."""

    def __init__(self, settings: Settings, collector: Collector, counters: SharedCounters) -> None:
        """Raises `SettingsError` if OpenTelemetry is needed and not installed."""
        self.observers: list[RequestObserver] = []
        self._provider: TracerProvider | None = None
        self._metrics: MetricsExport | None = None
        if settings.traces or settings.otlp_metrics:
            limit_messages()
        if settings.traces:
            self._provider = otlp_provider()
            self.observers.append(SpanObserver(self._provider.get_tracer(TRACER)))
        if settings.otlp_metrics:
            self._metrics = MetricsExport(collector, counters.folder, settings.otlp_metrics_seconds)

    def start(self) -> None:
        """Start on the running event loop."""
        if self._metrics is not None:
            self._metrics.start()

    def close(self) -> None:
        """Export what is left; wait for a moment only."""
        exports = [] if self._metrics is None else self._metrics.close()
        if self._provider is not None:
            exports.append(self._provider.force_flush)
        run_briefly(*exports)
