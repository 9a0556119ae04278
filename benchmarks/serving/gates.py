"""Cost of the gates and their typicality: the same network with and without them, alternating."""

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.serving.bodies import (
    WITH_GATES,
    WITHOUT_GATES,
    Body,
    random_rows,
    v2_binary,
    v2_json,
)
from benchmarks.serving.constant_gates import with_constant_gates
from benchmarks.serving.contenders import V2_BINARY, V2_JSON
from benchmarks.serving.networks import Network
from benchmarks.serving.results import GateCost
from benchmarks.serving.servers import Server, project, running
from benchmarks.serving.wrk import Load, load
from service.contract import TYPICALITY

FORMATS: dict[str, Callable[..., Body]] = {V2_JSON: v2_json, V2_BINARY: v2_binary}
CLIENTS = 16
WITH_TYPICALITY = (*WITH_GATES, TYPICALITY)


def gate_cost(
    network: Network, server: Server, form: str, *, rows: int, pairs: int, seconds: int
) -> GateCost:
    """Load `server`, and one of the network without gates, `pairs` times in alternating order.

    The requests to the first server request gates and typicality, those to the other do not.
    """
    values, build = random_rows(rows, network.size), FORMATS[form]
    bodies = [build(network.name, values, outputs) for outputs in (WITH_TYPICALITY, WITHOUT_GATES)]
    with tempfile.TemporaryDirectory() as folder:
        plain = with_constant_gates(network.file, Path(folder) / "plain.onnx")
        with running(project, plain, bodies[1]) as without:
            servers = [(server, bodies[0]), (without, bodies[1])]
            loads: tuple[list[Load], list[Load]] = [], []
            for pair in range(pairs):
                for index in (0, 1) if pair % 2 else (1, 0):
                    port, body = servers[index][0].port, servers[index][1]
                    loads[index].append(load(port, body, clients=CLIENTS, seconds=seconds))
    rates = [[each.requests_per_second for each in side] for side in loads]
    shares = [a / b for a, b in zip(*rates, strict=True)]
    medians = [statistics.median(values) for values in rates]
    return GateCost(
        network=network.title,
        contender=form,
        rows=rows,
        clients=CLIENTS,
        pairs=pairs,
        share=round(medians[0] / medians[1], 4),
        lowest=round(min(shares), 4),
        highest=round(max(shares), 4),
        errors=sum(each.errors for side in loads for each in side),
    )
