from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.data.dataset import Dataset
from models.evaluation import evaluate
from models.pruning.attempts import as_it_is, finetuned, finetuning, forget, take
from models.pruning.ledger import Plan
from models.pruning.reduction import Reduced, reduced
from models.recipe import TrainConfig
from models.run import Run

PLAN = Plan(run="runs/known", finetune_epochs=2)


@pytest.fixture(scope="module")
def dataset(known: Run) -> Dataset:
    return known.dataset()


@pytest.fixture(scope="module")
def smaller(known: Run, dataset: Dataset) -> Reduced:
    """The known network without layers 2 and 3."""
    return reduced(known.network(), known.config(), dataset, (2, 3))


def weights(run: Run) -> bytes:
    return (run.path / "model.safetensors").read_bytes()


def new(path: Path) -> Run:
    path.mkdir()
    return Run(path)


def test_fine_tuning_is_the_training_short_gentle_and_on_one_cycle() -> None:
    training = TrainConfig(
        epochs=60, learning_rate=0.01, schedule="steps", drop_epochs=(9,), patience=3, seed=7
    )
    assert finetuning(training, PLAN) == replace(
        training, epochs=2, learning_rate=0.003, schedule="one-cycle", patience=None
    )


def test_the_plan_can_name_the_learning_rate() -> None:
    assert finetuning(TrainConfig(), replace(PLAN, learning_rate=0.5)).learning_rate == 0.5


@pytest.mark.parametrize(
    ("trained", "tuned"),
    [("32-true", "32-true"), ("bf16-mixed", "bf16-mixed"), ("16-mixed", "32-true")],
)
def test_what_only_a_gpu_trains_is_fine_tuned_in_full_precision(trained: str, tuned: str) -> None:
    training = replace(TrainConfig(), precision=trained)  # type: ignore[arg-type]
    assert finetuning(training, PLAN).precision == tuned


def test_an_attempt_is_a_finished_run_of_its_own(
    tmp_path: Path, smaller: Reduced, dataset: Dataset
) -> None:
    run = finetuned(Run(tmp_path), smaller, dataset, PLAN, 2)
    assert run is not None
    assert run.path == tmp_path / "attempts" / "2-removed"
    training = finetuning(smaller.config.training, PLAN)
    assert run.config() == replace(smaller.config, training=training)
    assert [line["epoch"] for line in run.metrics()[:-1]] == [1, 2]
    assert run.metrics()[-1]["parameters"] == smaller.network.parameter_count()
    assert len(run.baseline()["overall"]["mean"]) == 2


def test_fine_tuning_begins_with_the_weights_that_are_left(
    tmp_path: Path, smaller: Reduced, dataset: Dataset
) -> None:
    run = finetuned(Run(tmp_path), smaller, dataset, replace(PLAN, learning_rate=1e-9), 2)
    assert run is not None
    start, end = smaller.network.state_dict(), run.network().state_dict()
    for name, value in end.items():
        torch.testing.assert_close(value, start[name], rtol=0, atol=1e-5)


def test_a_pruned_network_is_fine_tuned_at_a_share_of_the_first_trainings_rate(
    tmp_path: Path, smaller: Reduced, dataset: Dataset
) -> None:
    first = finetuned(new(tmp_path / "first"), smaller, dataset, PLAN, 2)
    assert first is not None
    again = reduced(first.network(), first.config(), dataset, (4,))
    second = finetuned(new(tmp_path / "second"), again, dataset, PLAN, 1)
    assert second is not None
    assert second.config().training == first.config().training
    assert second.config().training.learning_rate == pytest.approx(0.3 * 0.01)


def test_a_finished_attempt_is_not_trained_again(
    tmp_path: Path, smaller: Reduced, dataset: Dataset
) -> None:
    first = finetuned(Run(tmp_path), smaller, dataset, PLAN, 2)
    assert first is not None
    metrics = (first.path / "metrics.jsonl").read_bytes()  # with the seconds that it took
    second = finetuned(Run(tmp_path), smaller, dataset, PLAN, 2)
    assert second is not None
    assert (second.path / "metrics.jsonl").read_bytes() == metrics


