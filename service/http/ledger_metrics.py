"""The ledger's counters as Prometheus reads them, summed over all processes."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.ledger.ledger import Ledger


class LedgerCollector(Collector):
    """Tells what became of answered rows; of a server without a ledger, nothing."""

    def __init__(self, ledger: Ledger | None) -> None:
        self._ledger = ledger

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        if self._ledger is None:
            return
        tally = self._ledger.standing().tally
        rows = CounterMetricFamily(
            "highway_ledger_rows", "Answered rows by what became of them.", labels=["outcome"]
        )
        for outcome in ("written", "sampled_out", "lost"):
            rows.add_metric([outcome], getattr(tally, outcome))
        yield rows
        yield GaugeMetricFamily(
            "highway_ledger_waiting_rows", "Rows on their way to the database.", tally.waiting
        )
        yield GaugeMetricFamily(
            "highway_ledger_writing", "Processes whose records reach the database.", tally.writing
        )
