"""Mixed load for minutes; memory, descriptors and threads must not grow, every answer is compared.

    python -m tests.reliability.soak [--seconds 600] [--workers 1] [FILE]

Ordinary requests of every batch size go to all inference endpoints, beside invalid, cancelled and
slow ones and reads of metrics and ledger. Samples count from half of the time on: before it, pools
and caches fill. The samples are divided into `BLOCKS` spans of time, and the least private memory
of each counts: large bodies in flight raise the others. The growth is the slope of these over the
requests by Theil and Sen, the median of the slopes between all pairs: a single step, such as one
more arena of the allocator, does not move it. It counts once it amounts to `STEP` within the half.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from pathlib import Path
from threading import Event

from tests.reliability.connection import get
from tests.reliability.load import Client, Counts, clients
from tests.reliability.processes import BUNDLED, MIB, SERVE, Server, Usage, running
from tests.reliability.traffic import BATCH_SIZES, Prepared, Reference, invalid, prepare, reads

SLOPE = 1.0  # MiB for a million requests
STEP = 0.5  # MiB; the allocator takes memory from the system in pieces of this order
MOST_DESCRIPTORS, MOST_THREADS = 4, 1  # connections and pools vary by that much
ORDINARY_CLIENTS = 3
SAMPLES, BLOCKS = 400, 20


@dataclass(frozen=True)
class Sample:
    """What a process holds after a number of requests."""

    requests: int
    usage: Usage


@dataclass(frozen=True)
class Growth:
    """Growth of one process over the measured samples; `course` is its memory at ten times."""

    pid: int
    requests: int
    course: tuple[float, ...]  # MiB
    slope: float  # MiB for a million requests
    descriptors: float  # difference of the medians of the last and the first third
    threads: float

    @property
    def mebibytes(self) -> float:
        """Growth of the private memory over the measured samples, by the slope."""
        return self.slope * self.requests / 1e6

    def faults(self, slope: float) -> Iterator[str]:
        """Yield a sentence for each limit that is broken; `slope` is that of the memory."""
        if self.slope > slope and self.mebibytes > STEP:
            yield (
                f"process {self.pid}: memory grows by {self.slope:.1f} MiB for a million requests, "
                f"expected at most {slope:g}"
            )
        if self.descriptors > MOST_DESCRIPTORS:
            yield f"process {self.pid}: file descriptors grow by {self.descriptors:g}"
        if self.threads > MOST_THREADS:
            yield f"process {self.pid}: threads grow by {self.threads:g}"


@dataclass
class Soak:
    """The result: what the clients saw, and the growth of each process."""

    seconds: float
    counts: Counts
    growths: list[Growth]
    faults: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """Describe the result."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.counts.answered.most_common())
        yield f"{self.counts.total} requests in {self.seconds:.0f} s: {kinds}"
        yield f"{self.counts.wrong} wrong, {self.counts.lost} lost"
        for one in self.growths:
            yield (
                f"process {one.pid}: {one.slope:+.2f} MiB for a million requests "
                f"({one.mebibytes:+.2f} MiB over the last {one.requests}), "
                f"descriptors {one.descriptors:+g}, threads {one.threads:+g}"
            )
            yield f"  private MiB: {' '.join(f'{value:.1f}' for value in one.course)}"


def soak(
    file: Path,
    seconds: float,
    *,
    workers: int = 1,
    sizes: Sequence[int] = BATCH_SIZES,
    slope: float = SLOPE,
    program: tuple[str, ...] = SERVE,
) -> Soak:
    """Load a server of this file; `program` are the words that start it.

    A short soak sees pools and caches grow and needs a larger `slope`: MiB for a million requests.
    """
    reference = Reference(file)
    ordinary = prepare(reference, sizes)
    others = [*invalid(reference), *reads(reference, ledger=True)]
    with tempfile.TemporaryDirectory() as folder:
        ledger = {"HIGHWAY_LEDGER_URL": f"sqlite:///{folder}/ledger.db"}
        words = (file, "--workers", str(workers))
        with running(*words, program=program, anew=True, settings=ledger) as server:
            _await_ledger(server)
            counts, stop = Counts(), Event()
            with clients(_loops(server.port, counts, stop, ordinary, others), stop):
                samples = _samples(server, counts, seconds)
            result = Soak(seconds, counts, [growth(pid, taken) for pid, taken in samples.items()])
            result.faults = list(_faults(result, server, slope))
            return result


