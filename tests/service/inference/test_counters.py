import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from service.inference.counters import GATES, PHASES, REASONS, SECONDS, Board, Counters, Shape
from tests.conftest import ROOT

KEY = "tiny@1"
SHAPE = Shape(labels=3, layers=2, run_rows=4)

# Adds to its own block, says so, and stays until its input ends.
SIBLING = """
import sys
from pathlib import Path
from service.inference.counters import Board, Shape
shape = Shape(labels=3, layers=2, run_rows=4)
own = shape.view(Board(Path(sys.argv[1])).block("tiny@1", shape))
own.rows[0] = 5
own.predictions[2] = 4
own.pending[0] = 3
own.last_ms[0] = 2000
print("added", flush=True)
sys.stdin.read()
"""


def own(board: Board, key: str = KEY) -> Counters:
    return SHAPE.view(board.block(key, SHAPE))


def test_bounds_rise() -> None:
    assert list(SECONDS) == sorted(set(SECONDS))
    assert list(GATES) == sorted(set(GATES))


def test_a_block_holds_each_counter_once() -> None:
    assert SHAPE.parts == {
        **{"last_ms": (1,), "rows": (1,), "runs": (1,)},
        "phases": (len(PHASES), 2),
        "batches": (5, 4),  # from 0 rows to 4
        **dict.fromkeys(("queue", "compute", "request"), (len(SECONDS) + 1,)),
        "predictions": (3,),
        "unusual": (1,),
        "gates": (2, len(GATES) + 2),
        "rejected": (len(REASONS),),
        "pending": (1,),
    }
    assert SHAPE.size == 3 + 12 + 20 + 3 * 18 + 3 + 1 + 26 + 8 + 1


def test_the_views_share_the_block_and_no_number_among_each_other() -> None:
    block = np.zeros(SHAPE.size)
    for i, view in enumerate(vars(SHAPE.view(block)).values(), start=1):
        view += i
    assert np.bincount(block.astype(int)).tolist() == [
        0,
        1,
        1,
        1,
        12,
        20,
        18,
        18,
        18,
        3,
        1,
        26,
        8,
        1,
    ]


@pytest.fixture(params=[False, True], ids=["in memory", "in a folder"])
def board(request: pytest.FixtureRequest, tmp_path: Path) -> Board:
    return Board(tmp_path if request.param else None)


def test_a_block_begins_with_zeros_and_is_the_same_at_each_call(board: Board) -> None:
    assert not board.block(KEY, SHAPE).any()
    own(board).rows[0] = 7
    assert own(board).rows[0] == 7


def test_a_total_tells_what_was_added_and_is_a_copy(board: Board) -> None:
    own(board).rows[0] = 7
    total = board.total(KEY, SHAPE)
    assert (total.rows[0], total.pending[0], total.last_ms[0]) == (7, 0, 0)
    total.rows[0] = 100
    assert own(board).rows[0] == 7


def test_each_model_has_its_own_counters(board: Board) -> None:
    own(board).rows[0] = 7
    own(board, "tiny@10").rows[0] = 50
    own(board, "tiny@1@2").rows[0] = 900
    assert board.total(KEY, SHAPE).rows[0] == 7


def test_a_model_that_has_done_nothing_has_zeros(board: Board) -> None:
    assert board.total(KEY, SHAPE).rows[0] == 0


def test_boards_in_memory_know_nothing_of_each_other() -> None:
    one, other = Board(), Board()
    own(one).rows[0] = 7
    assert other.total(KEY, SHAPE).rows[0] == 0


def test_the_sums_over_processes_keep_what_one_that_ended_has_counted(tmp_path: Path) -> None:
    board = Board(tmp_path)
    mine = own(board)
    mine.rows[0], mine.predictions[0], mine.pending[0], mine.last_ms[0] = 2, 1, 1, 1000
    with subprocess.Popen(
        [sys.executable, "-c", SIBLING, tmp_path],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as sibling:
        assert sibling.stdout is not None
        assert sibling.stdout.readline() == b"added\n"
        during = board.total(KEY, SHAPE)
        sibling.communicate()
    after = board.total(KEY, SHAPE)
    for total in (during, after):
        assert total.rows[0] == 7
        assert total.predictions.tolist() == [1, 0, 4]
        assert total.last_ms[0] == 2000  # the latest, not the sum
    assert during.pending[0] == 4
    assert after.pending[0] == 1  # what the other had begun is nobody's any more


def test_a_file_that_is_being_made_is_passed_over(tmp_path: Path) -> None:
    board = Board(tmp_path)
    own(board).rows[0] = 7
    (tmp_path / f"{KEY}@1").write_bytes(b"")
    assert board.total(KEY, SHAPE).rows[0] == 7


def test_a_process_of_another_user_counts_as_one_that_is_there(tmp_path: Path) -> None:
    block = np.zeros(SHAPE.size)
    SHAPE.view(block).pending[0] = 2
    block.tofile(tmp_path / f"{KEY}@1")  # the first process, which is always there
    assert Board(tmp_path).total(KEY, SHAPE).pending[0] == 2
