import subprocess
import sys
from pathlib import Path

from service.drift.watch import Watch
from service.inference.counters import Board
from tests.conftest import ROOT
from tests.service.drift.conftest import even, held_out, rows

NOON = 43200.0

# Watches a model too, says so, and stays until it is killed.
SIBLING = """
import sys
from pathlib import Path
from service.drift.watch import Watch
from service.inference.counters import Board
from tests.service.drift.conftest import held_out, rows
Watch(held_out(), Board(Path(sys.argv[1])), "tiny@1").add(43200.0, *rows(2, 40))
print("added", flush=True)
sys.stdin.read()
"""


def window_rows(watch: Watch, now: float) -> list[int]:
    return [verdict.tallied.rows for verdict in watch.verdicts(now)]


def test_rows_come_into_each_window_when_their_slot_is_over() -> None:
    watch = Watch(held_out(), Board(), "tiny@1")
    watch.add(NOON, *rows(0, 5))
    assert window_rows(watch, NOON + 10) == [0, 0, 0]
    assert window_rows(watch, NOON + 31) == [5, 0, 0]
    assert window_rows(watch, NOON + 301) == [5, 5, 0]
    assert window_rows(watch, NOON + 3601) == [0, 5, 5]


def test_between_two_looks_the_answer_stays() -> None:
    """However often somebody asks, a week has so many looks and no more."""
    watch = Watch(held_out(), Board(), "tiny@1")
    watch.add(NOON, *even(0, 20))
    first = watch.verdicts(NOON + 31)
    assert [watch.verdicts(NOON + 31 + s)[0] is first[0] for s in (0, 10, 29, 30)] == [
        *(True, True, True),
        False,
    ]
    assert watch.verdicts(NOON + 299)[1] is first[1]
    assert watch.verdicts(NOON + 301)[1] is not first[1]


def test_models_are_watched_apart() -> None:
    board = Board()
    one, other = Watch(held_out(), board, "tiny@1"), Watch(held_out(), board, "tiny@2")
    one.add(NOON, *rows(0, 5))
    assert window_rows(one, NOON + 31)[0] == 5
    assert window_rows(other, NOON + 31)[0] == 0


def test_a_window_has_the_rows_of_all_processes_also_of_one_that_was_killed(tmp_path: Path) -> None:
    watch = Watch(held_out(), Board(tmp_path), "tiny@1")
    watch.add(NOON, *rows(0, 2))
    with subprocess.Popen(
        [sys.executable, "-c", SIBLING, tmp_path],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as sibling:
        assert sibling.stdout is not None
        assert sibling.stdout.readline() == b"added\n"
        during = watch.verdicts(NOON + 31)[0].tallied
        sibling.kill()
    after = watch.verdicts(NOON + 61)[0].tallied
    assert during.labels.tolist() == after.labels.tolist() == [2, 0, 40]
