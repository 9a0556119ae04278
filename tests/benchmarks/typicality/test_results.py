from pathlib import Path

import numpy as np
import pytest

from benchmarks.typicality.inputs import KINDS
from benchmarks.typicality.results import (
    LEVELS,
    Network,
    Recalibration,
    Results,
    Uniformity,
    auroc,
    share_below,
    uniformity,
)


def network(seed: int, kind: str = "noise") -> Network:
    return Network(
        preset="dense-10",
        seed=seed,
        epochs=10,
        held_out_rows=6000,
        ordinary_rows=10_000,
        accuracy=0.98,
        seconds=1.5,
        auroc={"combined": {kind: 0.9}},
        detected={"combined": {kind: 0.4}},
        by_layer=[{"gates": 0.8, "combined": 0.9}],
        uniformity={"combined": Uniformity(distance=0.01, shares=[0.05], quantiles=[0.1, 1.0])},
        recalibrations=[Recalibration(rows=200, below_hundredth={"combined": [0.02, 0.01]})],
    )


def test_results_are_read_as_written(tmp_path: Path) -> None:
    results = Results(networks=[network(0), network(1)])
    results.write(tmp_path / "new" / "results.json")
    assert Results.read(tmp_path / "new" / "results.json") == results


def test_networks_are_selected_by_preset() -> None:
    results = Results(networks=[network(0), network(1)])
    assert results.of("dense-10") == [network(0), network(1)]
    assert results.of("mnist-conv-16") == []
    assert results.without("dense-10") == Results()
    assert results.without("mnist-conv-16") == results


def test_notmnist_letters_are_the_last_kind_if_they_were_measured() -> None:
    assert Results(networks=[network(0)]).kinds == KINDS
    both = Results(networks=[network(0), network(1, "notMNIST letters")])
    assert both.kinds == (*KINDS, "notMNIST letters")


@pytest.mark.parametrize(
    ("normal", "atypical", "expected"),
    [
        ([1, 2], [3, 4], 1.0),
        ([3, 4], [1, 2], 0.0),
        ([1, 3], [2, 4], 0.75),  # three of the four pairs
        ([1, 2], [2, 3], 0.875),  # three, and a tie
        ([1, 1, 1], [1], 0.5),
    ],
)
def test_auroc_is_the_share_of_pairs_in_order(
    normal: list[float], atypical: list[float], expected: float
) -> None:
    assert auroc(np.array(normal, float), np.array(atypical, float)) == expected


def test_a_share_counts_rows_below_the_bound() -> None:
    assert share_below(np.array([0.005, 0.01, 0.02, 0.9]), 0.01) == 0.25


def test_uniform_p_values_have_no_distance() -> None:
    measures = uniformity((np.arange(10_000) + 0.5) / 10_000)
    assert measures.distance == pytest.approx(0.00005, abs=1e-6)
    assert measures.shares == [0.05, 0.01, 0.001]
    assert measures.quantiles == pytest.approx(LEVELS.tolist(), rel=0.01, abs=1e-4)


def test_p_values_that_are_too_small_have_a_distance() -> None:
    measures = uniformity(np.linspace(0, 1, 10_001) ** 2)
    assert measures.distance == pytest.approx(0.25, abs=1e-3)  # √p − p at p = 1/4
    assert measures.shares == pytest.approx([0.2237, 0.1, 0.0317], abs=2e-4)