def test_an_attempt_interrupted_before_its_configuration_was_whole_begins_anew(
    tmp_path: Path, smaller: Reduced, dataset: Dataset
) -> None:
    whole = finetuned(new(tmp_path / "whole"), smaller, dataset, PLAN, 2)
    half = tmp_path / "half" / "attempts" / "2-removed"
    half.mkdir(parents=True)
    (half / "config.json.partial").write_text('{"format": 2, "pre')
    again = finetuned(Run(tmp_path / "half"), smaller, dataset, PLAN, 2)
    assert whole is not None
    assert again is not None
    assert weights(again) == weights(whole)


def test_an_attempt_interrupted_after_its_last_epoch_ends_with_the_same_weights(
    tmp_path: Path, smaller: Reduced, dataset: Dataset
) -> None:
    run = finetuned(Run(tmp_path), smaller, dataset, PLAN, 2)
    assert run is not None
    expected = weights(run)
    (run.path / "model.safetensors").unlink()
    again = finetuned(Run(tmp_path), smaller, dataset, PLAN, 2)
    assert again is not None
    assert weights(again) == expected


def test_a_fine_tuning_whose_loss_is_no_number_is_none(
    tmp_path: Path, smaller: Reduced, dataset: Dataset
) -> None:
    assert finetuned(Run(tmp_path), smaller, dataset, replace(PLAN, learning_rate=1e30), 2) is None
    assert not Run(tmp_path / "attempts" / "2-removed").finished


def test_a_network_as_it_is_becomes_a_finished_run(
    tmp_path: Path, smaller: Reduced, dataset: Dataset
) -> None:
    run = as_it_is(Run(tmp_path), smaller, dataset, 2)
    assert run.path == tmp_path / "attempts" / "2-removed-as-it-is"
    assert run.config() == smaller.config
    for name, value in run.network().state_dict().items():
        assert torch.equal(value, smaller.network.state_dict()[name])
    test = evaluate(smaller.network, dataset.test)
    assert run.metrics() == [
        {
            "test_rows": 16,
            "test_accuracy": 1.0,
            "test_loss": round(test.loss, 6),
            "parameters": smaller.network.parameter_count(),
        }
    ]
    assert len(run.baseline()["overall"]["mean"]) == 2


def test_half_of_such_a_run_is_written_anew(
    tmp_path: Path, smaller: Reduced, dataset: Dataset
) -> None:
    half = tmp_path / "attempts" / "2-removed-as-it-is"
    half.mkdir(parents=True)
    (half / "metrics.jsonl").write_text('{"test_rows": 16}\n')
    assert len(as_it_is(Run(tmp_path), smaller, dataset, 2).metrics()) == 1


def test_an_attempt_that_is_taken_fills_the_directory_and_no_other_is_kept(
    tmp_path: Path, smaller: Reduced, dataset: Dataset
) -> None:
    out = Run(tmp_path)
    as_it_is(out, smaller, dataset, 1)
    attempt = as_it_is(out, smaller, dataset, 2)
    (attempt.path / "tensorboard").mkdir()
    (attempt.path / "tensorboard" / "events").write_text("2")
    (tmp_path / "config.json").write_text("half")  # of an interrupted taking
    (tmp_path / "tensorboard").mkdir()
    expected, files = weights(attempt), {path.name for path in attempt.path.iterdir()}
    take(attempt, out)
    assert {path.name for path in tmp_path.iterdir()} == files
    assert weights(out) == expected
    assert out.config() == smaller.config
    assert (tmp_path / "tensorboard" / "events").read_text() == "2"


def test_what_came_to_nothing_is_forgotten_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "attempts" / "2-removed").mkdir(parents=True)
    (tmp_path / "pruning.json").touch()
    (tmp_path / "precious.txt").touch()
    forget(Run(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]
    (tmp_path / "precious.txt").unlink()
    forget(Run(tmp_path))
    assert not tmp_path.exists()
