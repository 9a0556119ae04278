"""What the last look at each window found, as Prometheus reads it."""

from collections.abc import Iterator
from time import time

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.drift.baseline import UNUSUAL_SHARES
from service.drift.verdict import Verdict
from service.inference.models import Models, ServedModel

WINDOW = ("model", "version", "window")


class DriftCollector(Collector):
    """Judges the windows when they are asked for; a model without held-out rows has no samples."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def collect(self) -> Iterator[Metric]:
        """Yield every metric with a sample for each model and window."""
        families, now = _Families(), time()
        for model in self._models:
            for verdict in model.watch.verdicts(now) if model.watch else ():
                families.add(model, verdict)
        yield from families


class _Families:
    def __init__(self) -> None:
        gauge, layer = GaugeMetricFamily, (*WINDOW, "layer")
        self._drifting = gauge("highway_drifting", "1 if the window drifts.", labels=WINDOW)
        self._rows = gauge("highway_window_rows", "Rows in the window.", labels=WINDOW)
        self._psi = gauge(
            "highway_drift_psi", "Population stability index of a layer's gates.", labels=layer
        )
        self._p_value = gauge(
            "highway_drift_p_value", "Of a layer's gates against held-out rows.", labels=layer
        )
        self._label_psi = gauge(
            "highway_label_drift_psi", "Population stability index of the labels.", labels=WINDOW
        )
        self._label_p_value = gauge(
            "highway_label_drift_p_value", "Of the labels against held-out rows.", labels=WINDOW
        )
        self._unusual = gauge(
            "highway_unusual_share",
            "Rows that look as unusual as a share of the held-out ones, of all.",
            labels=(*WINDOW, "expected"),
        )
        self._unusual_p_value = gauge(
            "highway_unusual_p_value",
            "Of that share against the expected one.",
            labels=(*WINDOW, "expected"),
        )
        self._threshold = gauge(
            "highway_drift_threshold", "A p-value below it drifts.", labels=WINDOW
        )

    def __iter__(self) -> Iterator[Metric]:
        return iter(vars(self).values())

    def add(self, model: ServedModel, verdict: Verdict) -> None:
        """Add what one window's look found; what needs more rows has no sample."""
        names = [model.metadata.name, model.metadata.version, verdict.window.name]
        tallied = verdict.tallied
        self._drifting.add_metric(names, verdict.drifting)
        self._rows.add_metric(names, tallied.rows)
        self._threshold.add_metric(names, verdict.threshold)
        if not tallied.rows:
            return
        layers = [[*names, str(layer.number)] for layer in model.metadata.layers]
        for layer, psi in zip(layers, verdict.layer_psi.tolist(), strict=True):
            self._psi.add_metric(layer, psi)
        self._label_psi.add_metric(names, verdict.label_psi)
        shares = [[*names, str(share)] for share in UNUSUAL_SHARES]
        for share, rows in zip(shares, tallied.unusual.tolist(), strict=True):
            self._unusual.add_metric(share, rows / tallied.rows)
        _each(self._p_value, layers, verdict.layer_p_values)
        _each(self._unusual_p_value, shares, verdict.unusual_p_values)
        if verdict.label_p_value is not None:
            self._label_p_value.add_metric(names, verdict.label_p_value)


def _each(family: GaugeMetricFamily, names: list[list[str]], p_values: list[float] | None) -> None:
    if p_values is not None:
        for labels, p_value in zip(names, p_values, strict=True):
            family.add_metric(labels, p_value)
