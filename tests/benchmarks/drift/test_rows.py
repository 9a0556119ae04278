import numpy as np
import pytest

from benchmarks.drift.rows import Rows, draw_baseline, rotated
from service.drift.baseline import ATYPICAL_SHARES


def population(count: int) -> Rows:
    random = np.random.default_rng(0)
    return Rows(
        labels=np.arange(count) % 2,
        gates=random.random((count, 3), np.float32),
        typicality=np.arange(count, dtype=np.float32),
    )


def test_an_image_is_rotated_counter_clockwise_about_its_centre() -> None:
    image = np.array([[0, 0, 0], [0, 0, 1], [0, 0, 0]], np.float32).reshape(1, 9)
    left = rotated(image, (3, 3), 90).reshape(3, 3)
    assert left == pytest.approx(np.array([[0, 1, 0], [0, 0, 0], [0, 0, 0]]), abs=1e-6)


def test_held_out_rows_are_drawn_and_counted() -> None:
    baseline = draw_baseline(population(500), 300, 2, np.random.default_rng(1))
    assert baseline.held_out.rows == 300
    assert baseline.held_out.predicted.sum() == 300
    assert baseline.held_out.counts.shape == (2, 3, 11)


def test_on_average_the_expected_shares_of_rows_are_atypical() -> None:
    rows = population(2000)
    baselines = [draw_baseline(rows, 1000, 2, np.random.default_rng(seed)) for seed in range(100)]
    typicality = np.array([baseline.p_values(rows) for baseline in baselines])
    shares = [(typicality <= share).mean() for share in ATYPICAL_SHARES]
    assert shares == pytest.approx(ATYPICAL_SHARES, rel=0.15)
    assert typicality[0].argmin() == 0
