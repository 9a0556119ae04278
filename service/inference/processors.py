"""How many processors this process may use: affinity and the container's quota, not the host's."""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def usable_processors(root: Path = CGROUP) -> float:
    """Return a number of processors above 0, a fraction where a cgroup's quota is one."""
    try:
        available = float(len(os.sched_getaffinity(0)))
    except AttributeError:  # not on this system
        available = float(os.cpu_count() or 1)
    return min([available, *_quotas(root)])


def inference_threads(processors: float, workers: int) -> int:
    """Return how many threads each of `workers` processes should give one run of the model.

    One of its processors is left to the process's event loop.
    """
    return max(1, math.floor(processors / workers) - 1)


def _quotas(root: Path) -> list[float]:
    """Read the limits of cgroup version 2, then 1; what is not there or not limited is left out."""
    pairs = []
    two = _words(root / "cpu.max")
    if len(two) == 2:
        pairs.append(two)
    one = [*_words(root / "cpu/cpu.cfs_quota_us"), *_words(root / "cpu/cpu.cfs_period_us")]
    if len(one) == 2:
        pairs.append(one)
    return [
        int(quota) / int(period)
        for quota, period in pairs
        if quota.isdigit() and period.isdigit() and int(quota) and int(period)
    ]


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
