"""`GET /metrics`: Prometheus metrics of models, drift and ledger, summed over all processes."""

from collections.abc import Iterable, Iterator, Sequence
from time import time
from typing import Any

import numpy as np
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

from service.contract import Metadata
from service.drift.baseline import ATYPICAL_SHARES
from service.drift.monitor import DriftDecision
from service.inference.models import Models, ServedModel
from service.inference.statistics import GATES, PHASES, REASONS, SECONDS, ModelCounters
from service.ledger.ledger import Ledger
from service.shared_counters import Numbers, SharedCounters
from service.supervision import DEATHS, RELOADS, Supervision

Families = dict[str, Any]  # metric families by name; each kind has an `add_metric` of its own

MODEL = ("model", "version")
WINDOW = (*MODEL, "window")
# Kind, name without `highway_`, help text, and a label besides those above.
MODEL_METRICS = (
    (InfoMetricFamily, "model", "The served artifact.", ""),
    (CounterMetricFamily, "inference_requests", "Requests by outcome.", "outcome"),
    (CounterMetricFamily, "rejected", "Failed requests by reason.", "reason"),
    (CounterMetricFamily, "inference_rows", "Rows predicted.", ""),
    (CounterMetricFamily, "inference_exec", "Batches computed.", ""),
    (GaugeMetricFamily, "pending_requests", "Requests in the queue or in a batch.", ""),
    (GaugeMetricFamily, "queue_wait_seconds", "Estimated wait of the last row in the queue.", ""),
    (GaugeMetricFamily, "waiting_clients", "Clients with requests in the queue.", ""),
    (HistogramMetricFamily, "request_seconds", "Time from a complete request to its response.", ""),
    (HistogramMetricFamily, "queue_seconds", "Time in the queue.", ""),
    (HistogramMetricFamily, "compute_seconds", "Time in batches.", ""),
    (CounterMetricFamily, "predictions", "Rows by predicted label.", "class"),
    (CounterMetricFamily, "atypical_rows", "Rows whose typicality is at most 0.01.", ""),
    (HistogramMetricFamily, "gate_mean", "Mean transform gate of a row.", "layer"),
    (GaugeMetricFamily, "gate_usual_lower", "10 % quantile of held-out mean gates.", "layer"),
    (GaugeMetricFamily, "gate_usual_upper", "90 % quantile of held-out mean gates.", "layer"),
)
DRIFT_METRICS = (
    (GaugeMetricFamily, "drifting", "1 if the window drifts.", ""),
    (GaugeMetricFamily, "window_rows", "Rows in the window.", ""),
    (GaugeMetricFamily, "drift_threshold", "A p-value below it makes the window drift.", ""),
    (GaugeMetricFamily, "drift_psi", "Population stability index of a layer's gates.", "layer"),
    (GaugeMetricFamily, "drift_p_value", "p-value of a layer's gates.", "layer"),
    (GaugeMetricFamily, "label_drift_psi", "Population stability index of the labels.", ""),
    (GaugeMetricFamily, "label_drift_p_value", "p-value of the labels.", ""),
    (
        GaugeMetricFamily,
        "atypical_share",
        "Share of rows whose typicality is at most `expected`.",
        "expected",
    ),
    (GaugeMetricFamily, "atypical_p_value", "p-value of the share of atypical rows.", "expected"),
)
LEDGER_METRICS = (
    (CounterMetricFamily, "ledger_rows", "Predicted rows by outcome in the ledger.", "outcome"),
    (GaugeMetricFamily, "ledger_waiting_rows", "Rows waiting to be written.", ""),
    (GaugeMetricFamily, "ledger_writing", "Processes that can write to the database.", ""),
)
SUPERVISOR_METRICS = (
    (CounterMetricFamily, "worker_deaths", "Workers that ended unexpectedly.", "reason"),
    (CounterMetricFamily, "model_reload", "Changes of the served models.", "outcome"),
)


