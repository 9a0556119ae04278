from pathlib import Path

from benchmarks.request_cost.differences import Rounds
from benchmarks.request_cost.network import COMPUTED, batches


def test_a_batch_is_measured_for_each_selection_of_outputs(file: Path) -> None:
    found = list(batches(file, 3, Rounds(pairs=3, warm=0, seconds=0.001)))
    assert [batch.outputs for batch in found] == [*COMPUTED]
    assert all(batch.rows == 3 and 0 < batch.microseconds < 20_000 for batch in found)
