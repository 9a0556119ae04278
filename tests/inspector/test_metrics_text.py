"""The parser of Prometheus' text format, and the numbers of an interval between two samples."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.inspector.browser import module

TEXT = r"""
# HELP requests_total Requests { with "braces".
# TYPE requests_total counter
requests_total{model="a",outcome="success"} 12.0
requests_total{model="a, b={\"x\"} \\ \n",outcome="fail"} 1e+03 1700000000000
seconds_bucket{le="+Inf"} 7
up 1
empty{} NaN
low -Inf
not a sample
"""


def numbers(module_page: Page, expression: str, *arguments: Any) -> Any:
    return module(module_page, "past/traffic-numbers.js", expression, *arguments)


def counters(time: int, rows: int, buckets: list[int], **more: Any) -> dict[str, Any]:
    latency = [{"bound": bound, "count": n} for bound, n in zip((0.1, 0.2), buckets, strict=False)]
    requests = {"success": rows, "fail": 0}
    gauges = {"wait": 0, "pending": 0, "memory": None}
    return {
        "time": time, "rows": rows, "requests": requests, "refused": {}, "latency": latency,
        **gauges, **more,
    }  # fmt: skip


def test_samples_have_their_labels_without_escapes(module_page: Page) -> None:
    call = "(m, text) => m.parseMetrics(text).map((s) => ({ ...s, value: String(s.value) }))"
    assert module(module_page, "past/metrics-text.js", call, TEXT) == [
        {
            "name": "requests_total",
            "labels": {"model": "a", "outcome": "success"},
            "value": "12",
        },
        {
            "name": "requests_total",
            "labels": {"model": 'a, b={"x"} \\ \n', "outcome": "fail"},
            "value": "1000",
        },
        {"name": "seconds_bucket", "labels": {"le": "+Inf"}, "value": "7"},
        {"name": "up", "labels": {}, "value": "1"},
        {"name": "empty", "labels": {}, "value": "NaN"},
        {"name": "low", "labels": {}, "value": "-Infinity"},
    ]
    assert module(module_page, "past/metrics-text.js", '(m) => m.parseMetrics("")') == []


def test_only_the_newest_sample_keeps_the_counts_of_labels(module_page: Page) -> None:
    names = ("highway_predictions_total", "highway_inference_rows_total", "python_info")
    text = "\n".join(f"{name} 1" for name in names)
    call = """async (m, text) => {
      const url = (path) => new URL(path, document.querySelector("script[src$='/main.js']").src);
      const history = await import(url("past/traffic-history.js"));
      const { isUsed } = await import(url("past/traffic-numbers.js"));
      for (const time of [1, 2]) history.keepSamples(time, m.parseMetrics(text, isUsed));
      return history.keptSamples().map(({ samples }) => samples.map(({ name }) => name));
    }"""
    kept = module(module_page, "past/metrics-text.js", call, text)
    assert kept == [[names[1]], list(names[:2])]


def test_the_rarest_of_many_labels_are_one_line(module_page: Page) -> None:
    counts = {f"label {n}": n for n in range(5)}
    call = "(m, counts, most) => m.mostFrequent(counts, most)"
    assert numbers(module_page, call, counts, 2) == [["label 4", 4], ["label 3", 3], ["3 more", 3]]
    assert len(numbers(module_page, call, counts, 5)) == 5


def test_quantiles_are_linear_within_their_bucket(module_page: Page) -> None:
    def quantile(share: float, *counts: int) -> Any:
        call = """(m, share, counts) => m.quantile(
          share, counts.map((count, i) => ({ bound: [0.1, 0.2, Infinity][i], count })))"""
        return numbers(module_page, call, share, counts)

    assert quantile(0.5, 10, 10, 10) == pytest.approx(0.05)  # the middle of the first bucket
    assert quantile(0.95, 10, 20, 20) == pytest.approx(0.19)
    assert quantile(0.5, 0, 0, 4) == 0.2  # beyond the last finite bound
    assert quantile(0.99, 0, 0, 0) is None


def test_an_interval_has_rates_and_quantiles_of_itself_alone(module_page: Page) -> None:
    before = counters(0, 100, [100, 100], refused={"deadline": 1})
    after = counters(5000, 110, [100, 110], refused={"deadline": 6}, memory=64)

    between = numbers(module_page, "(m, before, after) => m.interval(before, after)", before, after)

    assert between["requests"] == 2
    assert between["rows"] == 2
    assert between["refused"] == {"deadline": 1}
    assert between["p50"] == pytest.approx(0.15)
    assert between["memory"] == 64
    assert between["restarted"] is False


def test_counters_that_fall_were_restarted(module_page: Page) -> None:
    before, after = counters(0, 100, [100, 100]), counters(10_000, 20, [20, 20])
    between = numbers(module_page, "(m, before, after) => m.interval(before, after)", before, after)
    assert between["restarted"] is True
    assert between["rows"] == 2  # 20 rows in 10 seconds
    assert between["p50"] == pytest.approx(0.05)


def test_counters_are_those_of_one_model(module_page: Page) -> None:
    samples = [
        {"name": "highway_inference_rows_total", "labels": {"model": m, "version": v}, "value": n}
        for m, v, n in (("a", "1", 3), ("a", "2", 5), ("b", "1", 7))
    ]
    call = "(m, samples, model) => m.countersOf(samples, model, 9)"
    own = numbers(module_page, call, samples, {"name": "a", "version": "2"})
    assert (own["rows"], own["time"], own["memory"], own["latency"]) == (5, 9, None, [])
    assert numbers(module_page, call, samples, {"name": "a", "version": "3"}) is None


def test_an_axis_ends_at_a_round_number(module_page: Page) -> None:
    call = "(m, values) => values.map(m.niceEnd)"
    ends = module(module_page, "past/time-axis.js", call, [0, 0.3, 1, 1.1, 7, 20, 51])
    assert ends == pytest.approx([1, 0.5, 1, 2, 10, 20, 100])


def test_a_line_is_broken_where_there_is_no_value(module_page: Page) -> None:
    points = [{"x": 0, "y": 1}, {"x": 1, "y": None}, {"x": 2, "y": 3}, {"x": 3, "y": 4}]
    path = module(module_page, "past/time-axis.js", "(m, points) => m.linePath(points)", points)
    assert path == "M0.0 1.0M2.0 3.0L3.0 4.0"