def growth(pid: int, samples: Sequence[Sample]) -> Growth:
    """Compute the growth over the samples of one process."""
    third = max(1, len(samples) // 3)
    first, last = samples[:third], samples[-third:]

    def difference(value: Callable[[Usage], int]) -> float:
        ends = [statistics.median(value(one.usage) for one in part) for part in (last, first)]
        return float(ends[0] - ends[1])

    return Growth(
        pid=pid,
        requests=samples[-1].requests - samples[0].requests,
        course=tuple(one.usage.private / MIB for one in samples[:: len(samples) // 10 + 1]),
        slope=_slope([(one.requests, one.usage.private / MIB) for one in _least(samples)]) * 1e6,
        descriptors=difference(lambda usage: usage.descriptors),
        threads=difference(lambda usage: usage.threads),
    )


def _least(samples: Sequence[Sample]) -> list[Sample]:
    """Return the sample with the least private memory of each of `BLOCKS` spans."""
    size = max(1, len(samples) // BLOCKS)
    spans = (samples[start : start + size] for start in range(0, len(samples), size))
    return [min(span, key=lambda one: one.usage.private) for span in spans]


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the median slope between all pairs of points, 0 if there are none."""
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x2 > x1]
    return statistics.median(slopes) if slopes else 0.0


def _loops(
    port: int, counts: Counts, stop: Event, ordinary: list[Prepared], others: list[Prepared]
) -> list[Callable[[], None]]:
    def client(seed: int, pause_seconds: float = 0.0) -> Client:
        return Client(port, counts, stop, random.Random(seed), pause_seconds)

    small = [one for one in ordinary if len(one.message) < 100_000]
    return [
        *(partial(client(i).ordinary, ordinary) for i in range(ORDINARY_CLIENTS)),
        partial(client(10, 0.02).ordinary, others),
        partial(client(11, 0.01).canceling, ordinary),
        partial(client(12).slow, small),
    ]


def _await_ledger(server: Server) -> None:
    """Wait until the tables exist, without which reads get 503."""
    deadline = time.monotonic() + 10
    while get(server.port, "/requests").status != 200 and time.monotonic() < deadline:
        time.sleep(0.1)


def _samples(server: Server, counts: Counts, seconds: float) -> dict[int, list[Sample]]:
    """Sample every process over the second half of the time."""
    began, interval = time.monotonic(), seconds / 2 / SAMPLES
    samples: dict[int, list[Sample]] = {}
    time.sleep(seconds / 2)
    while time.monotonic() < began + seconds and server.process.poll() is None:
        for pid, taken in server.usage().items():
            samples.setdefault(pid, []).append(Sample(counts.total, taken))
        time.sleep(max(interval, 0.05))
    return samples


def _faults(result: Soak, server: Server, slope: float) -> Iterator[str]:
    if server.process.poll() is not None:
        yield "the server ended"
    if result.counts.wrong or result.counts.lost:
        yield f"{result.counts.wrong} wrong and {result.counts.lost} lost answers"
        yield from result.counts.failures
    if server.tracebacks:
        yield f"{server.tracebacks} tracebacks in the log"
    for one in result.growths:
        yield from one.faults(slope)


def main() -> None:
    """Soak a server; exit with 1 and the reasons if a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.soak", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=BUNDLED)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    result = soak(options.file, options.seconds, workers=options.workers)
    sys.stdout.write("".join(f"{line}\n" for line in result.lines()))
    if result.faults:
        raise SystemExit("\n".join(f"error: {fault}" for fault in result.faults))


if __name__ == "__main__":
    main()
