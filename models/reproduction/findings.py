"""What an experiment found: numbers beside the paper's, sentences, pictures, and their file."""

import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from models.directory import write_atomically
from service.processors import usable_processors

RESULTS = "results.json"
CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One row of the table: a quantity in the paper and here; `goal` is what we want to reach."""

    quantity: str
    paper: str
    here: str
    goal: str = ""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure, drawn only when the style of all pictures is set, and its caption."""

    caption: str
    draw: Callable[[], Figure]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The result of an experiment.

    `numbers` are all values behind the table and the pictures, as values of JSON.
    """

    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)
    pictures: Mapping[str, Picture] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """How the numbers were made; with the same ones, the same numbers come out.

    `training_minutes` are the sum over the trainings, which ran side by side, and `revisions` are
    those of the source that trained.
    """

    command: str
    data: str
    data_digest: str
    training_minutes: float
    threads: int
    processor: str
    processors: float
    torch: str
    revisions: tuple[str, ...]

    @classmethod
    def of(
        cls,
        *,
        command: str,
        data: str,
        digest: str,
        training_minutes: float,
        threads: int,
        revisions: tuple[str, ...],
    ) -> "Circumstances":
        """Describe trainings on this machine."""
        return cls(
            command=command,
            data=data,
            data_digest=digest,
            training_minutes=round(training_minutes, 1),
            threads=threads,
            processor=_processor(),
            processors=usable_processors(),
            torch=torch.__version__,
            revisions=revisions,
        )


def write_results(out: Path, name: str, findings: Findings, circumstances: Circumstances) -> None:
    """Write `results.json`: everything but the pictures."""
    content = {
        "experiment": name,
        "comparisons": [asdict(comparison) for comparison in findings.comparisons],
        "notes": list(findings.notes),
        "numbers": dict(findings.numbers),
        "circumstances": asdict(circumstances),
    }
    write_atomically(out / RESULTS, f"{json.dumps(content, indent=1)}\n".encode())


def _processor() -> str:
    """Return the processor's name, or its architecture if the system does not name it."""
    if CPU_INFO.is_file():
        for line in CPU_INFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
