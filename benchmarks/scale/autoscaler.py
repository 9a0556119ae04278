"""The arithmetic of Kubernetes' HorizontalPodAutoscaler (autoscaling/v2), with its defaults.

Source: Kubernetes' documentation, "Horizontal Pod Autoscaling", algorithm details and behaviour.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Autoscaling:
    """Targets of metrics, per replica, and the controller's settings; times in seconds."""

    targets: dict[str, float]
    least: int = 1
    most: int = 100
    sync_s: float = 15.0
    tolerance: float = 0.1
    stabilisation_s: float = 300.0  # of scaling down; scaling up has none by default
    pods_per_period: int = 4  # added in 15 s, or as many as there are, whichever is more


def desired_replicas(current: int, values: Sequence[float], target: float, tolerance: float) -> int:
    """Return the replicas that bring the mean of a metric to its target.

    `values` are those of the replicas that report it; the others, which start, count as 0 if that
    would scale up, so that a slow start does not add further replicas. If they change the
    direction, nothing changes.
    """
    if not values:
        return current
    ratio = sum(values) / len(values) / target
    missing = current - len(values)
    if missing and ratio > 1:
        cautious = sum(values) / current / target
        if cautious <= 1 + tolerance:
            return current
        return max(current, math.ceil(cautious * current))
    if missing and ratio < 1:  # they count as if they were at the target
        cautious = (sum(values) + missing * target) / current / target
        if cautious >= 1 - tolerance:
            return current
        return min(current, math.ceil(cautious * current))
    if abs(ratio - 1) <= tolerance:
        return current
    return math.ceil(ratio * len(values))


class Autoscaler:
    """The controller's memory: recommendations, and recent scaling up."""

    def __init__(self, settings: Autoscaling) -> None:
        self._settings = settings
        self._recommended: deque[tuple[float, int]] = deque()
        self._added: deque[tuple[float, int]] = deque()

    def decide(self, now: float, current: int, metrics: dict[str, Sequence[float]]) -> int:
        """Return the number of replicas from now on: that of the metric that wants most."""
        settings = self._settings
        wanted = max(
            desired_replicas(current, metrics[name], target, settings.tolerance)
            for name, target in settings.targets.items()
        )
        self._recommended.append((now, wanted))
        while self._recommended[0][0] < now - settings.stabilisation_s:
            self._recommended.popleft()
        if wanted < current:  # the highest recommendation of the window
            wanted = min(current, max(number for _, number in self._recommended))
        wanted = min(wanted, self._limit(now, current), settings.most)
        wanted = max(wanted, settings.least)
        if wanted > current:
            self._added.append((now, wanted - current))
        return wanted

    def _limit(self, now: float, current: int) -> int:
        """Return the most replicas that the default policies of scaling up allow."""
        period = 15.0
        while self._added and self._added[0][0] <= now - period:
            self._added.popleft()
        before = current - sum(number for _, number in self._added)
        return max(2 * before, before + self._settings.pods_per_period)
