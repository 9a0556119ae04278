"""Tables of docs/measurements/serving.md and docs/serving.md, by the name of their marker."""

from collections.abc import Callable

from benchmarks.serving.comparison import comparison, losses, rates, ratios, rounds
from benchmarks.serving.contenders import PROJECT, V2_BINARY, V2_JSON
from benchmarks.serving.page import counted, optional, table
from benchmarks.serving.results import Cell, OpenLoop, Results

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


def closed_loop(results: Results) -> str:
    """List rate and latencies of every cell of the closed loop."""
    return _by_load(results, _load)


def processor_time(results: Results) -> str:
    """List the processor time of a request in every cell of the closed loop."""
    return _by_load(results, lambda cell: f"{cell.cpu_us:,.0f}")


def alone(results: Results) -> str:
    """Compare the time of a batch alone with the latency of a single client."""
    rows: list[Row] = []
    for record in results.alone:
        row: Row = {"network": record.network, "rows": record.rows}
        row["onnxruntime alone"] = f"{record.microseconds:,.0f} µs"
        for name in (V2_BINARY, V2_JSON):
            cell = _cell(results, record.network, name, record.rows, 1)
            row[f"{name}, median"] = f"{cell.p50_ms * 1e3:,.0f} µs" if cell else "–"
        rows.append(row)
    return table(rows)


def gates(results: Results) -> str:
    """List the requests per second with the gates as a share of those without."""
    return table(
        [
            {
                "network": record.network,
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
                "network": record.network,
                "server": record.server,
                "start to first response": f"{record.start_seconds:.2f} s",
                "memory at start": f"{record.resident_mb_started:.0f} MB",
                "after the load": f"{record.resident_mb_loaded:.0f} MB",
                "idle, share of a core": f"{record.idle_cpu_percent:.2f} %",
            }
            for record in results.footprints
        ]
    )


def start(results: Results) -> str:
    """Tell how fast this server starts, and how much memory it takes."""
    ours = [record for record in results.footprints if record.server == PROJECT]
    if not ours:
        return "Not measured."
    seconds = max(record.start_seconds for record in ours)
    least = min(record.resident_mb_started for record in ours)
    most = max(record.resident_mb_loaded for record in ours)
    return (
        f"The server starts in {seconds:.1f} s and takes {least:.0f} MB of memory, at most "
        f"{most:.0f} MB under these loads."
    )


TABLES: dict[str, Callable[[Results], str]] = {
    "machine": machine,
    "rounds": rounds,
    "comparison": comparison,
    "losses": losses,
    "rates": rates,
    "ratios": ratios,
    "closed loop": closed_loop,
    "processor time": processor_time,
    "alone": alone,
    "gates": gates,
    "overload": overload,
    "bursts": bursts,
    "footprint": footprint,
}


def _by_load(results: Results, form: Callable[[Cell], str]) -> str:
    """Format every cell; a row for each contender, a column for each load."""
    loads = dict.fromkeys((cell.rows, cell.clients) for cell in results.cells)
    keys = dict.fromkeys((cell.network, cell.contender) for cell in results.cells)
    rows: list[Row] = []
    for network, contender in keys:
        row: Row = {"network": network, "request": contender}
        for count, clients in loads:
            cell = _cell(results, network, contender, count, clients)
            head = f"{counted(count, 'row')}, {counted(clients, 'client')}"
            row[head] = form(cell) if cell else "–"
        rows.append(row)
    return table(rows)


def _cell(results: Results, network: str, contender: str, rows: int, clients: int) -> Cell | None:
    key = network, contender, rows, clients
    for cell in results.cells:
        if (cell.network, cell.contender, cell.rows, cell.clients) == key:
            return cell
    return None


def _load(cell: Cell) -> str:
    load = f"{cell.requests_per_second:,.0f} ({cell.p50_ms:.2f}, {cell.p99_ms:.2f})"
    return f"{load}, {cell.errors:,} errors" if cell.errors else load


def _request(record: OpenLoop) -> str:
    return f"{record.contender}, {counted(record.rows, 'row')}, {record.network}"


def _rejected(record: OpenLoop) -> str:
    if record.rejected_p50_ms is None or record.rejected_p99_ms is None:
        return "–"
    return f"{record.rejected_p50_ms:,.2f} (p99 {record.rejected_p99_ms:,.2f})"


def _mark(record: OpenLoop) -> str:
    allowed = max(LATENESS_MS, LATENESS_SHARE * (record.p99_ms or 0))
    return " †" if record.late_p99_ms > allowed else ""
