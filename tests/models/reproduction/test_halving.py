import math
from dataclasses import replace
from pathlib import Path

from models.presets import preset
from models.reproduction.halving import (
    Candidate,
    Found,
    Halving,
    Rung,
    draw_settings,
    last_loss,
    search,
    training_losses,
)
from models.run import Run
from tests.models.reproduction.conftest import trainings, written, written_at

SMALL = Halving(rungs=(Rung(trials=3, epochs=1), Rung(trials=2, epochs=2)), epochs=3)


def candidate(name: str = "small", *, plain: bool = False, **recipe: object) -> Candidate:
    chosen = preset("dense-10")
    settings: dict[str, object] = {"batch_size": 10, "keep": "last", "patience": None} | recipe
    training = replace(chosen.training, **settings)  # type: ignore[arg-type]
    network = replace(chosen, depth=3, width=8, plain=plain, training=training)
    return Candidate(name=name, preset=network)


def names(out: Path) -> list[str]:
    return sorted(path.parent.name for path in out.rglob("config.json"))


def test_the_best_trial_of_each_rung_goes_on_to_the_next(tmp_path: Path, images: Path) -> None:
    of = trainings(tmp_path, images)
    [found] = search(of, [candidate()], SMALL)
    folder = tmp_path / "runs" / "small"
    first = {n: last_loss(Run(folder / f"trial-{n:02d}-epochs-1")) for n in range(3)}
    left = sorted(first, key=lambda number: first[number])[:2]
    second = {n: last_loss(Run(folder / f"trial-{n:02d}-epochs-2")) for n in left}
    best = min(second, key=lambda number: second[number])
    assert names(tmp_path) == sorted(
        [
            "best-epochs-3",
            *(f"trial-{n:02d}-epochs-1" for n in range(3)),
            *(f"trial-{n:02d}-epochs-2" for n in left),
        ]
    )
    assert found.settings == draw_settings(candidate().preset, best) | {"drop_factor": 0.4642}
    assert found.run.path == folder / "best-epochs-3"
    training = found.run.config().training
    assert training.learning_rate == found.settings["learning_rate"]
    assert (training.optimizer, training.schedule, training.epochs) == ("sgd", "exponential", 3)
    assert len(found.losses) == 3
    assert found.test_accuracy == found.run.metrics()[-1]["test_accuracy"]


def test_the_rate_of_the_full_training_falls_to_a_tenth(tmp_path: Path, images: Path) -> None:
    small = Halving(rungs=(Rung(trials=1, epochs=1),), epochs=2)
    [found] = search(trainings(tmp_path, images), [candidate()], small)
    assert found.run.config().training.drop_factor == 0.3162  # its square is 0.1


def test_the_same_search_trains_nothing_again_in_the_precision_of_the_user(
    tmp_path: Path, images: Path
) -> None:
    small = Halving(rungs=(Rung(trials=1, epochs=1),), epochs=1, precision="bf16-mixed")
    [first] = search(trainings(tmp_path, images), [candidate()], small)
    before = written_at(tmp_path)
    [second] = search(trainings(tmp_path, images), [candidate()], small)
    assert written_at(tmp_path) == before
    assert (first.settings, first.losses) == (second.settings, second.losses)
    runs = [Run(path.parent) for path in tmp_path.rglob("config.json")]
    assert [run.config().training.precision for run in runs] == ["bf16-mixed"] * 2


def test_no_rung_trains_longer_than_the_best_settings(tmp_path: Path, images: Path) -> None:
    [found] = search(trainings(tmp_path, images), [candidate()], replace(SMALL, epochs=1))
    assert names(tmp_path) == [
        "best-epochs-1",
        *(f"trial-{number:02d}-epochs-1" for number in range(3)),
    ]
    assert len(found.losses) == 1


def test_a_search_whose_trials_all_diverge_has_an_outcome(tmp_path: Path, images: Path) -> None:
    small = Halving(rungs=(Rung(trials=2, epochs=1),), epochs=1)
    [found] = search(trainings(tmp_path, images), [candidate(weight_decay=1e38)], small)
    first = draw_settings(candidate().preset, 0)  # of equal ones
    assert found.settings == first | {"drop_factor": 0.1}
    assert (found.losses, found.test_accuracy) == ([], None)
    assert last_loss(found.run) == math.inf


def test_drawn_settings_depend_on_the_seed_and_the_number_only() -> None:
    highway = candidate().preset
    assert draw_settings(highway, 1) == draw_settings(highway, 1) != draw_settings(highway, 2)
    other = replace(highway, training=replace(highway.training, seed=1))
    assert draw_settings(highway, 1) != draw_settings(other, 1)
    assert "gate_bias" in draw_settings(highway, 1)
    assert "gate_bias" not in draw_settings(candidate(plain=True).preset, 1)


def test_losses_are_those_of_complete_epochs(tmp_path: Path) -> None:
    finished = written(Run(tmp_path / "finished"), 2.0, 0.5)
    lost = written(Run(tmp_path / "lost"), 2.0, diverged=True)
    never = written(Run(tmp_path / "never"), diverged=True)
    again = written(Run(tmp_path / "again"), diverged=True)
    (again.path / "metrics.jsonl").touch()  # resumed before its first epoch was complete
    assert [training_losses(run) for run in (finished, lost, never, again)] == [
        [2.0, 0.5],
        [2.0],
        [],
        [],
    ]
    assert [last_loss(run) for run in (finished, lost, never)] == [0.5, math.inf, math.inf]
    found = Found(candidate=candidate(), settings={}, run=lost)
    assert (found.losses, found.test_accuracy) == ([2.0], None)
