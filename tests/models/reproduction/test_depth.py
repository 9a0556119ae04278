import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from models.reproduction.depth import (
    Pair,
    best_networks,
    candidate,
    curves,
    halving,
    marked_curves,
    ratio,
    reproduce_convergence,
    reproduce_depth,
)
from models.reproduction.experiment import Effort
from models.reproduction.findings import Findings
from models.reproduction.halving import Found, Halving, Rung
from models.run import Run
from tests.models.reproduction.conftest import task, trainings, written, written_at


def found(run: Run, *, plain: bool = False) -> Found:
    return Found(candidate=candidate(3, plain=plain), settings={"momentum": 0.5}, run=run)


def pair(folder: Path, highway: tuple[float, ...], plain: tuple[float, ...]) -> Pair:
    """Return two networks with these losses; one without a loss diverged in its first epoch."""
    highway_run = written(Run(folder / "highway"), *highway, diverged=not highway)
    plain_run = written(Run(folder / "plain"), *plain, diverged=not plain)
    return Pair(
        depth=3,
        highway=found(highway_run),
        plain=found(plain_run, plain=True),
        highway_loss=highway[-1] if highway else math.inf,
        plain_loss=plain[-1] if plain else math.inf,
    )


def quantities(findings: Findings) -> list[str]:
    return [comparison.quantity for comparison in findings.comparisons]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("depth")


@pytest.fixture(scope="module")
def findings(out: Path, images: Path) -> Findings:
    """The experiment with two small depths, a trial and an epoch."""
    return reproduce_depth(task(out / "depth", trainings(out, images, jobs=2)), depths=(3, 4))


def test_the_losses_of_all_depths_are_compared(findings: Findings) -> None:
    assert quantities(findings) == [
        "training loss at depth 3, highway / plain",
        "training loss at depth 4, highway / plain",
        "highway: loss at depth 4 ÷ depth 3",
        "depth 4: loss of plain ÷ highway",
    ]
    assert [c.goal for c in findings.comparisons] == ["", "", "≤ 2", "≥ 100"]
    highway = findings.numbers["depth 3"]["highway"]
    plain = findings.numbers["depth 3"]["plain"]
    assert findings.comparisons[0].here == f"{highway['loss']:.1e} / {plain['loss']:.1e}"
    assert len(highway["loss_by_epoch"]) == 1
    assert set(highway["settings"]) > {"gate_bias", "learning_rate"}
    assert 0 <= plain["test_accuracy"] <= 1
    json.dumps(findings.numbers, allow_nan=False)


def test_the_same_experiment_trains_nothing_again(
    findings: Findings, out: Path, images: Path
) -> None:
    before = written_at(out)
    one = task(out / "depth", trainings(out, images))
    again = reproduce_depth(one, depths=(3, 4))
    assert (again.comparisons, again.numbers) == (findings.comparisons, findings.numbers)
    convergence = reproduce_convergence(one, depths=(3, 4))
    assert quantities(convergence) == [
        f"depth {depth}: epochs to the plain network's lowest loss, highway / plain"
        for depth in (3, 4)
    ]
    assert convergence.numbers == findings.numbers
    figure = convergence.pictures["convergence"].draw()
    assert all(len(axes.lines) in (3, 4) for axes in figure.axes)  # two curves, a level, a dot
    assert written_at(out) == before


def test_the_picture_has_one_panel_for_each_depth(findings: Findings) -> None:
    figure = findings.pictures["depth"].draw()
    assert [axes.get_title() for axes in figure.axes] == ["depth 3", "depth 4"]
    assert all(len(axes.lines) == 2 for axes in figure.axes)


def test_the_networks_are_those_of_section_3_1() -> None:
    highway, plain = (candidate(10, plain=plain) for plain in (False, True))
    assert (highway.name, plain.name) == ("dense/highway-10", "dense/plain-10")
    assert highway.preset.width == 50
    assert (highway.preset.plain, plain.preset.plain) == (False, True)
    training = highway.preset.training
    assert not training.augments_images
    assert (training.weight_decay, training.keep, training.patience) == (0.0, "last", None)


