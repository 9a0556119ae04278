"""Tables of docs/measurements/serving.md, by the name of their marker."""

from collections.abc import Callable

from benchmarks.serving.contenders import ASYNC_DEF, DEF, V2_BINARY, V2_JSON
from benchmarks.serving.page import optional, table
from benchmarks.serving.results import Cell, OpenLoop, Results

CLIENTS = 16  # in the comparison: enough for a server that batches
STEADY = "steady"
# With a larger lateness of the driver, its latencies are marked as unreliable.
LATENESS_SHARE, LATENESS_MS = 0.2, 0.5

Row = dict[str, object]


def machine(results: Results) -> str:
    """Describe the machine."""
    details = dict(results.machine)
    where = "{processor}, {cores} cores, load before the benchmark {load_before}".format(**details)
    for key in ("processor", "cores", "load_before"):
        del details[key]
    versions = ", ".join(f"{name} {version}" for name, version in details.items())
    return f"{where}; {versions}."


def comparison(results: Results) -> str:
    """Compare this project's requests per second with those of the FastAPI service."""
    rows: list[Row] = []
    for ours in results.cells:
        if (ours.contender, ours.clients) != (V2_JSON, CLIENTS):
            continue
        row: Row = {"layers": ours.layers, "rows": ours.rows}
        row[f"{V2_JSON}, requests/s"] = f"{ours.requests_per_second:,.0f}"
        for name in (DEF, ASYNC_DEF):
            theirs = _cell(results, ours.layers, name, ours.rows, CLIENTS)
            row[f"times {name}"] = (
                f"{ours.requests_per_second / theirs.requests_per_second:.1f}" if theirs else "–"
            )
        rows.append(row)
    return table(rows)


def closed_loop(results: Results) -> str:
    """List every cell of the closed loop."""
    loads = dict.fromkeys((cell.rows, cell.clients) for cell in results.cells)
    keys = dict.fromkeys((cell.layers, cell.contender) for cell in results.cells)
    rows: list[Row] = []
    for layers, contender in keys:
        row: Row = {"layers": layers, "request": contender}
        for count, clients in loads:
            head = f"{_counted(count, 'row')}, {_counted(clients, 'client')}"
            row[head] = _load(_cell(results, layers, contender, count, clients))
        rows.append(row)
    return table(rows)


def alone(results: Results) -> str:
    """Compare the time of a batch alone with the latency of a single client."""
    rows: list[Row] = []
    for record in results.alone:
        row: Row = {"layers": record.layers, "rows": record.rows}
        row["onnxruntime alone"] = f"{record.microseconds:,.0f} µs"
        for name in (V2_BINARY, V2_JSON):
            cell = _cell(results, record.layers, name, record.rows, 1)
            row[f"{name}, median"] = f"{cell.p50_ms * 1e3:,.0f} µs" if cell else "–"
        rows.append(row)
    return table(rows)


def gates(results: Results) -> str:
    """List the requests per second with the gates as a share of those without."""
    return table(
        [
            {
                "layers": record.layers,
                "request": record.contender,
                "rows": record.rows,
                "with / without": f"{record.share:.3f}",
                "single pairs": f"{record.lowest:.3f} to {record.highest:.3f}",
                "pairs": record.pairs,
                "errors": record.errors,
            }
            for record in results.gates
        ]
    )


def overload(results: Results) -> str:
    """List responses and latencies at steady rates below and above capacity."""
    return table(
        [
            {
                "request": _request(record),
                "offered": f"{record.percent} %, {record.offered:,.0f}/s",
                "responses 200": f"{record.goodput:,.0f}/s",
                "median, ms": optional(record.p50_ms, ",.2f"),
                "p99, ms": optional(record.p99_ms, ",.2f") + _mark(record),
                "by status": ", ".join(
                    f"{key}: {count:,}" for key, count in record.responses.items()
                ),
                "rejected after, ms": _rejected(record),
            }
            for record in results.open_loop
            if record.arrivals == STEADY
        ]
    )


def bursts(results: Results) -> str:
    """List responses per second, and their p99, for arrivals in bursts."""
    rows: dict[tuple[str, str], Row] = {}
    for record in results.open_loop:
        if record.arrivals != STEADY:
            key = _request(record), record.arrivals
            row = rows.setdefault(key, dict(zip(("request", "arrivals"), key, strict=True)))
            p99 = optional(record.p99_ms, ",.1f")
            row[f"{record.percent} %"] = f"{record.goodput:,.0f} ({p99}){_mark(record)}"
    return table(list(rows.values()))


def footprint(results: Results) -> str:
    """List start time, memory and idle processor time."""
    return table(
        [
            {
                "layers": record.layers,
                "server": record.server,
                "start to first response": f"{record.start_seconds:.2f} s",
                "memory at start": f"{record.resident_mb_started:.0f} MB",
                "after the load": f"{record.resident_mb_loaded:.0f} MB",
                "idle, share of a core": f"{record.idle_cpu_percent:.2f} %",
            }
            for record in results.footprints
        ]
    )


TABLES: dict[str, Callable[[Results], str]] = {
    "machine": machine,
    "comparison": comparison,
    "closed loop": closed_loop,
    "alone": alone,
    "gates": gates,
    "overload": overload,
    "bursts": bursts,
    "footprint": footprint,
}


def _cell(results: Results, layers: int, contender: str, rows: int, clients: int) -> Cell | None:
    key = layers, contender, rows, clients
    for cell in results.cells:
        if (cell.layers, cell.contender, cell.rows, cell.clients) == key:
            return cell
    return None


def _load(cell: Cell | None) -> str:
    if cell is None:
        return "–"
    load = f"{cell.requests_per_second:,.0f} ({cell.p50_ms:.2f}, {cell.p99_ms:.2f})"
    return f"{load}, {cell.errors:,} errors" if cell.errors else load


def _request(record: OpenLoop) -> str:
    return f"{record.contender}, {_counted(record.rows, 'row')}, {record.layers} layers"


def _rejected(record: OpenLoop) -> str:
    if record.rejected_p50_ms is None or record.rejected_p99_ms is None:
        return "–"
    return f"{record.rejected_p50_ms:,.2f} (p99 {record.rejected_p99_ms:,.2f})"


def _mark(record: OpenLoop) -> str:
    allowed = max(LATENESS_MS, LATENESS_SHARE * (record.p99_ms or 0))
    return " †" if record.late_p99_ms > allowed else ""


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
