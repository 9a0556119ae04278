"""Tables of docs/measurements/workers.md."""

from collections.abc import Sequence

from benchmarks.serving.page import table
from benchmarks.workers.load import OWN, SHARED, StoppedCell, WorkersCell
from benchmarks.workers.model import (
    beside_the_client,
    connection_rate,
    even_share,
    random_share,
    rate,
)

CORES = (2, 4, 8, 16, 32)


def loads(cells: Sequence[WorkersCell]) -> str:
    """List every load, with the share of the worker that has most in each round."""
    return table(
        [
            {
                "network": cell.network,
                "sockets": cell.sockets,
                "workers": cell.workers,
                "clients": _clients(cell),
                "requests/s": f"{cell.requests_per_second:,.0f}",
                "median, p99, ms": f"{cell.p50_ms:.2f}, {cell.p99_ms:.2f}",
                "µs of workers, client": f"{cell.worker_us:,.0f}, {cell.client_us:,.0f}",
                "most connections": _shares(cell.most_connections) if cell.keep_alive else "–",
                "most processor time": _shares(cell.most_processor_time),
                "errors": cell.errors,
            }
            for cell in cells
        ]
    )


def scaling(cells: Sequence[WorkersCell], cores: int) -> str:
    """Compare two workers with one, and with what the model expects of the cores."""
    one = {
        (cell.network, cell.clients, cell.keep_alive): cell for cell in cells if cell.workers == 1
    }
    rows = []
    for cell in cells:
        single = one[cell.network, cell.clients, cell.keep_alive]
        if cell.workers == 1 or not cell.keep_alive:
            continue
        share = sorted(cell.most_connections)[len(cell.most_connections) // 2]
        expected = beside_the_client(cell.worker_us, cell.client_us, cores=cores, share=share)
        rows.append(
            {
                "network": cell.network,
                "sockets": cell.sockets,
                "clients": cell.clients,
                "÷ one worker": f"{cell.requests_per_second / single.requests_per_second:.2f}",
                "÷ model": f"{cell.requests_per_second / expected:.2f}",
            }
        )
    return table(rows)


def stopped(cells: Sequence[StoppedCell]) -> str:
    """List how many new connections were answered while one of two workers was stopped."""
    return table(
        [
            {
                "sockets": cell.sockets,
                "new connections": cell.sent,
                "answered within 1 s": cell.answered,
            }
            for cell in cells
        ]
    )


def model(cells: Sequence[WorkersCell]) -> str:
    """List the rates that the model expects of more cores, with a worker for each."""
    rows = []
    measured = [
        cell for cell in cells if (cell.sockets, cell.workers) == (SHARED, 2) and cell.keep_alive
    ]
    for cell in measured:
        for cores in CORES:
            even, random = (
                rate(cell.worker_us, cores=cores, share=share(cell.clients, cores))
                for share in (even_share, random_share)
            )
            rows.append(
                {
                    "network": cell.network,
                    "connections": cell.clients,
                    "cores and workers": cores,
                    "spread evenly, requests/s": f"{even:,.0f}",
                    "spread by a hash": f"{random:,.0f} ({random / even:.2f})",
                }
            )
    return table(rows)


def new_connections(cells: Sequence[WorkersCell]) -> str:
    """List the processor time of requests that open a connection each, and what it allows."""
    found = {
        (cell.network, cell.clients, cell.sockets, cell.workers): cell
        for cell in cells
        if not cell.keep_alive
    }
    rows = []
    for network, clients in dict.fromkeys(key[:2] for key in found):
        one, shared, own = (
            found[network, clients, sockets, workers].worker_us
            for sockets, workers in ((SHARED, 1), (SHARED, 2), (OWN, 2))
        )
        wake = max(0.0, shared - own)
        row: dict[str, object] = {
            "network": network,
            "clients": clients,
            "one worker, µs": f"{one:,.0f}",
            f"two, {SHARED}": f"{shared:,.0f}",
            f"two, {OWN}": f"{own:,.0f}",
        }
        for cores in CORES[1:4]:
            expected = connection_rate(own, wake, cores=cores)
            row[f"{cores} cores, requests/s"] = f"{expected:,.0f}"
        rows.append(row)
    return table(rows)


def _clients(cell: WorkersCell) -> str:
    return f"{cell.clients}" if cell.keep_alive else f"{cell.clients}, new connections"


def _shares(shares: Sequence[float]) -> str:
    """Format the shares in ascending order; 0 is a load whose connections were not seen."""
    return ", ".join(f"{share:.2f}" if share else "–" for share in sorted(shares))
