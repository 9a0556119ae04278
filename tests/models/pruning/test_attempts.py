from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.data.dataset import Dataset, Part
from models.evaluation import evaluate
from models.networks.layers import HighwayDense
from models.pruning.attempts import (
    Reduced,
    accept,
    discard,
    fine_tune,
    finetune_config,
    keep_weights,
    reduced,
)
from models.pruning.record import Plan
from models.recipe import TrainConfig
from models.run import Run
from models.run_config import Pruning
from tests.models.pruning.conftest import known_network, logits, weights

PLAN = Plan(run="runs/known", finetune_epochs=2)


@pytest.fixture(scope="module")
def dataset(known: Run) -> Dataset:
    return known.dataset()


@pytest.fixture(scope="module")
def smaller(known: Run, dataset: Dataset) -> Reduced:
    """The known network without layers 2 and 3."""
    return reduced(known.network(), known.config(), dataset, (2, 3))


def new_run(path: Path) -> Run:
    path.mkdir()
    return Run(path)


def test_fine_tuning_has_fewer_epochs_and_a_lower_rate_on_one_cycle() -> None:
    training = TrainConfig(
        epochs=60, learning_rate=0.01, schedule="steps", drop_epochs=(9,), patience=3, seed=7
    )
    assert finetune_config(training, PLAN) == replace(
        training, epochs=2, learning_rate=0.003, schedule="one-cycle", patience=None
    )


def test_the_plan_can_set_the_learning_rate() -> None:
    assert finetune_config(TrainConfig(), replace(PLAN, learning_rate=0.5)).learning_rate == 0.5


@pytest.mark.parametrize(
    ("trained", "tuned"),
    [("32-true", "32-true"), ("bf16-mixed", "bf16-mixed"), ("16-mixed", "32-true")],
)
def test_a_float16_training_is_fine_tuned_in_float32(trained: str, tuned: str) -> None:
    training = replace(TrainConfig(), precision=trained)  # type: ignore[arg-type]
    assert finetune_config(training, PLAN).precision == tuned


def test_an_attempt_is_a_finished_run(tmp_path: Path, smaller: Reduced, dataset: Dataset) -> None:
    run = fine_tune(Run(tmp_path), smaller, dataset, PLAN, 2)
    assert run is not None
    assert run.path == tmp_path / "attempts" / "2-removed"
    training = finetune_config(smaller.config.training, PLAN)
    assert run.config() == replace(smaller.config, training=training)
    assert [line["epoch"] for line in run.metrics()[:-1]] == [1, 2]
    assert run.metrics()[-1]["parameters"] == smaller.network.parameter_count()
    assert len(run.baseline()["overall"]["mean"]) == 2


def test_fine_tuning_starts_with_the_remaining_weights(
    tmp_path: Path, smaller: Reduced, dataset: Dataset
) -> None:
    run = fine_tune(Run(tmp_path), smaller, dataset, replace(PLAN, learning_rate=1e-9), 2)
    assert run is not None
    start, end = smaller.network.state_dict(), run.network().state_dict()
    for name, value in end.items():
        torch.testing.assert_close(value, start[name], rtol=0, atol=1e-5)


def test_a_second_pruning_is_fine_tuned_at_the_rate_of_the_first(
    tmp_path: Path, smaller: Reduced, dataset: Dataset
) -> None:
    first = fine_tune(new_run(tmp_path / "first"), smaller, dataset, PLAN, 2)
    assert first is not None
    again = reduced(first.network(), first.config(), dataset, (4,))
    second = fine_tune(new_run(tmp_path / "second"), again, dataset, PLAN, 1)
    assert second is not None
    assert second.config().training == first.config().training
    assert second.config().training.learning_rate == pytest.approx(0.3 * 0.01)


def test_a_finished_attempt_is_not_repeated(
    tmp_path: Path, smaller: Reduced, dataset: Dataset
) -> None:
    first = fine_tune(Run(tmp_path), smaller, dataset, PLAN, 2)
    assert first is not None
    metrics = (first.path / "metrics.jsonl").read_bytes()  # with its seconds
    second = fine_tune(Run(tmp_path), smaller, dataset, PLAN, 2)
    assert second is not None
    assert (second.path / "metrics.jsonl").read_bytes() == metrics


