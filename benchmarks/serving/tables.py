"""What docs/serving.md tells of the results, each part under its mark."""

from collections.abc import Callable

from benchmarks.serving.contenders import ASYNC_DEF, DEF, V2_BINARY, V2_JSON
from benchmarks.serving.page import optional, table
from benchmarks.serving.results import Cell, OpenLoop, Results

CLIENTS = 16  # of the comparison: enough to keep a batching server busy
STEADY = "steady"
# Beyond this share of the latencies told, the driver's own lateness decides them.
LATENESS_SHARE, LATENESS_MS = 0.2, 0.5

Row = dict[str, object]


def machine(results: Results) -> str:
    """Say where it was measured."""
    told = dict(results.machine)
    where = "{processor}, {cores} cores, load before the run {load_before}".format(**told)
    for key in ("processor", "cores", "load_before"):
        del told[key]
    versions = ", ".join(f"{name} {version}" for name, version in told.items())
    return f"{where}; {versions}."


def comparison(results: Results) -> str:
    """Tell how many times the obvious service's requests a second this project answers."""
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
    """Tell every cell of the closed loop."""
    loads = dict.fromkeys((cell.rows, cell.clients) for cell in results.cells)
    lines = dict.fromkeys((cell.layers, cell.contender) for cell in results.cells)
    rows: list[Row] = []
    for layers, contender in lines:
        row: Row = {"layers": layers, "asked": contender}
        for count, clients in loads:
            head = f"{_counted(count, 'row')}, {_counted(clients, 'client')}"
            row[head] = _load(_cell(results, layers, contender, count, clients))
        rows.append(row)
    return table(rows)


def alone(results: Results) -> str:
    """Tell the time of a run by itself beside what a single client waits."""
    rows: list[Row] = []
    for each in results.alone:
        row: Row = {"layers": each.layers, "rows": each.rows}
        row["onnxruntime alone"] = f"{each.microseconds:,.0f} µs"
        for name in (V2_BINARY, V2_JSON):
            cell = _cell(results, each.layers, name, each.rows, 1)
            row[f"{name}, median"] = f"{cell.p50_ms * 1e3:,.0f} µs" if cell else "–"
        rows.append(row)
    return table(rows)


def gates(results: Results) -> str:
    """Tell the requests a second with the gates as a share of those without."""
    return table(
        [
            {
                "layers": each.layers,
                "asked": each.contender,
                "rows": each.rows,
                "with / without": f"{each.share:.3f}",
                "single pairs": f"{each.lowest:.3f} to {each.highest:.3f}",
                "pairs": each.pairs,
                "errors": each.errors,
            }
            for each in results.gates
        ]
    )


def overload(results: Results) -> str:
    """Tell what a steady rate below and above capacity gives."""
    return table(
        [
            {
                "asked": _asked(each),
                "offered": f"{each.percent} %, {each.offered:,.0f}/s",
                "answered": f"{each.goodput:,.0f}/s",
                "median, ms": optional(each.p50_ms, ",.2f"),
                "p99, ms": optional(each.p99_ms, ",.2f") + _mark(each),
                "answers": ", ".join(f"{key}: {count:,}" for key, count in each.answers.items()),
                "refused after, ms": _refused(each),
            }
            for each in results.open_loop
            if each.arrivals == STEADY
        ]
    )


def bursts(results: Results) -> str:
    """Tell answers a second, and their p99, of arrivals in bursts."""
    rows: dict[tuple[str, str], Row] = {}
    for each in results.open_loop:
        if each.arrivals != STEADY:
            line = _asked(each), each.arrivals
            row = rows.setdefault(line, dict(zip(("asked", "arrivals"), line, strict=True)))
            p99 = optional(each.p99_ms, ",.1f")
            row[f"{each.percent} %"] = f"{each.goodput:,.0f} ({p99}){_mark(each)}"
    return table(list(rows.values()))


def footprint(results: Results) -> str:
    """Tell start, memory and idle processor time."""
    return table(
        [
            {
                "layers": each.layers,
                "server": each.server,
                "start to first answer": f"{each.start_seconds:.2f} s",
                "memory at start": f"{each.resident_mb_started:.0f} MB",
                "after the load": f"{each.resident_mb_loaded:.0f} MB",
                "idle, share of a core": f"{each.idle_cpu_percent:.2f} %",
            }
            for each in results.footprints
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
    wanted = layers, contender, rows, clients
    for cell in results.cells:
        if (cell.layers, cell.contender, cell.rows, cell.clients) == wanted:
            return cell
    return None


def _load(cell: Cell | None) -> str:
    if cell is None:
        return "–"
    told = f"{cell.requests_per_second:,.0f} ({cell.p50_ms:.2f}, {cell.p99_ms:.2f})"
    return f"{told}, {cell.errors:,} errors" if cell.errors else told


def _asked(each: OpenLoop) -> str:
    return f"{each.contender}, {_counted(each.rows, 'row')}, {each.layers} layers"


def _refused(each: OpenLoop) -> str:
    if each.refuse_p50_ms is None or each.refuse_p99_ms is None:
        return "–"
    return f"{each.refuse_p50_ms:,.2f} (p99 {each.refuse_p99_ms:,.2f})"


def _mark(each: OpenLoop) -> str:
    allowed = max(LATENESS_MS, LATENESS_SHARE * (each.p99_ms or 0))
    return " †" if each.late_p99_ms > allowed else ""


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
