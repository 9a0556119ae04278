"""Memory that is given back to the system after a burst of large bodies, and not before.

By default glibc returns free blocks at once and gets them anew for the next batch, which costs a
request a sixth of its time. With these thresholds it keeps them until the heaps are trimmed.
"""

import asyncio
import ctypes
from collections.abc import Callable
from typing import Any

# From malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
MMAP_THRESHOLD_BYTES = 32 << 20  # no block of a batch or a body is larger, nor allowed by old glibc
TRIM_THRESHOLD_BYTES = 64 << 20  # of free memory at the end of a heap
HEAPS = 2  # threads of more heaps would each keep free memory of their own
CHECK_SECONDS = 1.0


def limit_free_memory() -> None:
    """Set glibc's thresholds and its number of heaps; another C library has none."""
    library = _glibc()
    if library is not None:
        library.mallopt(_M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, TRIM_THRESHOLD_BYTES)
        library.mallopt(_M_ARENA_MAX, HEAPS)


async def give_memory_back(burst_ended: Callable[[], bool]) -> None:
    """Trim the heaps whenever a burst has ended, in a thread, so that the loop goes on."""
    library = _glibc()
    while library is not None:
        await asyncio.sleep(CHECK_SECONDS)
        if burst_ended():
            await asyncio.to_thread(library.malloc_trim, 0)


def _glibc() -> Any:
    library: Any = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
