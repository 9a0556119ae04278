"""How much work a processor does over time: at a constant speed, or as it was measured."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class Share(Protocol):
    """The work, in seconds of a free processor, that is possible in a time."""

    @property
    def speed(self) -> float:
        """The mean share."""
        ...

    def end(self, begin: float, work: float) -> float:
        """Return when work is done that begins at a time."""
        ...

    def work(self, begin: float, end: float) -> float:
        """Return the work that is possible between two times."""
        ...


class ConstantShare:
    """A processor of constant speed; 1 is one that does nothing else."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed

    def end(self, begin: float, work: float) -> float:
        """Return when work is done that begins at a time."""
        return begin + work / self.speed

    def work(self, begin: float, end: float) -> float:
        """Return the work that is possible between two times."""
        return (end - begin) * self.speed


class MeasuredShare:
    """A processor that other programs use too; constant at the mean speed after the last time.

    `times` ascend from 0; `others` are the seconds that others have used until then.
    """

    def __init__(self, times: Sequence[float], others: Sequence[float]) -> None:
        at = np.asarray(times, np.float64)
        # Others are counted in ticks of 10 ms, so that the difference may decrease for a moment.
        done = np.maximum.accumulate(at - np.asarray(others, np.float64))
        done = done + 1e-6 * at  # strictly ascending, so that it has an inverse
        self.speed = float(min(1.0, max(0.01, (done[-1] - done[0]) / (at[-1] - at[0]))))
        later = at[-1] + 3600.0
        self._times = np.append(at, later)
        self._done = np.append(done, done[-1] + self.speed * (later - at[-1]))

    def end(self, begin: float, work: float) -> float:
        """Return when work is done that begins at a time."""
        if work <= 0:
            return begin
        target = np.interp(begin, self._times, self._done) + work
        return max(begin, float(np.interp(target, self._done, self._times)))

    def work(self, begin: float, end: float) -> float:
        """Return the work that is possible between two times."""
        first, last = np.interp((begin, end), self._times, self._done)
        return float(last - first)
