"""Counters that several processes increment and any of them can sum."""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]  # integers are exact up to 2⁵³


class SegmentLayout(Protocol):
    """The size of a segment."""

    @property
    def size(self) -> int:
        """The number of float64 values in the segment."""


class SharedCounters:
    """The counter segments of this process, and those of its sibling processes.

    With a `folder`, each segment is a file named after its key and process. The file outlives the
    process, so that a sum never shrinks when a worker is replaced. Without a folder, segments are
    memory of this process.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._own: dict[str, Numbers] = {}

    def segment(self, key: str, layout: SegmentLayout) -> Numbers:
        """Return this process's segment for a key, zeros at first."""
        if key not in self._own:
            self._own[key] = np.frombuffer(self._memory(key, layout.size * 8), np.float64)
        return self._own[key]

    def segments(self, key: str, layout: SegmentLayout) -> Iterator[tuple[Numbers, bool]]:
        """Yield the segment of every process, and whether that process is alive."""
        if self.folder is None:
            yield self.segment(key, layout), True
            return
        for path in sorted(self.folder.iterdir()):
            segment_key, _, process = path.name.rpartition("@")
            if segment_key != key:
                continue
            segment = np.fromfile(path, np.float64)
            if len(segment) == layout.size:  # otherwise another process is creating it
                yield segment, _is_alive(int(process.partition("-")[0]))

    def _memory(self, key: str, size: int) -> mmap.mmap:
        if self.folder is None:
            return mmap.mmap(-1, size)
        # A process may get the pid of one that has ended, whose counts must stay.
        name = f"{key}@{os.getpid()}-{token_hex(4)}"
        with open(self.folder / name, "x+b") as file:
            file.truncate(size)
            return mmap.mmap(file.fileno(), size)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # the process belongs to another user
        return True
    return True