def metrics_router(collector: "ServiceCollector") -> APIRouter:
    """Return the route; `process_…` metrics are those of the worker that responds."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    ProcessCollector(registry=registry)
    router = APIRouter(tags=["operation"])

    @router.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Return all metrics in Prometheus' text format."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


class ServiceCollector(Collector):
    """Metrics of models, drift, ledger and supervisor."""

    def __init__(
        self, models: Models, ledger: Ledger | None, shared_counters: SharedCounters
    ) -> None:
        self._models = models
        self._ledger = ledger
        self._supervision = Supervision(shared_counters)

    def collect(self) -> Iterator[Metric]:
        """Yield every metric; drift has no samples and the ledger no metrics where they are off."""
        counters, drift = _families(MODEL_METRICS, MODEL), _families(DRIFT_METRICS, WINDOW)
        now = time()
        for model in self._models:
            _add_counters(counters, model, model.statistics.total())
            for decision in model.drift_monitor.decisions(now) if model.drift_monitor else ():
                _add_decision(drift, model, decision)
        yield from counters.values()
        yield from drift.values()
        if self._ledger is not None:
            ledger, counts = _families(LEDGER_METRICS), self._ledger.writer.status().counts
            _add_each(ledger["ledger_rows"], [], ("written", "sampled_out", "lost"), counts[:3])
            ledger["ledger_waiting_rows"].add_metric([], counts.waiting)
            ledger["ledger_writing"].add_metric([], counts.writing)
            yield from ledger.values()
        supervisor, (deaths, reloads) = _families(SUPERVISOR_METRICS), self._supervision.totals()
        _add_each(supervisor["worker_deaths"], [], DEATHS, deaths)
        _add_each(supervisor["model_reload"], [], RELOADS, reloads)
        yield from supervisor.values()


def _add_counters(families: Families, model: ServedModel, counters: ModelCounters) -> None:
    metadata = model.metadata
    names = [metadata.name, metadata.version]
    families["model"].add_metric(names, {"sha256": str(metadata.verification["digest"])})
    _add_each(families["inference_requests"], names, ("success", "fail"), counters.phases[:2, 0])
    _add_each(families["rejected"], names, REASONS, counters.rejected)
    families["inference_rows"].add_metric(names, counters.rows[0])
    families["inference_exec"].add_metric(names, counters.batches[:, 0].sum())
    families["pending_requests"].add_metric(names, counters.pending[0])
    families["queue_wait_seconds"].add_metric(names, counters.wait[0])
    families["waiting_clients"].add_metric(names, counters.clients[0])
    sums = dict(zip(PHASES, counters.phases[:, 1] * 1e-9, strict=True))
    for name, numbers, phase in (
        ("request_seconds", counters.request, "success"),
        ("queue_seconds", counters.queue, "queue"),
        ("compute_seconds", counters.compute, "compute_infer"),
    ):
        families[name].add_metric(names, _buckets(SECONDS, numbers), float(sums[phase]))
    _add_each(families["predictions"], names, metadata.labels, counters.predictions)
    families["atypical_rows"].add_metric(names, counters.atypical[0])
    for layer, numbers in zip(metadata.layers, counters.gates, strict=True):
        buckets = _buckets(GATES, numbers[:-1])
        families["gate_mean"].add_metric([*names, str(layer.number)], buckets, float(numbers[-1]))
    _add_usual_gates(families, names, metadata)


def _add_usual_gates(families: Families, names: list[str], metadata: Metadata) -> None:
    """Add the quantiles of each layer, averaged over the labels; none without held-out rows."""
    if (held_out := metadata.held_out) is None:
        return
    layers = [str(layer.number) for layer in metadata.layers]
    usual = np.average(held_out.usual, axis=0, weights=held_out.predicted)  # (layers, 2)
    _add_each(families["gate_usual_lower"], names, layers, usual[:, 0])
    _add_each(families["gate_usual_upper"], names, layers, usual[:, 1])


def _add_decision(families: Families, model: ServedModel, decision: DriftDecision) -> None:
    names = [model.metadata.name, model.metadata.version, decision.window.name]
    counts = decision.counts
    families["drifting"].add_metric(names, decision.drifting)
    families["window_rows"].add_metric(names, counts.rows)
    families["drift_threshold"].add_metric(names, decision.threshold)
    if not counts.rows:
        return
    layers = [str(layer.number) for layer in model.metadata.layers]
    shares = [str(share) for share in ATYPICAL_SHARES]
    _add_each(families["drift_psi"], names, layers, decision.layer_psi)
    _add_each(families["drift_p_value"], names, layers, decision.layer_p_values)
    families["label_drift_psi"].add_metric(names, decision.label_psi)
    if decision.label_p_value is not None:
        families["label_drift_p_value"].add_metric(names, decision.label_p_value)
    _add_each(families["atypical_share"], names, shares, counts.atypical / counts.rows)
    _add_each(families["atypical_p_value"], names, shares, decision.atypical_p_values)


def _families(table: Sequence[tuple[type, str, str, str]], labels: Sequence[str] = ()) -> Families:
    return {
        name: kind(f"highway_{name}", text, labels=(*labels, label) if label else labels)
        for kind, name, text, label in table
    }


def _add_each(
    family: Any, names: list[str], labels: Iterable[str], values: Iterable[float] | None
) -> None:
    """Add a sample for each value of the last label; no sample without values."""
    for label, value in zip(labels, values, strict=True) if values is not None else ():
        family.add_metric([*names, label], value)


def _buckets(bounds: Sequence[float], numbers: Numbers) -> list[tuple[str, float]]:
    """Return cumulative buckets, as Prometheus requires."""
    upper = [*map(str, bounds), "+Inf"]
    return list(zip(upper, numbers.cumsum().tolist(), strict=True))
