import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from service.inference.statistics import CountersLayout, ModelCounters, total_counters
from service.shared_counters import SharedCounters
from tests.conftest import ROOT

KEY = "tiny@1"
LAYOUT = CountersLayout(labels=3, layers=2, max_batch_rows=4)

# Adds to its own segment, reports it, and stays until its input ends.
SIBLING = """
import sys
from pathlib import Path
from service.inference.statistics import CountersLayout
from service.shared_counters import SharedCounters
layout = CountersLayout(labels=3, layers=2, max_batch_rows=4)
own = layout.view(SharedCounters(Path(sys.argv[1])).segment("tiny@1", layout))
own.rows[0] = 5
own.predictions[2] = 4
own.pending[0] = 3
own.last_ms[0] = 2000
print("added", flush=True)
sys.stdin.read()
"""


def own(shared_counters: SharedCounters, key: str = KEY) -> ModelCounters:
    return LAYOUT.view(shared_counters.segment(key, LAYOUT))


def total(shared_counters: SharedCounters) -> ModelCounters:
    return total_counters(shared_counters, KEY, LAYOUT)


@pytest.fixture(params=[False, True], ids=["in memory", "in a folder"])
def shared_counters(request: pytest.FixtureRequest, tmp_path: Path) -> SharedCounters:
    return SharedCounters(tmp_path if request.param else None)


def test_a_segment_begins_with_zeros_and_is_the_same_at_each_call(
    shared_counters: SharedCounters,
) -> None:
    assert not shared_counters.segment(KEY, LAYOUT).any()
    own(shared_counters).rows[0] = 7
    assert own(shared_counters).rows[0] == 7


def test_a_total_is_a_copy_of_the_sums(shared_counters: SharedCounters) -> None:
    own(shared_counters).rows[0] = 7
    sums = total(shared_counters)
    assert (sums.rows[0], sums.pending[0], sums.last_ms[0]) == (7, 0, 0)
    sums.rows[0] = 100
    assert own(shared_counters).rows[0] == 7


def test_each_key_has_its_own_counters(shared_counters: SharedCounters) -> None:
    own(shared_counters).rows[0] = 7
    own(shared_counters, "tiny@10").rows[0] = 50
    own(shared_counters, "tiny@1@2").rows[0] = 900
    assert total(shared_counters).rows[0] == 7


def test_a_key_without_a_segment_has_zeros(shared_counters: SharedCounters) -> None:
    assert total(shared_counters).rows[0] == 0


def test_counters_in_memory_are_not_shared() -> None:
    own(SharedCounters()).rows[0] = 7
    assert total(SharedCounters()).rows[0] == 0


def test_the_sums_keep_the_counts_of_a_process_that_has_ended(tmp_path: Path) -> None:
    shared_counters = SharedCounters(tmp_path)
    mine = own(shared_counters)
    mine.rows[0], mine.predictions[0], mine.pending[0], mine.last_ms[0] = 2, 1, 1, 1000
    with subprocess.Popen(
        [sys.executable, "-c", SIBLING, tmp_path],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as sibling:
        assert sibling.stdout is not None
        assert sibling.stdout.readline() == b"added\n"
        during = total(shared_counters)
        sibling.communicate()
    after = total(shared_counters)
    for sums in (during, after):
        assert sums.rows[0] == 7
        assert sums.predictions.tolist() == [1, 0, 4]
        assert sums.last_ms[0] == 2000  # the latest, not the sum
    assert during.pending[0] == 4
    assert after.pending[0] == 1  # without the requests of the ended process


def test_a_file_that_is_being_created_is_skipped(tmp_path: Path) -> None:
    shared_counters = SharedCounters(tmp_path)
    own(shared_counters).rows[0] = 7
    (tmp_path / f"{KEY}@1").write_bytes(b"")
    assert total(shared_counters).rows[0] == 7


def test_a_process_of_another_user_counts_as_alive(tmp_path: Path) -> None:
    segment = np.zeros(LAYOUT.size)
    LAYOUT.view(segment).pending[0] = 2
    segment.tofile(tmp_path / f"{KEY}@1")  # process 1, which always exists
    assert total(SharedCounters(tmp_path)).pending[0] == 2
