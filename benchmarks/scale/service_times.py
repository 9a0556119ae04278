"""Measured service times of one kind of request, which the simulation reads."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol


class Times(Protocol):
    """Seconds that a server of one processor works, and the rows of each request."""

    @property
    def rows(self) -> int:
        """Rows in each request."""
        ...

    @property
    def before_s(self) -> float:
        """The event loop's time for a request until it is in the queue."""
        ...

    @property
    def after_s(self) -> float:
        """The event loop's time for a request from its batch to its response."""
        ...

    @property
    def refusal_s(self) -> float:
        """The event loop's time for a refused request."""
        ...

    @property
    def transport_s(self) -> float:
        """Time outside the server: the kernel, the network and the client."""
        ...

    def batch_s(self, rows: int) -> float:
        """Return the time to compute a batch of this many rows."""
        ...


@dataclass(frozen=True, kw_only=True)
class ServiceTimes:
    """One network and form of request; all times in seconds of one processor.

    `batches` are (rows, seconds) by ascending rows; a batch between two of them is interpolated,
    and a larger one is extrapolated from the last two.
    """

    network: str
    form: str
    rows: int
    batches: Sequence[Sequence[float]]
    before_s: float
    after_s: float
    refusal_s: float
    transport_s: float
    resident_mb: float
    start_s: float  # from the start of the process to its first response
    _by_rows: dict[int, float] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check that two batches are given, by ascending rows."""
        sizes = [int(rows) for rows, _ in self.batches]
        if len(sizes) < 2 or sizes != sorted(set(sizes)):
            raise ValueError(f"batches: expected two or more with ascending rows, found {sizes}")

    @property
    def name(self) -> str:
        """The key of the calibration's file: network, form, rows."""
        return f"{self.network}, {self.form}, {self.rows} row{'s' if self.rows > 1 else ''}"

    @property
    def request_s(self) -> float:
        """The event loop's time for an answered request."""
        return self.before_s + self.after_s

    def batch_s(self, rows: int) -> float:
        """Return the time to compute a batch."""
        known = self._by_rows.get(rows)
        if known is None:
            known = self._by_rows[rows] = _interpolated(self.batches, rows)
        return known


def _interpolated(batches: Sequence[Sequence[float]], rows: int) -> float:
    upper = next((i for i, (size, _) in enumerate(batches) if size >= rows), len(batches) - 1)
    (x0, y0), (x1, y1) = batches[max(upper, 1) - 1], batches[max(upper, 1)]
    return max(0.0, y0 + (y1 - y0) * (rows - x0) / (x1 - x0))


def write(file: Path, cells: Sequence[ServiceTimes], machine: Mapping[str, object]) -> None:
    """Write the calibration of several kinds of requests, and the machine that it is of."""
    values = [
        {key: value for key, value in asdict(cell).items() if not key.startswith("_")}
        for cell in cells
    ]
    file.write_text(json.dumps({"machine": machine, "cells": values}, indent=1) + "\n")


def read(file: Path) -> dict[str, ServiceTimes]:
    """Return the service times by name, or raise a `ValueError` that says what is wrong."""
    try:
        cells = [ServiceTimes(**cell) for cell in json.loads(file.read_text())["cells"]]
    except OSError as error:
        raise ValueError(
            f"{file.name}: expected a calibration, found no such file; run "
            "`python -m benchmarks.scale --calibrate`"
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{file.name}: expected service times as `--calibrate` writes them, found {error}"
        ) from error
    return {cell.name: cell for cell in cells}
