"""Counts of the supervisor, which only the metrics of its workers show."""

from service.shared_counters import Numbers, SharedCounters

KEY = "supervisor"
DEATHS = ("exited", "killed", "hung")  # of workers that were not to stop
RELOADS = ("succeeded", "refused")

_SIZE = len(DEATHS) + len(RELOADS)


class _Layout:
    size = _SIZE


class Supervision:
    """Deaths of workers by reason, and reloads of models by outcome."""

    def __init__(self, shared_counters: SharedCounters) -> None:
        self._shared_counters = shared_counters

    def count_death(self, reason: str) -> None:
        """Count a worker that ended for one of the `DEATHS`."""
        self._own[DEATHS.index(reason)] += 1

    def count_reload(self, outcome: str) -> None:
        """Count a change of the served models that had one of the outcomes `RELOADS`."""
        self._own[len(DEATHS) + RELOADS.index(outcome)] += 1

    def totals(self) -> tuple[list[float], list[float]]:
        """Return the counts of `DEATHS` and of `RELOADS`."""
        segments = self._shared_counters.segments(KEY, _Layout())
        totals = sum((segment for segment, _ in segments), start=0.0 * self._own)
        numbers: list[float] = totals.tolist()
        return numbers[: len(DEATHS)], numbers[len(DEATHS) :]

    @property
    def _own(self) -> Numbers:
        return self._shared_counters.segment(KEY, _Layout())
