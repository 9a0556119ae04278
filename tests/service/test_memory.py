"""Memory given back to the system, measured in processes of their own."""

import subprocess
import sys

from tests.conftest import ROOT

# Frees small blocks between blocks that stay, which pins them in the heap; prints what is kept in
# MiB. A block in use at the end keeps glibc from returning the rest by itself.
SCRIPT = """
import asyncio, resource, sys
from service import memory

def resident():
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * resource.getpagesize() / 2**20

memory.CHECK_SECONDS = 0.01
memory.limit_free_memory()

async def main():
    before = resident()
    blocks = [bytes(100_000) for _ in range(1000)]
    blocks[:-1] = []
    if sys.argv[1] == "give":
        trimming = asyncio.create_task(memory.give_memory_back(lambda: True))
        await asyncio.sleep(0.2)
        trimming.cancel()
    print(resident() - before)

asyncio.run(main())
"""


def kept(what: str) -> float:
    command = [sys.executable, "-c", SCRIPT, what]
    return float(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)


def test_memory_is_given_back_after_a_burst() -> None:
    assert kept("keep") > 50
    assert kept("give") < 10
