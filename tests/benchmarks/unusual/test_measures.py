import numpy as np
import pytest

from benchmarks.unusual.measures import LEVELS, auroc, share_below, uniformity


@pytest.mark.parametrize(
    ("normal", "unusual", "expected"),
    [
        ([1, 2], [3, 4], 1.0),
        ([3, 4], [1, 2], 0.0),
        ([1, 3], [2, 4], 0.75),  # three of the four pairs
        ([1, 2], [2, 3], 0.875),  # three, and a tie
        ([1, 1, 1], [1], 0.5),
    ],
)
def test_auroc_is_the_share_of_pairs_that_are_in_order(
    normal: list[float], unusual: list[float], expected: float
) -> None:
    assert auroc(np.array(normal, float), np.array(unusual, float)) == expected


def test_a_share_is_of_rows_below_the_bound() -> None:
    assert share_below(np.array([0.005, 0.01, 0.02, 0.9]), 0.01) == 0.25


def test_uniform_p_values_are_found_uniform() -> None:
    found = uniformity((np.arange(10_000) + 0.5) / 10_000)
    assert found.distance == pytest.approx(0.00005, abs=1e-6)
    assert found.shares == [0.05, 0.01, 0.001]
    assert found.quantiles == pytest.approx(LEVELS.tolist(), rel=0.01, abs=1e-4)


def test_small_p_values_are_found_too_small() -> None:
    found = uniformity(np.linspace(0, 1, 10_001) ** 2)
    assert found.distance == pytest.approx(0.25, abs=1e-3)  # √p − p at p = 1/4
    assert found.shares == pytest.approx([0.2237, 0.1, 0.0317], abs=2e-4)
