"""What a run finds, and the file that keeps it: a line of JSON for each measurement."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.serving.wrk import Load

Machine = dict[str, str | int | float]


@dataclass(frozen=True, kw_only=True)
class Alone:
    """onnxruntime by itself: the median time of one run."""

    layers: int
    rows: int
    microseconds: float


@dataclass(frozen=True, kw_only=True)
class Cell(Load):
    """A contender under `clients` connections, `rows` rows in each request."""

    layers: int
    contender: str
    rows: int
    clients: int


@dataclass(frozen=True, kw_only=True)
class GateCost:
    """Requests a second that ask for the gates, as a share of requests that do not.

    `share` compares the medians, `lowest` and `highest` are the pairs' own shares.
    """

    layers: int
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
    """Requests sent at `percent` of the capacity, whatever became of those before.

    Latencies, in milliseconds, count from the scheduled time; null where no answer was such.
    `goodput` are the answers of 200 a second, from the first request to the end of the schedule or
    the last answer, whichever is later. `late_p99_ms` is the driver's own delay: where it is not
    small, the driver and not the server was at its limit.
    """

    layers: int
    contender: str
    rows: int
    arrivals: str
    percent: int
    offered: float
    goodput: float
    p50_ms: float | None
    p99_ms: float | None
    refuse_p50_ms: float | None
    refuse_p99_ms: float | None
    late_p99_ms: float
    answers: dict[str, int]  # by status; "none" were not answered in time, or cut off


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """What a server's process takes: seconds to its first answer, megabytes, share of a core."""

    layers: int
    server: str
    start_seconds: float
    resident_mb_started: float
    resident_mb_loaded: float
    idle_cpu_percent: float


Record = Alone | Cell | GateCost | OpenLoop | Footprint


@dataclass(kw_only=True)
class Results:
    """All that was measured in one run on one machine."""

    machine: Machine
    alone: list[Alone] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    gates: list[GateCost] = field(default_factory=list)
    open_loop: list[OpenLoop] = field(default_factory=list)
    footprints: list[Footprint] = field(default_factory=list)

    def add(self, record: Record) -> None:
        """Put a finding where its kind belongs."""
        (kind,) = (kind for kind, make in KINDS.items() if type(record) is make)
        getattr(self, kind).append(record)

    def write(self, path: Path) -> None:
        """Write everything; a later call replaces the file."""
        parts = [f'"machine": {json.dumps(self.machine)}']
        for kind in KINDS:
            lines = _lines(getattr(self, kind))
            parts.append(f'"{kind}": [\n{lines}\n]')
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{\n" + ",\n".join(parts) + "\n}\n")

    @classmethod
    def read(cls, path: Path) -> "Results":
        """Read what `write` wrote."""
        found: dict[str, Any] = json.loads(path.read_text())
        lists = {kind: [make(**each) for each in found[kind]] for kind, make in KINDS.items()}
        return cls(machine=found["machine"], **lists)


KINDS: dict[str, Any] = {
    "alone": Alone,
    "cells": Cell,
    "gates": GateCost,
    "open_loop": OpenLoop,
    "footprints": Footprint,
}


def _lines(records: Iterable[Any]) -> str:
    return ",\n".join(json.dumps(asdict(record)) for record in records)