def test_an_attempt_interrupted_before_its_configuration_starts_again(
    tmp_path: Path, smaller: Reduced, dataset: Dataset
) -> None:
    uninterrupted = fine_tune(new_run(tmp_path / "uninterrupted"), smaller, dataset, PLAN, 2)
    half = tmp_path / "half" / "attempts" / "2-removed"
    half.mkdir(parents=True)
    (half / "config.json.partial").write_text('{"format": 2, "pre')
    again = fine_tune(Run(tmp_path / "half"), smaller, dataset, PLAN, 2)
    assert uninterrupted is not None
    assert again is not None
    assert weights(again) == weights(uninterrupted)


def test_an_attempt_interrupted_after_its_last_epoch_ends_with_the_same_weights(
    tmp_path: Path, smaller: Reduced, dataset: Dataset
) -> None:
    run = fine_tune(Run(tmp_path), smaller, dataset, PLAN, 2)
    assert run is not None
    expected = weights(run)
    (run.path / "model.safetensors").unlink()
    again = fine_tune(Run(tmp_path), smaller, dataset, PLAN, 2)
    assert again is not None
    assert weights(again) == expected


def test_a_fine_tuning_that_diverges_returns_none(
    tmp_path: Path, smaller: Reduced, dataset: Dataset
) -> None:
    assert fine_tune(Run(tmp_path), smaller, dataset, replace(PLAN, learning_rate=1e30), 2) is None
    assert not Run(tmp_path / "attempts" / "2-removed").finished


def test_a_network_without_fine_tuning_is_a_finished_run(
    tmp_path: Path, smaller: Reduced, dataset: Dataset
) -> None:
    run = keep_weights(Run(tmp_path), smaller, dataset, 2)
    assert run.path == tmp_path / "attempts" / "2-removed-without-fine-tuning"
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


def test_an_incomplete_run_without_fine_tuning_is_written_again(
    tmp_path: Path, smaller: Reduced, dataset: Dataset
) -> None:
    half = tmp_path / "attempts" / "2-removed-without-fine-tuning"
    half.mkdir(parents=True)
    (half / "metrics.jsonl").write_text('{"test_rows": 16}\n')
    assert len(keep_weights(Run(tmp_path), smaller, dataset, 2).metrics()) == 1


def test_an_accepted_attempt_fills_the_directory_and_all_attempts_are_removed(
    tmp_path: Path, smaller: Reduced, dataset: Dataset
) -> None:
    out = Run(tmp_path)
    keep_weights(out, smaller, dataset, 1)
    attempt = keep_weights(out, smaller, dataset, 2)
    (attempt.path / "tensorboard").mkdir()
    (attempt.path / "tensorboard" / "events").write_text("2")
    (tmp_path / "config.json").write_text("half")  # of an interrupted copy
    (tmp_path / "tensorboard").mkdir()
    expected, files = weights(attempt), {path.name for path in attempt.path.iterdir()}
    accept(attempt, out)
    assert {path.name for path in tmp_path.iterdir()} == files
    assert weights(out) == expected
    assert out.config() == smaller.config
    assert (tmp_path / "tensorboard" / "events").read_text() == "2"


