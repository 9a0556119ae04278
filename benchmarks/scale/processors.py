"""Processor time of a server that is pinned to one processor, and what others took of it."""

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Self

from benchmarks.scale.processor_share import MeasuredShare
from benchmarks.serving.servers import Command, Server, project

NANOSECONDS = 1e9
# Longer samples, as other programs are counted in ticks of 10 ms; shorter stalls are averaged.
SAMPLE_S = 0.25


def server_processor() -> int:
    """Return the processor of the server: the last one; the load generator gets the others."""
    return max(os.sched_getaffinity(0))


def pinned(**settings: str) -> Command:
    """Return this server's command on one processor, with HIGHWAY_… settings."""
    variables = [f"HIGHWAY_{name.upper()}={value}" for name, value in settings.items()]

    def command(file: Path, port: int) -> list[str]:
        return [
            "env", *variables, "taskset", "--cpu-list", str(server_processor()),
            *project(file, port),
        ]  # fmt: skip

    return command


def leave_server_processor() -> None:
    """Keep this process from the server's processor, if there is another."""
    others = os.sched_getaffinity(0) - {server_processor()}
    if others:
        os.sched_setaffinity(0, others)


@dataclass(frozen=True, kw_only=True)
class Used:
    """Seconds on the server's processor: of the server, of all, and of the clock.

    `loops_s` is the part of the server's first threads, which run event loops.
    """

    server_s: float
    loops_s: float
    all_s: float
    wall_s: float

    def since(self, before: "Used") -> "Used":
        """Return the difference."""
        return Used(
            server_s=self.server_s - before.server_s,
            loops_s=self.loops_s - before.loops_s,
            all_s=self.all_s - before.all_s,
            wall_s=self.wall_s - before.wall_s,
        )


def used(server: Server) -> Used:
    """Return the times so far; those of the server to the nanosecond."""
    threads = [_thread_seconds(pid) for pid in server.processes()]
    return Used(
        server_s=sum(sum(each.values()) for each in threads),
        loops_s=sum(each[first] for each in threads for first in each if first == min(each)),
        all_s=_processor_seconds(server_processor()),
        wall_s=perf_counter(),
    )


class Sampler:
    """Samples the use of the server's processor in a thread, from the begin of the block."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._samples: list[Used] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._samples.append(used(self._server))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._samples.append(used(self._server))

    def share(self, began: float) -> MeasuredShare:
        """Return what was left for the server since `began`, on the clock of the samples."""
        first = self._samples[0]
        each = [sample.since(first) for sample in self._samples]
        offset = began - first.wall_s
        return MeasuredShare(
            [sample.wall_s - offset for sample in each],
            [sample.all_s - sample.server_s for sample in each],
        )

    def _run(self) -> None:
        while not self._stopped.wait(SAMPLE_S):
            self._samples.append(used(self._server))


def _thread_seconds(pid: int) -> dict[int, float]:
    """Return the processor seconds of each thread; the id of the first one is the smallest."""
    return {
        int(thread.parent.name): int(thread.read_text().split()[0]) / NANOSECONDS
        for thread in Path(f"/proc/{pid}/task").glob("*/schedstat")
    }


def _processor_seconds(processor: int) -> float:
    """Return the time in which the processor was not idle: user, system, interrupts, stolen."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{processor}":
            user, nice, system, _idle, _iowait, *others = map(int, ticks[:8])
            return (user + nice + system + sum(others)) / os.sysconf("SC_CLK_TCK")
    raise OSError(f"/proc/stat: expected a line of processor {processor}, found none")
