import numpy as np
import pytest

from benchmarks.drift.rows import Answers, drawn, turned
from service.drift.baseline import UNUSUAL_SHARES


def answers(count: int) -> Answers:
    chance = np.random.default_rng(0)
    return Answers(
        labels=np.arange(count) % 2,
        gates=chance.random((count, 3), np.float32),
        usual=np.arange(count, dtype=np.float32),
    )


def test_an_image_is_turned_to_the_left_about_its_middle() -> None:
    image = np.array([[0, 0, 0], [0, 0, 1], [0, 0, 0]], np.float32).reshape(1, 9)
    left = turned(image, (3, 3), 90).reshape(3, 3)
    assert left == pytest.approx(np.array([[0, 1, 0], [0, 0, 0], [0, 0, 0]]), abs=1e-6)


def test_held_out_rows_are_drawn_and_counted_as_the_server_reads_them() -> None:
    found = drawn(answers(500), 300, 2, np.random.default_rng(1))
    assert found.held_out.rows == 300
    assert found.held_out.predicted.sum() == 300
    assert found.held_out.counts.shape == (2, 3, 11)


def test_as_many_rows_are_unusual_as_the_shares_say_on_average() -> None:
    all_rows = answers(2000)
    tried = [drawn(all_rows, 1000, 2, np.random.default_rng(seed)) for seed in range(100)]
    found = [(each.unusual(all_rows)[:, None] <= UNUSUAL_SHARES).mean(axis=0) for each in tried]
    assert np.mean(found, axis=0) == pytest.approx(UNUSUAL_SHARES, rel=0.15)
    assert tried[0].unusual(all_rows).argmin() == 0