def test_discarding_a_pruning_keeps_other_files(tmp_path: Path) -> None:
    (tmp_path / "attempts" / "2-removed").mkdir(parents=True)
    (tmp_path / "pruning.json").touch()
    (tmp_path / "precious.txt").touch()
    discard(Run(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]
    (tmp_path / "precious.txt").unlink()
    discard(Run(tmp_path))
    assert not tmp_path.exists()


def rows(*values: float) -> Part:
    x = np.array(values, np.float32)[:, None]
    return Part(x=x, y=((x[:, 0] < 1) | (x[:, 0] > 2)).astype(np.int64))


def test_layers_are_removed_then_gates_folded_then_units_dropped(
    known: Run, dataset: Dataset
) -> None:
    smaller = reduced(known.network(), known.config(), dataset, (2, 3))
    assert smaller.config.pruning == Pruning(
        trained_layers=4,
        removed=(2, 3),
        constant_gates=(1,),
        dropped_units=1,
        trained=known.config().training,
    )
    first, last = smaller.config.network.highway_blocks
    assert (first.number, first.constant_gate, first.width) == (1, True, 3)
    assert (last.number, last.constant_gate, last.width) == (4, False, 3)
    assert smaller.network.config == smaller.config.network
    assert evaluate(smaller.network, dataset.test).accuracy == 1.0


def test_the_rest_of_the_configuration_stays_unchanged(known: Run, dataset: Dataset) -> None:
    before = known.config()
    after = reduced(known.network(), before, dataset, (2,)).config
    assert replace(after, network=before.network, pruning=None) == before


def test_a_second_pruning_extends_the_list_of_removed_parts(known: Run, dataset: Dataset) -> None:
    first = reduced(known.network(), known.config(), dataset, (2,))
    finetuning = TrainConfig(epochs=1)
    second = reduced(first.network, replace(first.config, training=finetuning), dataset, (4,))
    assert second.config.pruning == Pruning(
        trained_layers=4,
        removed=(2, 4),
        constant_gates=(1, 3),
        dropped_units=2,  # without layer 4 the third unit is dead too
        trained=known.config().training,
    )
    assert second.config.training == finetuning
    assert [block.number for block in second.network.config.highway_blocks] == [1, 3]


def test_a_layer_with_constant_gates_that_is_removed_is_listed_once(
    known: Run, dataset: Dataset
) -> None:
    first = reduced(known.network(), known.config(), dataset, (2,))
    second = reduced(first.network, first.config, dataset, (3,))
    assert second.config.pruning is not None
    assert (second.config.pruning.removed, second.config.pruning.constant_gates) == ((2, 3), (1,))


def test_a_network_can_be_reduced_without_removing_layers(known: Run, dataset: Dataset) -> None:
    smaller = reduced(known.network(), known.config(), dataset, ())
    assert smaller.config.pruning is not None
    assert smaller.config.pruning.removed == ()
    assert smaller.config.pruning.constant_gates == (1, 2, 3)


def test_gates_are_not_folded_if_accuracy_would_fall(known: Run, dataset: Dataset) -> None:
    # Layer 1's second gate opens only above 5, where there are no training rows.
    network = known_network()
    layer = network.blocks[1]
    assert isinstance(layer, HighwayDense)
    layer.branches.weight.data[5, 0] = 100.0
    layer.branches.bias.data[5] = -500.0
    other = replace(dataset, validation=rows(0.5, 1.5, 9.0))
    folded = reduced(network, known.config(), replace(dataset, validation=rows(0.5, 1.5)), (2, 3))
    assert folded.network.config.highway_blocks[0].constant_gate
    kept = reduced(network, known.config(), other, (2, 3))
    assert not kept.network.config.highway_blocks[0].constant_gate
    assert evaluate(kept.network, other.validation).accuracy == 1.0


def test_units_are_not_dropped_if_accuracy_would_fall(known: Run, dataset: Dataset) -> None:
    # The second unit is 0 for training rows below 2, but validation rows above 2 need it.
    other = replace(dataset, train=rows(0.5, 1.5, 1.6), validation=rows(0.5, 1.5, 3.0))
    smaller = reduced(known.network(), known.config(), other, (2, 3))
    assert evaluate(smaller.network, other.validation).accuracy == 1.0
    assert smaller.config.pruning is not None
    assert smaller.config.pruning.dropped_units == 0
    assert smaller.network.config.highway_blocks[0].width == 4


def test_reducing_does_not_change_the_original_network(known: Run, dataset: Dataset) -> None:
    network = known.network()
    before = logits(network, dataset.test)
    reduced(network, known.config(), dataset, (1, 2, 3))
    assert torch.equal(logits(network, dataset.test), before)
    assert network.config == known_network().config
