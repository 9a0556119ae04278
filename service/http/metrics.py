"""`GET /metrics`: the counters as Prometheus reads them, summed over all processes."""

from collections.abc import Iterable, Iterator, Sequence

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from service.http.drift_metrics import DriftCollector
from service.inference.counters import GATES, PHASES, REASONS, SECONDS, Counters, Numbers
from service.inference.models import Models, ServedModel

MODEL = ("model", "version")


def metrics_router(models: Models, *others: Collector) -> APIRouter:
    """Return the route; `process_…` metrics are those of the worker that answers.

    The `others` add what is no model's.
    """
    registry = CollectorRegistry(auto_describe=False)
    for collector in (ModelCollector(models), *others):
        registry.register(collector)
    registry.register(DriftCollector(models))
    ProcessCollector(registry=registry)
    router = APIRouter(tags=["operation"])

    @router.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Tell the counters in Prometheus' text format."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


class ModelCollector(Collector):
    """Turns the counters of every model into metrics when they are asked for."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def collect(self) -> Iterator[Metric]:
        """Yield every metric with a sample, or a histogram, for each model."""
        families = _Families()
        for model in self._models:
            families.add(model, model.statistics.total())
        yield from families


class _Families:
    def __init__(self) -> None:
        count, histogram = CounterMetricFamily, HistogramMetricFamily
        self._info = InfoMetricFamily("highway_model", "The artifact that is served.", labels=MODEL)
        self._requests = count(
            "highway_inference_requests", "Requests by outcome.", labels=(*MODEL, "outcome")
        )
        self._rejected = count(
            "highway_rejected", "Requests without an answer, by reason.", labels=(*MODEL, "reason")
        )
        self._rows = count("highway_inference_rows", "Rows answered.", labels=MODEL)
        self._runs = count("highway_inference_exec", "Runs of the model.", labels=MODEL)
        self._pending = GaugeMetricFamily(
            "highway_pending_requests", "Requests that wait or run.", labels=MODEL
        )
        self._request = histogram(
            "highway_request_seconds", "From the whole request to its answer.", labels=MODEL
        )
        self._queue = histogram("highway_queue_seconds", "From the queue into a run.", labels=MODEL)
        self._compute = histogram("highway_compute_seconds", "In runs of the model.", labels=MODEL)
        self._predictions = count(
            "highway_predictions", "Rows by predicted label.", labels=(*MODEL, "class")
        )
        self._unusual = count(
            "highway_unusual_rows", "Rows as unusual as 1 % of held-out ones.", labels=MODEL
        )
        self._gates = histogram(
            "highway_gate_mean", "Mean transform gate of a row.", labels=(*MODEL, "layer")
        )

    def __iter__(self) -> Iterator[Metric]:
        return iter(vars(self).values())

    def add(self, model: ServedModel, counters: Counters) -> None:
        """Add one model's numbers."""
        metadata = model.metadata
        names = [metadata.name, metadata.version]
        self._info.add_metric(names, {"sha256": str(metadata.verification["digest"])})
        self._requests.add_metric([*names, "success"], counters.phases[0, 0])
        self._requests.add_metric([*names, "fail"], counters.phases[1, 0])
        _each(self._rejected, names, REASONS, counters.rejected)
        self._rows.add_metric(names, counters.rows[0])
        self._runs.add_metric(names, counters.runs[0])
        self._pending.add_metric(names, counters.pending[0])
        sums = dict(zip(PHASES, counters.phases[:, 1] * 1e-9, strict=True))
        for family, numbers, phase in (
            (self._request, counters.request, "success"),
            (self._queue, counters.queue, "queue"),
            (self._compute, counters.compute, "compute_infer"),
        ):
            family.add_metric(names, _buckets(SECONDS, numbers), float(sums[phase]))
        _each(self._predictions, names, metadata.labels, counters.predictions)
        self._unusual.add_metric(names, counters.unusual[0])
        for layer, numbers in zip(metadata.layers, counters.gates, strict=True):
            buckets = _buckets(GATES, numbers[:-1])
            self._gates.add_metric([*names, str(layer.number)], buckets, float(numbers[-1]))


def _each(
    family: CounterMetricFamily, names: list[str], labels: Iterable[str], numbers: Numbers
) -> None:
    for label, number in zip(labels, numbers, strict=True):
        family.add_metric([*names, label], number)


def _buckets(bounds: Sequence[float], numbers: Numbers) -> list[tuple[str, float]]:
    """Return cumulative buckets, as Prometheus has them."""
    upper = [*map(str, bounds), "+Inf"]
    return list(zip(upper, numbers.cumsum().tolist(), strict=True))
