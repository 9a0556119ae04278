import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.batches import Batch
from models.data.bundled import load
from models.errors import ConfigError
from models.presets import DensePreset
from models.run import DataConfig, Run, RunConfig, TrainConfig
from models.training import HighwayTraining, train


def small(**training: float) -> RunConfig:
    data = load("digits")
    return RunConfig(
        preset="custom",
        source_revision="unknown",
        data=DataConfig.of(data),
        network=DensePreset(depth=3, width=8).network(features=64, classes=10),
        training=replace(TrainConfig(epochs=2), **training),  # type: ignore[arg-type]
    )


def trained(path: Path, config: RunConfig) -> Run:
    run = Run.create(path, config)
    train(run, config, load("digits"))
    return run


def test_training_learns(tmp_path: Path) -> None:
    config = small(epochs=12, shift=0, turn_degrees=0, stretch=0)
    scores = train(Run.create(tmp_path / "run", config), config, load("digits"))
    assert scores.rows == 180
    assert scores.accuracy > 0.7  # by chance: 0.1


def test_the_same_seed_gives_the_same_weights_byte_for_byte(tmp_path: Path) -> None:
    first, second = (trained(tmp_path / name, small()) for name in ("first", "second"))
    other = trained(tmp_path / "other", small(seed=1))
    weights = [(run.path / "model.safetensors").read_bytes() for run in (first, second, other)]
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


def test_a_checkpoint_holds_what_resuming_needs(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", small())
    checkpoint = torch.load(run.path / "checkpoint.ckpt", weights_only=True)
    assert checkpoint["epoch"] == 1
    assert checkpoint["optimizer_states"][0]["state"]
    assert checkpoint["lr_schedulers"]


class PowerCutError(Exception):
    """Stands for whatever ends a training in the middle of an epoch."""


def test_an_interrupted_training_goes_on_to_the_same_weights_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, data = small(epochs=4), load("digits")
    whole = trained(tmp_path / "whole", config)
    step = HighwayTraining.training_step

    def interrupted(self: HighwayTraining, batch: Batch, batch_idx: int) -> Tensor:
        if (self.current_epoch, batch_idx) == (2, 7):
            raise PowerCutError
        return step(self, batch, batch_idx)

    run = Run.create(tmp_path / "interrupted", config)
    with monkeypatch.context() as patch:
        patch.setattr(HighwayTraining, "training_step", interrupted)
        with pytest.raises(PowerCutError):
            train(run, config, data)
    train(run, config, data)
    weights = [(path / "model.safetensors").read_bytes() for path in (whole.path, run.path)]
    assert weights[0] == weights[1]
    assert [line.get("epoch") for line in run.metrics()] == [1, 2, 3, 4, None]


def test_weights_decay_and_biases_do_not(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", small())
    groups = torch.load(run.path / "checkpoint.ckpt", weights_only=True)["optimizer_states"][0]
    decays = {
        parameter: group["weight_decay"]
        for group in groups["param_groups"]
        for parameter in group["params"]
    }
    # 4 weight matrices (first, two highway layers, output) come first, then their 4 biases.
    assert list(decays.values()) == [0.01] * 4 + [0.0] * 4


def test_each_epoch_leaves_a_line_of_metrics(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", small())
    first = json.loads((run.path / "metrics.jsonl").read_text().splitlines()[0])
    assert set(first) == {
        *("epoch", "train_loss", "validation_loss", "validation_accuracy", "openness", "seconds")
    }
    assert 0 < first["openness"] < 1


def test_an_images_pixels_share_one_mean_and_spread(tmp_path: Path) -> None:
    network = trained(tmp_path / "run", small()).network()
    pixels = torch.from_numpy(load("digits").train.x)
    assert network.input_mean.tolist() == pytest.approx([float(pixels.mean())] * 64)
    assert network.input_spread.tolist() == pytest.approx([float(pixels.std())] * 64)


def test_images_move_during_training_unless_told_not_to(tmp_path: Path) -> None:
    data, x = load("digits"), torch.from_numpy(load("digits").train.x[:5])
    network = trained(tmp_path / "run", small()).network()
    moving = HighwayTraining(network, data, Run(tmp_path), TrainConfig())
    still = HighwayTraining(
        network, data, Run(tmp_path), TrainConfig(shift=0, turn_degrees=0, stretch=0)
    )
    assert not torch.equal(moving.augmented(x), x)
    assert torch.equal(still.augmented(x), x)


def test_a_loss_that_is_no_number_stops_the_training_with_advice(tmp_path: Path) -> None:
    config = small(learning_rate=1e30)
    with pytest.raises(ConfigError) as error:
        trained(tmp_path / "run", config)
    assert str(error.value) == "epoch 1: expected a finite loss, found nan; lower --learning-rate"
