from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from models.training.checkpoints import (
    DeferredCheckpoints,
    EpochKeeper,
    kept_epoch,
    load_checkpoint,
)


class TrainerStub:
    """Stand-in for a trainer at the end of an epoch, counted from 0."""

    def __init__(self, epoch: int, loss: float | None) -> None:
        self.current_epoch = epoch
        self.callback_metrics = {} if loss is None else {"validation_loss": torch.tensor(loss)}

    def save_checkpoint(self, path: Path) -> None:
        pass


def module(weight: float) -> nn.Module:
    layer = nn.Linear(1, 1, bias=False)
    layer.weight.data.fill_(weight)
    return layer


def keeper(path: Path, losses: list[float | None], *, best: bool = True) -> EpochKeeper:
    """Return a keeper after epochs with these losses, whose weight is the epoch's number."""
    callback = EpochKeeper(DeferredCheckpoints(path / "c.ckpt"), best=best)
    for epoch, loss in enumerate(losses):
        callback.on_train_epoch_end(TrainerStub(epoch, loss), module(epoch + 1))  # type: ignore[arg-type]
    return callback


def checkpoint(callback: EpochKeeper, epochs: int) -> dict[str, Any]:
    return {
        "epoch": epochs - 1,
        "state_dict": module(epochs).state_dict(),
        "callbacks": {"EpochKeeper": callback.state_dict()},
    }


@pytest.mark.parametrize(
    ("losses", "expected"), [([3.0, 1.0, 2.0], 2), ([1.0, 1.0], 1), ([3.0, 2.0, 1.0], 3)]
)
def test_the_epoch_of_the_lowest_loss_is_kept_the_earlier_of_equals(
    tmp_path: Path, losses: list[float | None], expected: int
) -> None:
    epoch, weights = kept_epoch(checkpoint(keeper(tmp_path, losses), len(losses)))
    assert (epoch, weights["weight"].item()) == (expected, expected)


@pytest.mark.parametrize(("losses", "best"), [([1.0, 2.0], False), ([None, None], True)])
def test_without_a_best_epoch_the_last_is_kept(
    tmp_path: Path, losses: list[float | None], best: bool
) -> None:
    epoch, weights = kept_epoch(checkpoint(keeper(tmp_path, losses, best=best), 2))
    assert (epoch, weights["weight"].item()) == (2, 2)


def test_a_checkpoint_of_an_older_release_keeps_its_last_epoch() -> None:
    old = {"epoch": 6, "state_dict": module(7).state_dict(), "callbacks": {}}
    assert kept_epoch(old)[0] == 7


def test_a_resumed_keeper_continues_with_the_kept_epoch(tmp_path: Path) -> None:
    resumed = EpochKeeper(DeferredCheckpoints(tmp_path / "c.ckpt"), best=True)
    resumed.load_state_dict(keeper(tmp_path, [2.0, 1.0]).state_dict())
    resumed.on_train_epoch_end(TrainerStub(2, 1.5), module(3))  # type: ignore[arg-type]
    assert resumed.epoch == 2


def test_checkpoints_between_two_writes_stay_in_memory_as_they_were(tmp_path: Path) -> None:
    writer = DeferredCheckpoints(tmp_path / "c.ckpt")
    value = torch.zeros(1)
    for number in (1.0, 2.0, 3.0):
        value.fill_(number)
        writer.save_checkpoint({"value": value}, writer.path)
    assert load_checkpoint(writer.path)["value"].item() == 1
    value.fill_(4.0)  # the next step, which is not complete
    writer.flush()
    assert load_checkpoint(writer.path)["value"].item() == 3


def test_a_checkpoint_is_written_when_it_is_due(tmp_path: Path) -> None:
    writer = DeferredCheckpoints(tmp_path / "c.ckpt", seconds=0.0)
    for number in (1, 2):
        writer.save_checkpoint({"number": number}, writer.path)
    assert load_checkpoint(writer.path) == {"number": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["c.ckpt"]


def test_other_files_of_lightning_are_written_at_once(tmp_path: Path) -> None:
    writer = DeferredCheckpoints(tmp_path / "c.ckpt")
    for number in (1, 2):
        writer.save_checkpoint({"number": number}, tmp_path / "other")
    assert load_checkpoint(tmp_path / "other") == {"number": 2}
