"""The number of processors that this process may use, by CPU affinity and container quota."""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def usable_processors(root: Path = CGROUP) -> float:
    """Return a number of processors above 0, a fraction if a cgroup's quota is one."""
    try:
        available = float(len(os.sched_getaffinity(0)))
    except AttributeError:  # not on this system
        available = float(os.cpu_count() or 1)
    return min([available, *_quotas(root)])


def batch_threads(processors: float, workers: int) -> int:
    """Return the number of threads that compute a long batch, for each of `workers` processes.

    No processor is reserved for the event loop: it waits for the batch, or needs a processor for
    short moments.
    """
    return max(1, math.floor(processors / workers))


def _quotas(root: Path) -> list[float]:
    """Read the quotas of cgroup versions 2 and 1; missing and unlimited ones are left out."""
    pairs = (
        _words(root / "cpu.max"),
        [*_words(root / "cpu/cpu.cfs_quota_us"), *_words(root / "cpu/cpu.cfs_period_us")],
    )
    return [
        int(pair[0]) / int(pair[1])
        for pair in pairs
        if len(pair) == 2 and all(word.isdigit() and int(word) for word in pair)
    ]


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
