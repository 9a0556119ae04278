"""Connections of each process of a server, counted in /proc."""

import os
from contextlib import suppress
from pathlib import Path

ESTABLISHED = "01"


def connections(pids: list[int], port: int) -> dict[int, int]:
    """Return the number of established connections to the port that each process has."""
    inodes = _established(port)
    counts = {}
    for pid in pids:
        count = 0
        with suppress(OSError):  # the process has ended
            for file in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):  # closed meanwhile
                    count += os.readlink(file) in inodes
        counts[pid] = count
    return counts


def _established(port: int) -> set[str]:
    """Return the names in /proc of the server's ends of the connections to a local port."""
    names = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        local, state, inode = fields[1], fields[3], fields[9]
        if state == ESTABLISHED and int(local.rpartition(":")[2], 16) == port:
            names.add(f"socket:[{inode}]")
    return names
