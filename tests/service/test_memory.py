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

# Computes batches of many sizes with a convolutional network; prints in MiB by how much the largest
# and the last size of the process exceed the first.
BATCHES = """
import asyncio, resource
from pathlib import Path
import numpy as np
from service import memory
from service.classifier import Classifier

def resident():
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * resource.getpagesize() / 2**20

memory.CHECK_SECONDS = 0.01
memory.limit_free_memory()
classifier = Classifier(Path("service/bundled/digits.onnx").read_bytes(), threads=2)
values = np.zeros((1024, 784), np.float32)
before, largest = resident(), 0
for rows in [*range(1, 64), 1024, 500, *range(64, 1, -3), 700, 1]:
    classifier.compute(["probabilities"], values[:rows])
    largest = max(largest, resident())

async def main():
    trimming = asyncio.create_task(memory.give_memory_back(lambda: True))
    await asyncio.sleep(0.2)
    trimming.cancel()

asyncio.run(main())
print(largest - before, resident() - before)
"""


def printed(script: str, *arguments: str) -> list[float]:
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return [float(word) for word in done.stdout.split()]


def kept(what: str) -> float:
    return printed(SCRIPT, what)[0]


def test_memory_is_given_back_after_a_burst() -> None:
    assert kept("keep") > 50
    assert kept("give") < 10


def test_batches_of_many_sizes_take_little_memory_and_keep_none() -> None:
    largest, last = printed(BATCHES)
    assert largest < 160  # 250 in one part, and an arena would keep them
    assert last < 40
