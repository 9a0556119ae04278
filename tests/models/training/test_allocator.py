import subprocess
import sys

import pytest

from tests.conftest import ROOT

# Twice as much memory as the largest block that the default settings keep.
SCRIPT = """
import ctypes, sys
from models.training.allocator import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
library.malloc.argtypes = [ctypes.c_size_t]
library.free.argtypes = [ctypes.c_void_p]
block = library.malloc(1 << 26)
ctypes.memset(block, 1, 1 << 26)
library.free(block)
pages = int(open("/proc/self/statm").read().split()[1])
print(pages * 4096)
"""


def resident(setting: str) -> int:
    """Return the memory of a process after it has freed 64 MiB, in bytes."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, setting],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and sets up glibc")
def test_a_freed_block_stays_with_the_process() -> None:
    assert resident("kept") - resident("default") > 1 << 25
