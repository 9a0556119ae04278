"""The metrics of `GET /metrics` as OTLP, exported by one worker for all.

The numbers come from the counters that the workers share. The worker that holds a lock exports; the
system releases the lock of a worker that dies, and another one goes on.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from threading import Thread
from time import time_ns
from typing import TYPE_CHECKING, Any, BinaryIO

from prometheus_client.core import Metric, Sample
from prometheus_client.registry import Collector

from service.http.otlp import SERVICE, resource

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import Metric as OtlpMetric
    from opentelemetry.sdk.metrics.export import MetricsData

LOCK = "otlp.lock"

_log = logging.getLogger(__name__)


class MetricsExport:
    """Sends the metrics of a collector at an interval, from the worker that leads."""

    def __init__(self, collector: Collector, folder: Path | None, seconds: float) -> None:
        """Export every so many `seconds`.

        `folder` is that of the shared counters; without one, this process is the only one.
        """
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

        self._collector = collector
        self._exporter = OTLPMetricExporter()
        self._resource = resource()
        self._seconds = seconds
        self._lock = None if folder is None else open(folder / LOCK, "ab")  # noqa: SIM115
        # The counts are 0 when the first worker opens the file, which is never written.
        self._start_ns = time_ns() if self._lock is None else _modified_ns(self._lock)
        self._thread = Thread()  # of the last export
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Export from now on, on the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def close(self) -> list[Callable[[], object]]:
        """Stop, and return the last export; none if another is under way, or another worker leads.

        Another worker can lead from now on.
        """
        if self._task is not None:
            self._task.cancel()
        exports: list[Callable[[], object]] = []
        if self._leads() and not self._thread.is_alive():
            exports.append(partial(self._exporter.export, self._data()))
        if self._lock is not None:
            self._lock.close()
        return exports

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            try:
                if not self._thread.is_alive() and self._leads():
                    # The numbers are read on the event loop, as those of `GET /metrics`.
                    arguments = (self._data(),)
                    self._thread = Thread(target=self._exporter.export, args=arguments, daemon=True)
                    self._thread.start()
            except Exception:  # of any kind: the next export may succeed
                _log.exception("the metrics could not be exported")

    def _leads(self) -> bool:
        return self._lock is None or _take(self._lock)

    def _data(self) -> "MetricsData":
        from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        metrics = list(otlp_metrics(self._collector.collect(), self._start_ns, time_ns()))
        scope = ScopeMetrics(InstrumentationScope(SERVICE), metrics, "")
        return MetricsData([ResourceMetrics(self._resource, [scope], "")])


def otlp_metrics(families: Iterable[Metric], start_ns: int, now_ns: int) -> Iterator["OtlpMetric"]:
    """Yield each family that has samples, under the name that its samples have in `/metrics`."""
    from opentelemetry.sdk.metrics import export

    for family in families:
        data: Any
        if not family.samples:
            continue
        if family.type == "histogram":
            name = family.name
            points = list(_histogram_points(family.samples, start_ns, now_ns))
            data = export.Histogram(points, export.AggregationTemporality.CUMULATIVE)
        else:
            name = family.samples[0].name
            start = start_ns if family.type == "counter" else 0
            numbers = [
                export.NumberDataPoint(dict(sample.labels), start, now_ns, float(sample.value))
                for sample in family.samples
            ]
            data = export.Gauge(numbers)
            if family.type == "counter":
                temporality = export.AggregationTemporality.CUMULATIVE
                data = export.Sum(numbers, temporality, is_monotonic=True)
        yield export.Metric(name, family.documentation, "", data)


def _histogram_points(samples: Iterable[Sample], start_ns: int, now_ns: int) -> Iterator[Any]:
    """Yield a point for each set of labels; Prometheus counts a bucket's values in all above it."""
    from opentelemetry.sdk.metrics.export import HistogramDataPoint

    histograms: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for sample in samples:
        labels = {name: text for name, text in sample.labels.items() if name != "le"}
        key = sample.labels.get("le", sample.name.rpartition("_")[2])
        histograms.setdefault(tuple(labels.items()), {})[key] = sample.value
    for items, values in histograms.items():
        total, count = values.pop("sum"), values.pop("count")
        counts = [int(upper - lower) for lower, upper in pairwise((0.0, *values.values()))]
        yield HistogramDataPoint(
            attributes=dict(items),
            start_time_unix_nano=start_ns,
            time_unix_nano=now_ns,
            count=int(count),
            sum=total,
            bucket_counts=counts,
            explicit_bounds=[float(bound) for bound in values if bound != "+Inf"],
            min=None,  # type: ignore[arg-type]  # not known, and optional in OTLP
            max=None,  # type: ignore[arg-type]
        )


def _modified_ns(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_mtime_ns


def _take(file: BinaryIO) -> bool:
    """Lock the file, unless another process has; to lock it again has no effect."""
    if sys.platform == "win32":
        return True  # there is one worker
    import fcntl

    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
