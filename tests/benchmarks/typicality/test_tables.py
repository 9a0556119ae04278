import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.serving.page import filled
from benchmarks.typicality.inputs import KINDS
from benchmarks.typicality.outsiders import NOTMNIST
from benchmarks.typicality.results import Network, Recalibration, Results, Uniformity
from benchmarks.typicality.tables import SCORES, TABLES, USER_TABLES, aurocs, spread
from service.contract import TYPICALITY_COLUMNS
from tests.conftest import ROOT

USER_PAGE = ROOT / "docs" / "typicality.md"
PAGE = ROOT / "docs" / "measurements" / "typicality.md"
RESULTS = ROOT / "docs" / "typicality" / "results.json"


def network(seed: int, preset: str = "dense-10", kinds: tuple[str, ...] = KINDS) -> Network:
    """AUROC .5 for each kind; of `combined` .75 with seed 0, .8 with seed 1 and so on."""
    aurocs = dict.fromkeys(SCORES, 0.5) | {"combined": 0.75 + 0.05 * seed}
    measures = Uniformity(distance=0.01 + 0.01 * seed, shares=[0.05, 0.01, 0.001], quantiles=[])
    return Network(
        preset=preset,
        seed=seed,
        epochs=10,
        held_out_rows=6000,
        ordinary_rows=10_000,
        accuracy=0.98,
        seconds=1.5,
        auroc={score: dict.fromkeys(kinds, auroc) for score, auroc in aurocs.items()},
        detected={column: dict.fromkeys(kinds, 0.25) for column in TYPICALITY_COLUMNS},
        by_layer=[{"gates": 0.6, "combined": 0.7}] * 2,
        uniformity=dict.fromkeys(TYPICALITY_COLUMNS, measures),
        recalibrations=[
            Recalibration(
                rows=200, below_hundredth={column: [0.0, 0.02] for column in TYPICALITY_COLUMNS}
            )
        ],
    )


def some() -> Results:
    return Results(
        networks=[
            network(seed, preset) for preset in ("dense-10", "mnist-conv-16") for seed in range(3)
        ]
    )


def test_aurocs_have_a_row_for_each_seed_and_a_column_for_each_kind() -> None:
    actual = aurocs(some().of("dense-10"), "combined", ("noise", "blurred"))
    assert actual == pytest.approx(np.array([[0.75] * 2, [0.8] * 2, [0.85] * 2]))


def test_the_spread_is_the_deviation_of_the_seeds_means() -> None:
    assert spread(np.array([[0.7, 0.9], [0.8, 1.0]])) == pytest.approx(0.1 / np.sqrt(2))
    assert spread(np.array([[0.7, 0.9]])) == 0


def test_a_kind_has_the_means_of_each_preset_with_the_best_in_bold() -> None:
    lines = TABLES["kinds"](some()).splitlines()
    assert len(lines) == 2 + len(KINDS)
    assert lines[2] == (
        "| inverted |"
        + " 0.500 / 0.500 |" * 6
        + " **0.800** / **0.800** | 0.050 / 0.050 | 25 / 25 |"
    )


def test_notmnist_letters_have_a_row_apart_with_dashes_where_they_were_not_measured() -> None:
    letters = [network(seed, kinds=(*KINDS, NOTMNIST)) for seed in range(3)]
    results = Results(networks=[*letters, *some().of("mnist-conv-16")])
    assert TABLES["kinds"](results).splitlines()[-1] == (
        "| notMNIST letters |" + " 0.500 / – |" * 6 + " **0.800** / – | 0.050 / – | 25 / – |"
    )
    assert TABLES["means"](results) == TABLES["means"](some())


def test_means_are_of_all_kinds_of_the_halves_and_of_the_unseen_seeds() -> None:
    lines = TABLES["means"](some()).splitlines()
    assert len(lines) == 2 + 4
    assert lines[2].startswith("| all 17 kinds | 0.5000 / 0.5000 |")
    assert lines[2].endswith("| **0.8000** / **0.8000** | 0.050 / 0.050 |")
    assert lines[5].startswith("| all kinds, seeds 2 and up |")
    assert lines[5].endswith("| **0.8500** / **0.8500** | 0.000 / 0.000 |")


def test_uniformity_has_the_mean_and_the_range_of_the_seeds() -> None:
    assert TABLES["uniform"](some()).splitlines()[2] == (
        "| dense | gates | 0.010 to 0.030 | 0.0500 (0.0500 to 0.0500) "
        "| 0.0100 (0.0100 to 0.0100) | 0.0010 (0.0010 to 0.0010) | 0.0100 (0.0000 to 0.0200) |"
    )


def test_networks_have_their_trainings_and_the_least_gain_of_a_seed() -> None:
    assert TABLES["networks"](some()).splitlines()[2] == (
        "| dense, 3 seeds | 10 | 98.0 to 98.0 | 6,000 | 10,000 | 0.250 |"
    )


def test_a_layer_has_a_column_and_all_layers_the_last_one() -> None:
    lines = TABLES["layers"](some()).splitlines()
    assert lines[0] == "| network | p-value | layer 1 | layer 2 | all |"
    assert lines[3] == "| dense | combined | 0.700 | 0.700 | 0.800 |"


def test_the_summary_has_the_means_of_each_score() -> None:
    lines = USER_TABLES["summary"](some()).splitlines()
    assert lines[2] == "| largest probability | 0.500 | 0.500 |"
    assert lines[-1] == "| `combined` | **0.800** | **0.800** |"
    letters = [network(seed, kinds=(*KINDS, NOTMNIST)) for seed in range(3)]
    lines = USER_TABLES["summary"](
        Results(networks=[*letters, *some().of("mnist-conv-16")])
    ).splitlines()
    assert lines[-1] == "| `combined`, notMNIST letters | 0.800 | – |"


@pytest.mark.parametrize(("path", "tables"), [(PAGE, TABLES), (USER_PAGE, USER_TABLES)])
def test_a_page_has_the_tables_of_the_results(
    path: Path, tables: dict[str, Callable[[Results], str]]
) -> None:
    page, results = path.read_text(), Results.read(RESULTS)
    assert filled(page, {name: write(results) for name, write in tables.items()}) == page


def test_the_results_have_five_networks_of_each_preset_and_combined_is_best() -> None:
    results = Results.read(RESULTS)
    for preset in ("dense-10", "mnist-conv-16"):
        actual = results.of(preset)
        assert [network.seed for network in actual] == list(range(5))
        means = {score: float(aurocs(actual, score, KINDS).mean()) for score in SCORES}
        assert means["combined"] >= 0.93
        assert means["combined"] > max(means[score] for score in ("softmax", "energy", "k-NN"))


def test_every_picture_of_the_page_exists() -> None:
    pictures = re.findall(r"\]\((\S+\.svg)\)", PAGE.read_text())
    assert len(pictures) == 2
    assert all((PAGE.parent / name).is_file() for name in pictures)
