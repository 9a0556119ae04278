"""The checkpoint of a training: the trainer's state, and the weights of the best epoch.

A checkpoint is taken in memory after every epoch. It is written at most every few seconds, at the
end, and when the training is stopped, because writing takes longer than a short epoch.
"""

import copy
import io
import math
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint, EarlyStopping
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor

from models.directory import write_atomically

SECONDS = 5.0  # between two writes: a killed process loses at most the epochs of that time

State = dict[str, Any]


class DeferredCheckpoints(TorchCheckpointIO):
    """Lightning plugin that keeps the latest checkpoint of `path` in memory until it is due.

    Lightning's own files, by which a process returns its weights, are written at once.
    """

    def __init__(self, path: Path, *, seconds: float = SECONDS) -> None:
        super().__init__()
        self.path, self.seconds = path, seconds
        self.pending: State | None = None
        self.written = -math.inf  # the first epoch's checkpoint is written at once

    def save_checkpoint(
        self, checkpoint: State, path: str | Path, storage_options: Any = None
    ) -> None:
        """Copy the checkpoint, whose tensors the next step changes, and write it if it is due."""
        if Path(path) != self.path:
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        self.pending = copy.deepcopy(checkpoint)
        if time.monotonic() - self.written >= self.seconds:
            self.flush()

    def flush(self) -> None:
        """Write the latest checkpoint, unless that has been done."""
        if self.pending is None:
            return
        content = io.BytesIO()
        torch.save(self.pending, content)
        write_atomically(self.path, content.getvalue())
        self.pending, self.written = None, time.monotonic()


class EpochKeeper(Checkpoint):
    """Lightning callback that checkpoints every epoch and keeps the best epoch's weights.

    The best epoch has the lowest validation loss, the earlier one of equals. With `best` False, or
    without validation rows, no weights are kept: the last epoch's are the trainer's.
    """

    def __init__(self, writer: DeferredCheckpoints, *, best: bool) -> None:
        self.writer, self.best = writer, best
        self.epoch = 0  # from 1; 0 before the first
        self.loss = math.inf
        self.weights: dict[str, Tensor] | None = None

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the epoch if it is the best, and checkpoint the training."""
        loss = trainer.callback_metrics.get("validation_loss")
        if not self.best or loss is None:
            self.epoch = trainer.current_epoch + 1
        elif float(loss) < self.loss:
            self.epoch, self.loss = trainer.current_epoch + 1, float(loss)
            self.weights = _copied(pl_module.state_dict())
        trainer.save_checkpoint(self.writer.path)

    def on_train_end(self, *_args: Any) -> None:
        """Write the last checkpoint."""
        self.writer.flush()

    def on_exception(self, *_args: Any) -> None:
        """Write the checkpoint of the last complete epoch of a stopped training."""
        self.writer.flush()

    def state_dict(self) -> State:
        """Return the kept epoch for the checkpoint."""
        return {"epoch": self.epoch, "loss": self.loss, "weights": self.weights}

    def load_state_dict(self, state_dict: State) -> None:
        """Continue with the kept epoch of a checkpoint."""
        self.epoch, self.loss = state_dict["epoch"], state_dict["loss"]
        self.weights = state_dict["weights"]


class ResumableStopping(EarlyStopping):
    """Early stopping that stays in effect when a stopped training is resumed."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop before an epoch that the uninterrupted training would not have run."""
        trainer.should_stop = trainer.should_stop or self.wait_count >= self.patience


def kept_epoch(checkpoint: State) -> tuple[int, dict[str, Tensor]]:
    """Return the number of the epoch to keep, from 1, and the training's weights after it."""
    kept: State = checkpoint["callbacks"].get(EpochKeeper.__qualname__, {})
    if kept.get("weights") is None:
        return checkpoint["epoch"] + 1, checkpoint["state_dict"]
    return kept["epoch"], kept["weights"]


def load_checkpoint(path: Path) -> State:
    """Read a checkpoint; tensors are on the CPU."""
    state: State = torch.load(path, weights_only=True, map_location="cpu")
    return state


def _copied(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in weights.items()}
