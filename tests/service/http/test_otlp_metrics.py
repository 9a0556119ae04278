from pathlib import Path
from typing import Any

from opentelemetry.sdk.metrics.export import AggregationTemporality, Gauge, Histogram, Sum
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)

from service.http.otlp_metrics import LOCK, _take, otlp_metrics

START, NOW = 10, 20


def converted(family: Any) -> Any:
    (metric,) = otlp_metrics([family], START, NOW)
    assert metric.description == "Text."
    return metric


def test_a_counter_is_a_cumulative_sum_with_the_name_of_its_samples() -> None:
    family = CounterMetricFamily("highway_rejected", "Text.", labels=("model", "reason"))
    family.add_metric(["tiny", "deadline"], 3)
    family.add_metric(["tiny", "body"], 0)
    metric = converted(family)
    assert metric.name == "highway_rejected_total"
    assert isinstance(metric.data, Sum)
    assert metric.data.is_monotonic
    assert metric.data.aggregation_temporality == AggregationTemporality.CUMULATIVE
    assert [
        (point.attributes, point.value, point.start_time_unix_nano, point.time_unix_nano)
        for point in metric.data.data_points
    ] == [
        ({"model": "tiny", "reason": "deadline"}, 3.0, START, NOW),
        ({"model": "tiny", "reason": "body"}, 0.0, START, NOW),
    ]


def test_a_gauge_and_the_information_about_a_model_are_gauges() -> None:
    gauge = GaugeMetricFamily("highway_waiting_clients", "Text.", labels=())
    gauge.add_metric([], 2)
    info = InfoMetricFamily("highway_model", "Text.", labels=("model",))
    info.add_metric(["tiny"], {"sha256": "ab"})
    for family, name, attributes, value in (
        (gauge, "highway_waiting_clients", {}, 2),
        (info, "highway_model_info", {"model": "tiny", "sha256": "ab"}, 1),
    ):
        metric = converted(family)
        assert isinstance(metric.data, Gauge)
        (point,) = metric.data.data_points
        assert (metric.name, point.attributes, point.value) == (name, attributes, value)


def test_the_buckets_of_a_histogram_count_their_own_values_only() -> None:
    family = HistogramMetricFamily("highway_queue_seconds", "Text.", labels=("model",))
    family.add_metric(["a"], [("0.5", 1), ("1.0", 4), ("+Inf", 6)], 7.5)
    family.add_metric(["b"], [("0.5", 0), ("1.0", 0), ("+Inf", 0)], 0)
    metric = converted(family)
    assert metric.name == "highway_queue_seconds"
    assert isinstance(metric.data, Histogram)
    assert metric.data.aggregation_temporality == AggregationTemporality.CUMULATIVE
    first, second = metric.data.data_points
    assert (first.attributes, first.count, first.sum) == ({"model": "a"}, 6, 7.5)
    assert (first.explicit_bounds, first.bucket_counts) == ([0.5, 1.0], [1, 3, 2])
    assert (second.attributes, second.count, second.bucket_counts) == ({"model": "b"}, 0, [0] * 3)


def test_a_family_without_samples_is_left_out() -> None:
    assert list(otlp_metrics([GaugeMetricFamily("a", "Text.", labels=("b",))], START, NOW)) == []


def test_one_of_several_holders_of_the_file_leads_until_it_closes_it(tmp_path: Path) -> None:
    with open(tmp_path / LOCK, "ab") as first, open(tmp_path / LOCK, "ab") as second:
        assert _take(first)
        assert _take(first)
        assert not _take(second)
        first.close()
        assert _take(second)
