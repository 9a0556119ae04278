"""Tables that compare this server with its rivals, in pairs of loads of the same round."""

import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.serving.contenders import (
    ASYNC_DEF,
    BINARY,
    DEF,
    JSON,
    OURS,
    PREDICT,
    of_rival,
)
from benchmarks.serving.page import counted, table
from benchmarks.serving.results import Cell, Results
from benchmarks.serving.rivals.installed import MOSEC, NODE, SKETCH, TRITON

# Rival: the contenders that are compared with V2_JSON and V2_BINARY.
RIVALS = {
    f"a {SKETCH} of the same libraries": {
        JSON: of_rival(SKETCH, JSON),
        BINARY: of_rival(SKETCH, BINARY),
    },
    NODE: {JSON: of_rival(NODE, JSON), BINARY: of_rival(NODE, BINARY)},
    TRITON: {JSON: of_rival(TRITON, JSON), BINARY: of_rival(TRITON, BINARY)},
    MOSEC: {JSON: of_rival(MOSEC, JSON)},
    ASYNC_DEF: {JSON: ASYNC_DEF},
    DEF: {JSON: DEF},
}
# In the table of all ratios also the same server's other endpoint.
ALL = {**RIVALS, f"{PREDICT} of this server": {JSON: PREDICT}}
GROUPS = ((JSON, 1), (JSON, 32), (BINARY, 1), (BINARY, 32))
CLIENTS = 16  # in the table of rates
NAMED = 6  # cells in which a rival is faster, at most, by name

Row = dict[str, object]
Key = tuple[str, str, int, int]  # network, contender or format, rows, clients


class Ratio(NamedTuple):
    """Requests per second of this server, divided by those of a rival in the same round."""

    median: float
    lowest: float
    highest: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """This server beside one rival in one cell."""

    network: str
    format: str
    rows: int
    clients: int
    ratio: Ratio

    def __str__(self) -> str:
        """Name the cell, with the ratio."""
        cell = f"{self.network}, {self.format}, {counted(self.rows, 'row')}"
        return f"{cell}, {counted(self.clients, 'client')} ({self.ratio.median:.2f})"


def ratio(ours: Cell, theirs: Cell) -> Ratio:
    """Divide the rates round by round."""
    shares = [a / b for a, b in zip(ours.rates, theirs.rates, strict=True)]
    return Ratio(statistics.median(shares), min(shares), max(shares))


def comparison(results: Results) -> str:
    """Summarize the ratios to each rival by format and rows."""
    rows: list[Row] = []
    for rival, contenders in RIVALS.items():
        cells = list(_comparisons(results, contenders))
        if not cells:
            continue
        row: Row = {"this server ÷": rival}
        for form, count in GROUPS:
            group = [c for c in cells if (c.format, c.rows) == (form, count)]
            row[f"{form}, {counted(count, 'row')}"] = _range(group)
        faster = sum(cell.ratio.median >= 1 for cell in cells)
        rows.append(row | {"not slower in": f"{faster} of {len(cells)}"})
    return table(rows)


def losses(results: Results) -> str:
    """List the rivals that are faster somewhere, and where; the largest distance first."""
    lines, measured = [], False
    for rival, contenders in RIVALS.items():
        cells = list(_comparisons(results, contenders))
        lost = sorted(
            (cell for cell in cells if cell.ratio.median < 1), key=lambda cell: cell.ratio.median
        )
        measured |= bool(cells)
        if lost:
            lines.append(f"- {rival}: faster in {_named(lost, len(cells))}.")
    return "\n".join(lines) or ("In no cell." if measured else "Not measured.")


def rates(results: Results) -> str:
    """List requests per second with 16 clients: a row for each request, a column for each rival."""
    cells = _by_key(results)
    rows: list[Row] = []
    for network in dict.fromkeys(cell.network for cell in results.cells):
        for form, count in GROUPS:
            ours = cells.get((network, OURS[form], count, CLIENTS))
            if ours is None:
                continue
            row: Row = {
                "network": network,
                "request": f"{form}, {counted(count, 'row')}",
                "this server": f"{ours.requests_per_second:,.0f}",
            }
            for rival, contenders in RIVALS.items():
                theirs = cells.get((network, contenders.get(form, ""), count, CLIENTS))
                row[rival] = f"{theirs.requests_per_second:,.0f}" if theirs else "–"
            rows.append(row)
    return table(rows)


def ratios(results: Results) -> str:
    """List the ratios in every cell, each with the range of single rounds."""
    rows: dict[Key, Row] = {}
    for rival, contenders in ALL.items():
        for cell in _comparisons(results, contenders):
            key = cell.network, cell.format, cell.rows, cell.clients
            names = "network", "format", "rows", "clients"
            row = rows.setdefault(key, dict(zip(names, key, strict=True)))
            row[rival] = (
                f"{cell.ratio.median:.2f} ({cell.ratio.lowest:.2f}–{cell.ratio.highest:.2f})"
            )
    rivals = [rival for rival in ALL if any(rival in row for row in rows.values())]
    return table(
        [
            {**row, **{rival: row.get(rival, "–") for rival in rivals}}
            for form in (JSON, BINARY)
            for row in rows.values()
            if row["format"] == form
        ]
    )


def rounds(results: Results) -> str:
    """Tell how many rounds each figure is the median of, and what was left out."""
    least, *more = sorted({len(cell.rates) for cell in results.cells} or {0})
    number = f"{least}–{counted(more[-1], 'round')}" if more else counted(least, "round")
    sentences = [f"Each figure is the median of {number}."]
    return " ".join(sentences + [each.sentence for each in results.left_out])


def _comparisons(results: Results, contenders: dict[str, str]) -> Iterator[Comparison]:
    """Yield the cells that this server and the rival have in common."""
    cells = _by_key(results)
    for ours in results.cells:
        for form, contender in contenders.items():
            theirs = cells.get((ours.network, contender, ours.rows, ours.clients))
            if ours.contender == OURS[form] and theirs is not None:
                yield Comparison(
                    network=ours.network,
                    format=form,
                    rows=ours.rows,
                    clients=ours.clients,
                    ratio=ratio(ours, theirs),
                )


def _by_key(results: Results) -> dict[Key, Cell]:
    return {(cell.network, cell.contender, cell.rows, cell.clients): cell for cell in results.cells}


def _range(cells: Iterable[Comparison]) -> str:
    medians = [cell.ratio.median for cell in cells]
    if not medians:
        return "–"
    return f"{statistics.median(medians):.2f} ({min(medians):.2f}–{max(medians):.2f})"


def _named(lost: list[Comparison], total: int) -> str:
    """Name the first cells, and count the others."""
    others = f", and {len(lost) - NAMED} more" if len(lost) > NAMED else ""
    cells = "; ".join(map(str, lost[:NAMED]))
    return f"{len(lost)} of {total} cells: {cells}{others}"
