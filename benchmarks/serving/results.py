"""Results of a benchmark, and their JSON file with a line for each measurement."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.serving.footprint import MeasuredLoad
from benchmarks.serving.wrk import Load

Machine = dict[str, str | int | float]


@dataclass(frozen=True, kw_only=True)
class Alone:
    """onnxruntime alone: the median time of a batch."""

    network: str
    rows: int
    microseconds: float


@dataclass(frozen=True, kw_only=True)
class Cell(Load):
    """A contender under load by `clients` connections, `rows` rows in each request.

    Rate, latencies and processor time are medians of the rounds, and errors their sum. `rates` has
    the requests per second of each round: those of two contenders are compared pair by pair.
    """

    network: str
    contender: str
    rows: int
    clients: int
    cpu_us: float  # processor time of the whole process group per request, in microseconds
    rates: list[float]

    @classmethod
    def of(
        cls, loads: Sequence[MeasuredLoad], *, network: str, contender: str, rows: int, clients: int
    ) -> "Cell":
        """Summarize the loads of all rounds."""
        rates = [each.load.requests_per_second for each in loads]
        return cls(
            network=network,
            contender=contender,
            rows=rows,
            clients=clients,
            requests_per_second=statistics.median(rates),
            p50_ms=statistics.median(each.load.p50_ms for each in loads),
            p99_ms=statistics.median(each.load.p99_ms for each in loads),
            errors=sum(each.load.errors for each in loads),
            cpu_us=round(statistics.median(each.cpu_us for each in loads), 1),
            rates=rates,
        )


@dataclass(frozen=True, kw_only=True)
class GateCost:
    """Requests per second with the gates, as a share of those without.

    `share` compares the medians; `lowest` and `highest` are the extremes of single pairs.
    """

    network: str
    contender: str
    rows: int
    clients: int
    pairs: int
    share: float
    lowest: float
    highest: float
    errors: int


@dataclass(frozen=True, kw_only=True)
class OpenLoop:
    """Requests sent on schedule at `percent` of the capacity.

    Latencies, in milliseconds, count from the scheduled time; null without such responses.
    `goodput` is the rate of responses 200, from the first request to the end of the schedule or the
    last response, whichever is later. `late_p99_ms` is the driver's own delay: if it is not small,
    the driver was at its limit and not the server.
    """

    network: str
    contender: str
    rows: int
    arrivals: str
    percent: int
    offered: float
    goodput: float
    p50_ms: float | None
    p99_ms: float | None
    rejected_p50_ms: float | None
    rejected_p99_ms: float | None
    late_p99_ms: float
    responses: dict[str, int]  # by status; "none" for no response in time


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """Footprint of a server: seconds to its first response, megabytes, share of a core."""

    network: str
    server: str
    start_seconds: float
    resident_mb_started: float
    resident_mb_loaded: float
    idle_cpu_percent: float


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A sentence that says which rival was not measured, and why."""

    sentence: str


Record = Alone | Cell | GateCost | OpenLoop | Footprint | LeftOut


@dataclass(kw_only=True)
class Results:
    """All measurements of one benchmark on one machine."""

    machine: Machine
    alone: list[Alone] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    gates: list[GateCost] = field(default_factory=list)
    open_loop: list[OpenLoop] = field(default_factory=list)
    footprints: list[Footprint] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def add(self, record: Record) -> None:
        """Append a record to the list of its kind."""
        (kind,) = (kind for kind, make in KINDS.items() if type(record) is make)
        getattr(self, kind).append(record)

    def write(self, path: Path) -> None:
        """Write the file, replacing an earlier one."""
        parts = [f'"machine": {json.dumps(self.machine)}']
        for kind in KINDS:
            parts.append(f'"{kind}": {json_list(getattr(self, kind))}')
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{\n" + ",\n".join(parts) + "\n}\n")

    @classmethod
    def read(cls, path: Path) -> "Results":
        """Read a file that `write` wrote."""
        document: dict[str, Any] = json.loads(path.read_text())
        lists = {
            kind: [make(**record) for record in document[kind]] for kind, make in KINDS.items()
        }
        return cls(machine=document["machine"], **lists)


KINDS: dict[str, Any] = {
    "alone": Alone,
    "cells": Cell,
    "gates": GateCost,
    "open_loop": OpenLoop,
    "footprints": Footprint,
    "left_out": LeftOut,
}


def json_list(records: Iterable[Any]) -> str:
    """Format dataclass instances as a JSON list with one line for each."""
    lines = ",\n".join(json.dumps(asdict(record)) for record in records)
    return f"[\n{lines}\n]"
