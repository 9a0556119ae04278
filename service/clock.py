"""The clock by which the work of one thread is measured."""

import time
from collections.abc import Callable

COARSEST = 1e-6  # seconds: a small network takes 20 µs


def work_clock() -> Callable[[], int]:
    """Return the clock of this thread's processor time in ns, which other work does not advance.

    Where it is coarse, as on Windows, that of the time that passes.
    """
    fine = time.get_clock_info("thread_time").resolution <= COARSEST
    return time.thread_time_ns if fine else time.perf_counter_ns


work_ns = work_clock()
