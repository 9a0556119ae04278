"""Tables of docs/scale.md and docs/measurements/scale.md."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from benchmarks.scale.cost import Prices, Size, hourly, per_billion
from benchmarks.scale.ledger_growth import Retention, rows_kept
from benchmarks.scale.results import DEFAULT, STUDIED, Results
from benchmarks.scale.service_times import ServiceTimes
from benchmarks.scale.studies import BASE_LOAD, BASE_REPLICAS, BURST_BEGIN, BURST_END, P99_MS, Burst
from benchmarks.scale.studies import day as studied_day
from benchmarks.scale.validation import QUANTITIES, Run
from benchmarks.serving.page import table

WANTED = (100, 1_000, 10_000, 100_000)  # requests per second
P99 = 50  # ms, of the tables that need one limit
UTILISATION = 0.6  # of the rate that meets it, for the cost
DAY_REPLICAS, SWINGS = 10, (0.2, 0.5, 0.8)  # at the mean rate of the day
LIMIT = 0.15  # of the deviation of the simulation
PREDICTED = (1, 10, 100, 10_000)  # rows per second, of the ledger
SERVERS = (1, 10)
HEADINGS = {
    "goodput": "answered /s",
    "refused_share": "429",
    "mean_ms": "mean (ms)",
    "p50_ms": "p50 (ms)",
    "p99_ms": "p99 (ms)",
}


def calibration(times: Mapping[str, ServiceTimes], capacities: Mapping[str, float]) -> str:
    """Return the measured service times in microseconds."""
    return table(
        [
            {
                "request": name,
                "batch of 1 row (µs)": _us(each.batch_s(1)),
                "of 64 rows (µs)": _us(each.batch_s(64)),
                "request without its batch (µs)": _us(each.request_s),
                "refusal (µs)": _us(each.refusal_s),
                "capacity /s": f"{capacities[name]:,.0f}",
            }
            for name, each in times.items()
        ]
    )


def validation(runs: Sequence[Run]) -> str:
    """Return measured, simulated and deviation of every quantity."""
    return table(
        [
            {
                "request": run.cell,
                "queue (ms)": run.max_queue_ms,
                "load": run.load,
                "offered /s": f"{run.offered:.0f}",
                "processor": f"{run.speed:.0%}",
                **{HEADINGS[name]: _compared(run, name) for name in QUANTITIES},
            }
            for run in runs
        ]
    )


def agreement(runs: Sequence[Run]) -> str:
    """Return a sentence for each overload: what is within the limit, and what is not."""
    lines = []
    for run in runs:
        if run.load not in ("1.3 ×", "2 ×"):
            continue
        inside: list[str] = []
        outside: list[str] = []
        for name in QUANTITIES:
            deviation = run.deviation(name)
            if deviation is not None:
                each = f"{HEADINGS[name]} {deviation:+.0%}"
                (inside if abs(deviation) <= LIMIT else outside).append(each)
        queue = f"{run.max_queue_ms} ms of queue"
        text = f"- {run.cell}, {queue}, {run.load} capacity: within {LIMIT:.0%}: "
        text += ", ".join(inside) or "–"
        lines.append(text + (f"; **outside: {', '.join(outside)}**." if outside else "."))
    return "\n".join(lines)


def replicas(results: Results) -> str:
    """Return the highest rate of a replica, and the replicas for some rates."""
    rows = []
    for name, rates in results.rates.items():
        rate = rates[P99]
        needed = {f"{each:,} /s": _replicas(each, rate) for each in WANTED}
        highest = {f"p99 ≤ {limit} ms": f"{rates[limit]:,.0f} /s" for limit in P99_MS}
        rows.append({"request": name, **highest, **needed})
    return table(rows)


def headroom(results: Results) -> str:
    """Return latency and cost at some utilisations of four replicas."""
    size, prices = Size(), Prices()
    capacity = results.capacities[STUDIED]
    return table(
        [
            {
                "load ÷ capacity": f"{point.rate / capacity / point.replicas:.2f}",
                "p50 (ms)": f"{point.p50_ms:.1f}",
                "p99 (ms)": f"{point.p99_ms:.0f}",
                "429": f"{point.refused_share:.1%}",
                "sudden rise that fits": f"{capacity * point.replicas / point.rate:.1f} ×",
                "cost per 10⁹ requests": _money(
                    per_billion(point.rate / point.replicas, size, prices)
                ),
            }
            for point in results.loads[4]
        ]
    )


def day(results: Results) -> str:
    """Return the cost of a day whose rate rises and falls, with and without the autoscaler."""
    rate = results.rates[STUDIED][P99] * UTILISATION
    price = hourly(Size(), Prices())
    rows = []
    for swing in SWINGS:
        found = studied_day(DAY_REPLICAS * rate, swing, rate)
        rows.append(
            {
                "rate": f"mean ± {swing:.0%}",
                "most replicas": found.most,
                "replica-hours, constant": f"{found.constant:.0f}",
                "with the autoscaler": f"{found.scaled:.0f}",
                "cost, constant": _money(found.constant * price),
                "cost with the autoscaler": _money(found.scaled * price),
            }
        )
    return table(rows)


def bursts(studies: Sequence[Burst], heading: str = "replicas") -> str:
    """Return what is refused in a burst, and how long."""
    return table(
        [
            {
                "burst": f"{study.factor:g} ×",
                heading: study.title,
                "429": f"{study.refused:,}",
                "lost": f"{study.lost / study.offered:.1%}",
                "last 429 after (s)": _seconds(study.last_refusal_s),
                "most replicas": study.most_replicas,
            }
            for study in studies
        ]
    )


def targets(studies: Sequence[Burst]) -> str:
    """Return how each metric and target of the autoscaler behaves in the same burst."""
    return table(
        [
            {
                "target": study.title,
                "429": f"{study.refused:,}",
                "last 429 after (s)": _seconds(study.last_refusal_s),
                "most replicas": study.most_replicas,
                "fewest after the burst": study.least_after,
                "changes of their number": _changes(study),
                "replica-hours": f"{study.replica_hours:.2f}",
            }
            for study in studies
        ]
    )


def retries(studies: Sequence[Burst]) -> str:
    """Return the effect of clients that repeat refused requests."""
    return table(
        [
            {
                "attempts": study.title,
                "429": f"{study.refused:,}",
                "requests lost": f"{study.lost:,} ({study.lost / study.offered:.1%})",
                "last 429 after (s)": _seconds(study.last_refusal_s),
                "most replicas": study.most_replicas,
            }
            for study in studies
        ]
    )


def ledger(row_bytes: Mapping[str, float]) -> str:
    """Return sizes after a day and after a month, and the share of rows recorded."""
    retention = Retention()
    rows = []
    for servers in SERVERS:
        for predicted in PREDICTED:
            rate = min(predicted, servers * retention.rate)
            row = {
                "servers": servers,
                "predicted rows /s": f"{predicted:,}",
                "recorded": f"{rate / predicted:.0%}",
            }
            for days, title in ((1, "a day"), (30, "30 days")):
                kept = rows_kept(predicted, servers, retention, days)
                row |= {
                    f"{name}, {title}": f"{kept * each / 1e9:.2f} GB"
                    for name, each in row_bytes.items()
                }
            rows.append(row)
    return table(rows)


def cost(results: Results) -> str:
    """Return the cost of 10⁹ requests, and of the same rows in batches without a server."""
    size, prices = Size(), Prices()
    rows = []
    for name, times in results.times.items():
        rate = results.rates[name][P99] * UTILISATION
        batch_rate = 64 / times.batch_s(64) / times.rows
        server, batch = (per_billion(each, size, prices) for each in (rate, batch_rate))
        rows.append(
            {
                "request": name,
                "mean rate of a replica": f"{rate:,.0f} /s",
                "cost per 10⁹ requests": _money(server),
                "per 10⁹ rows": _money(server / times.rows),
                "the same rows in full batches": _money(batch / times.rows),
                "server ÷ batches": f"{server / batch:.1f}",
            }
        )
    return table(rows)


def assumptions(results: Results) -> str:
    """Return the inputs that the page's text names, as a list."""
    times, size, prices = results.times[STUDIED], Size(), Prices()
    base = BASE_LOAD * BASE_REPLICAS * results.capacities[STUDIED]
    return "\n".join(
        [
            f"- A replica reserves {size.processors:g} processor and {size.gigabytes:g} GB, which "
            f"cost {prices.processor_hour} and {prices.gigabyte_hour} per hour and unit: "
            f"{hourly(size, prices):.5f} per replica-hour.",
            f"- The load before and after a burst is {base:,.0f} requests per second on "
            f"{BASE_REPLICAS} replicas, {BASE_LOAD:.0%} of their capacity; the burst lasts "
            f"{BURST_END - BURST_BEGIN:.0f} s.",
            f"- A process needs {times.start_s:.1f} s from its start to its first response, the "
            f"fastest of {len(results.times)} starts. The autoscaler of the "
            f"burst table is “{DEFAULT}”.",
        ]
    )


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f}"


def _compared(run: Run, name: str) -> str:
    measured, simulated = getattr(run.measured, name), getattr(run.simulated, name)
    deviation = run.deviation(name)
    form = ".1%" if name == "refused_share" else ".0f"
    share = "" if deviation is None else f" ({deviation:+.0%})"
    return f"{measured:{form}} → {simulated:{form}}{share}"


def _replicas(wanted: float, rate: float) -> str:
    return f"{math.ceil(wanted / rate):,}" if rate else "not met"


def _seconds(at: float | None) -> str:
    return "none" if at is None else f"{at - BURST_BEGIN:.0f}"


def _changes(study: Burst) -> int:
    numbers = [sample.ordered for sample in study.samples]
    return sum(a != b for a, b in pairwise(numbers))


def _money(value: float) -> str:
    return f"{value:,.2f}"
