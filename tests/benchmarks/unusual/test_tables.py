import re

import numpy as np
import pytest

from benchmarks.serving.page import filled
from benchmarks.unusual.kinds import KINDS
from benchmarks.unusual.results import Few, Network, Results, Uniform
from benchmarks.unusual.signs import SIGNS
from benchmarks.unusual.tables import SCORES, TABLES, aurocs, spread
from tests.conftest import ROOT


def network(seed: int, preset: str = "dense-10") -> Network:
    """Each score is .5 for each kind; `both` is .75 in seed 0, .8 in seed 1 and so on."""
    both = 0.75 + 0.05 * seed
    return Network(
        preset=preset,
        seed=seed,
        accuracy=0.98,
        seconds=1.5,
        auroc={score: dict.fromkeys(KINDS, both if score == "both" else 0.5) for score in SCORES},
        noticed={sign: dict.fromkeys(KINDS, 0.25) for sign in SIGNS},
        layers=[{"gates": 0.6, "both": 0.7}] * 2,
        uniform={
            sign: Uniform(distance=0.01 + 0.01 * seed, shares=[0.05, 0.01, 0.001], quantiles=[])
            for sign in SIGNS
        },
        few=[Few(rows=200, below_hundredth={sign: [0.0, 0.02] for sign in SIGNS})],
    )


def some() -> Results:
    return Results(
        networks=[
            network(seed, preset) for preset in ("dense-10", "mnist-conv-16") for seed in range(3)
        ]
    )


def test_aurocs_have_a_row_a_seed_and_a_column_a_kind() -> None:
    found = aurocs(some().of("dense-10"), "both", ("noise", "blurred"))
    assert found == pytest.approx(np.array([[0.75] * 2, [0.8] * 2, [0.85] * 2]))


def test_the_spread_is_that_of_the_seeds_means() -> None:
    assert spread(np.array([[0.7, 0.9], [0.8, 1.0]])) == pytest.approx(0.1 / np.sqrt(2))
    assert spread(np.array([[0.7, 0.9]])) == 0


def test_a_kind_has_its_means_by_preset_the_best_in_bold_and_what_is_noticed() -> None:
    lines = TABLES["kinds"](some()).splitlines()
    assert len(lines) == 2 + len(KINDS)
    assert lines[2] == (
        "| inverted |"
        + " 0.500 / 0.500 |" * 6
        + " **0.800** / **0.800** | 0.050 / 0.050 | 25 / 25 |"
    )


def test_means_are_told_for_all_kinds_for_halves_and_for_the_seeds_left_out() -> None:
    lines = TABLES["means"](some()).splitlines()
    assert len(lines) == 2 + 4
    assert lines[2].startswith("| all 17 kinds | 0.5000 / 0.5000 |")
    assert lines[2].endswith("| **0.8000** / **0.8000** | 0.050 / 0.050 |")
    assert lines[5].startswith("| all kinds, seeds 2 and up |")
    assert lines[5].endswith("| **0.8500** / **0.8500** | 0.000 / 0.000 |")


def test_p_values_are_told_by_sign_with_the_least_and_the_most_of_seeds_or_draws() -> None:
    assert TABLES["uniform"](some()).splitlines()[2] == (
        "| dense | gates | 0.010 to 0.030 | 0.0500 (0.0500 to 0.0500) "
        "| 0.0100 (0.0100 to 0.0100) | 0.0010 (0.0010 to 0.0010) | 0.0100 (0.0000 to 0.0200) |"
    )


def test_the_page_in_the_docs_tells_what_the_kept_results_hold() -> None:
    page = (ROOT / "docs" / "unusual.md").read_text()
    results = Results.read(ROOT / "docs" / "unusual" / "results.json")
    assert filled(page, {name: tell(results) for name, tell in TABLES.items()}) == page


def test_the_kept_results_are_of_five_networks_of_each_preset_and_show_what_was_asked() -> None:
    results = Results.read(ROOT / "docs" / "unusual" / "results.json")
    for preset in ("dense-10", "mnist-conv-16"):
        found = results.of(preset)
        assert [network.seed for network in found] == list(range(5))
        means = {score: float(aurocs(found, score, KINDS).mean()) for score in SCORES}
        assert means["both"] >= 0.93
        assert means["both"] > max(means[score] for score in ("softmax", "energy", "k-NN"))


def test_every_picture_of_the_page_is_there() -> None:
    page = ROOT / "docs" / "unusual.md"
    pictures = re.findall(r"\]\((\S+\.svg)\)", page.read_text())
    assert len(pictures) == 2
    assert all((page.parent / name).is_file() for name in pictures)