def test_the_user_changes_trials_epochs_and_precision(tmp_path: Path, images: Path) -> None:
    of = trainings(tmp_path, images)
    assert halving(task(tmp_path, of, Effort())) == Halving()
    effort = Effort(trials=2, epochs=3, precision="bf16-mixed")
    assert halving(task(tmp_path, of, effort)) == Halving(
        rungs=(Rung(trials=2, epochs=1), Rung(trials=4, epochs=4)),
        epochs=3,
        precision="bf16-mixed",
    )


@pytest.mark.parametrize(
    ("highway", "plain", "reached", "plain_epochs"),
    [
        ((3.0, 1.0, 0.5), (2.0, 1.0, 1.5), 2, 2),  # the plain network is best in its second epoch
        ((3.0, 2.0), (1.0, 0.5), None, 2),
        ((0.1,), (0.2,), 1, 1),
        ((3.0, 2.0), (), 1, None),  # diverged in the first epoch
        ((), (2.0,), None, 1),
        ((), (), None, None),
    ],
)
def test_the_epochs_to_the_lowest_loss_of_the_plain_network_are_counted(
    tmp_path: Path,
    highway: tuple[float, ...],
    plain: tuple[float, ...],
    reached: int | None,
    plain_epochs: int | None,
) -> None:
    compared = pair(tmp_path, highway, plain)
    assert (compared.epochs_to_plain, compared.plain_epochs) == (reached, plain_epochs)


def test_a_diverged_network_has_no_curve(tmp_path: Path) -> None:
    figure = curves([pair(tmp_path, (1.0, 0.5), ())])
    assert isinstance(figure, Figure)
    assert [np.size(line.get_xdata()) for line in figure.axes[0].lines] == [2, 0]


def test_the_lowest_loss_of_the_plain_network_is_marked_unless_it_diverged(tmp_path: Path) -> None:
    reached = replace(pair(tmp_path / "a", (3.0, 1.0), (2.0, 1.5)), depth=3)
    diverged = replace(pair(tmp_path / "b", (3.0, 1.0), ()), depth=4)
    left, right = marked_curves([reached, diverged]).axes
    assert np.asarray(left.lines[2].get_ydata()).tolist() == [1.5, 1.5]
    assert [found.get_text() for found in left.findobj(Annotation)] == ["epoch 2"]
    assert len(right.lines) == 2


def test_a_ratio_of_losses_below_the_rounding_is_that_of_the_rounding() -> None:
    assert ratio(2e-2, 1e-4) == pytest.approx(200)
    assert ratio(1e-4, 0.0) == pytest.approx(100)
    assert ratio(0.0, 1e-9) == 1
    assert ratio(math.inf, 0.1) == math.inf
    assert math.isnan(ratio(math.inf, math.inf))


def test_diverged_networks_are_an_outcome_in_words(tmp_path: Path, images: Path) -> None:
    """Runs of this experiment that diverged by hand: none of them is trained again."""
    of = trainings(tmp_path, images)
    one = task(tmp_path / "depth", of)
    best_networks(one, [3])
    for path in tmp_path.rglob("best-epochs-1"):
        for name in ("model.safetensors", "metrics.jsonl"):
            (path / name).unlink()
        (path / "diverged.txt").write_text("epoch 1: expected a finite loss, found nan\n")
    result = reproduce_depth(one, depths=(3,))
    assert [comparison.here for comparison in result.comparisons] == [
        "diverged / diverged",
        "–",
        "–",
    ]
    assert result.numbers["depth 3"]["plain"] == {
        "settings": result.numbers["depth 3"]["plain"]["settings"],
        "loss": None,
        "loss_by_epoch": [],
        "test_accuracy": None,
    }
    assert [c.here for c in reproduce_convergence(one, depths=(3,)).comparisons] == [
        "never / never"
    ]
