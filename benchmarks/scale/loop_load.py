"""Admission by the length of the event loop's iterations, on the clock of the simulation.

The service's `LoopLoad` reads the processor's clock; this is the same rule for simulated time and
one client. A test compares the two, call by call.
"""

from service.inference.admission import MAX_ITERATION_NS, SATURATING_REQUESTS

MAX_ITERATION_S = MAX_ITERATION_NS / 1e9


class SimulatedLoopLoad:
    """Refuses requests in a long iteration that follows a long one; times in seconds."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._requests = 0  # accepted in this iteration
        self._saturated = False

    def refuses(self, now: float) -> bool:
        """Count a request of this iteration; return whether it is refused."""
        if self._began is None:
            self._began = now
        # The only client has sent all requests of the iteration, so it is never below its share.
        if self._saturated and now - self._began > MAX_ITERATION_S:
            return True
        self._requests += 1
        return False

    def end(self, now: float) -> None:
        """End the iteration, if one has begun."""
        if self._began is None:
            return
        long = now - self._began > MAX_ITERATION_S
        self._saturated = long and self._requests >= SATURATING_REQUESTS
        self._began, self._requests = None, 0
