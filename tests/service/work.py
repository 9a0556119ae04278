"""Work of a thread that takes processor time, as a network does."""

import numpy as np

from service.clock import work_ns

MATRIX = np.zeros((200, 200))  # whose square takes a fraction of a millisecond


def work(seconds: float) -> None:
    """Compute for a time, mostly without the interpreter's lock."""
    until = work_ns() + int(seconds * 1e9)
    while work_ns() < until:
        MATRIX @ MATRIX
