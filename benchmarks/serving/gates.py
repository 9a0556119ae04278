"""Cost of the gates: the same requests with and without `gate_mean`, alternating."""

import statistics
from collections.abc import Callable

from benchmarks.serving.bodies import (
    WITH_GATES,
    WITHOUT_GATES,
    Body,
    random_rows,
    v2_binary,
    v2_json,
)
from benchmarks.serving.contenders import V2_BINARY, V2_JSON
from benchmarks.serving.networks import Network
from benchmarks.serving.results import GateCost
from benchmarks.serving.servers import Server
from benchmarks.serving.wrk import load

FORMATS: dict[str, Callable[..., Body]] = {V2_JSON: v2_json, V2_BINARY: v2_binary}
CLIENTS = 16


def gate_cost(
    network: Network, server: Server, form: str, *, rows: int, pairs: int, seconds: int
) -> GateCost:
    """Load with both requests alternately, `pairs` times, in alternating order."""
    values = random_rows(rows, network.size)
    bodies = {
        outputs: FORMATS[form](network.name, values, outputs)
        for outputs in (WITH_GATES, WITHOUT_GATES)
    }
    rates: dict[tuple[str, ...], list[float]] = {outputs: [] for outputs in bodies}
    errors = 0
    for pair in range(pairs):
        for outputs in list(bodies)[:: -1 if pair % 2 else 1]:
            measured = load(server.port, bodies[outputs], clients=CLIENTS, seconds=seconds)
            rates[outputs].append(measured.requests_per_second)
            errors += measured.errors
    shares = [a / b for a, b in zip(rates[WITH_GATES], rates[WITHOUT_GATES], strict=True)]
    medians = {outputs: statistics.median(values) for outputs, values in rates.items()}
    return GateCost(
        network=network.title,
        contender=form,
        rows=rows,
        clients=CLIENTS,
        pairs=pairs,
        share=round(medians[WITH_GATES] / medians[WITHOUT_GATES], 4),
        lowest=round(min(shares), 4),
        highest=round(max(shares), 4),
        errors=errors,
    )
