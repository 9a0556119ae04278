"""Training with Lightning: AdamW on a one-cycle schedule, cross-entropy, clipped gradients."""

import logging
import math
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor, nn
from torch.nn import functional

from models.augmentation import move_images
from models.baseline import gate_baseline
from models.batches import Batch, epoch_seed, training_batches
from models.data.dataset import Dataset
from models.errors import ConfigError
from models.evaluation import Evaluation, evaluate
from models.network import HighwayClassifier, mean_gates
from models.progress import TrainingProgress
from models.run import CHECKPOINT, Run, RunConfig, TrainConfig


class HighwayTraining(LightningModule):
    """One network's training; writes a line of metrics after each epoch."""

    def __init__(
        self, network: HighwayClassifier, dataset: Dataset, run: Run, config: TrainConfig
    ) -> None:
        super().__init__()
        self.network = network
        self.dataset = dataset
        self.run = run
        self.config = config
        self.progress = TrainingProgress()
        self.draws = torch.Generator()

    def on_train_epoch_start(self) -> None:
        """Start every random draw of the epoch from the seed and the epoch's number."""
        seed = epoch_seed(self.config.seed, self.current_epoch)
        torch.manual_seed(seed)
        self.draws.manual_seed(seed)
        self.loss_sum, self.open_sum = torch.zeros(()), torch.zeros(())
        self.epoch_began = time.perf_counter()

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the mean cross-entropy of one batch, in nats."""
        x, y = batch
        logits, gates = self.network(self.augmented(x))
        loss = functional.cross_entropy(logits, y)
        # Summed here and read once an epoch: Lightning's own log would cost as much as the step.
        self.loss_sum += loss.detach()
        with torch.no_grad():
            self.open_sum += mean_gates(gates).mean()
        return loss

    def on_train_epoch_end(self) -> None:
        """Score the validation rows and write the epoch's line."""
        batches = int(self.trainer.num_training_batches)
        loss, openness = float(self.loss_sum) / batches, float(self.open_sum) / batches
        if not math.isfinite(loss):
            raise ConfigError(
                f"epoch {self.current_epoch + 1}: expected a finite loss, found {loss}; "
                "lower --learning-rate"
            )
        validation = evaluate(self.network, self.dataset.validation)
        self.run.append_metrics(
            epoch=self.current_epoch + 1,
            train_loss=round(loss, 6),
            validation_loss=round(validation.loss, 6),
            validation_accuracy=round(validation.accuracy, 6),
            openness=round(openness, 6),
            seconds=round(time.perf_counter() - self.epoch_began, 3),
        )
        self.progress.show(loss=loss, accuracy=validation.accuracy, openness=openness)

    def augmented(self, x: Tensor) -> Tensor:
        """Move the images of a batch at random; a table's rows stay as they are."""
        image, config = self.dataset.input, self.config
        if image.kind != "image" or not (config.shift or config.turn_degrees or config.stretch):
            return x
        return move_images(
            x,
            height=image.shape[0],
            width=image.shape[1],
            shift=config.shift,
            turn_degrees=config.turn_degrees,
            stretch=config.stretch,
            generator=self.draws,
        )

    def configure_optimizers(self) -> Any:
        """Decay weight matrices and no bias: decay on b_T would pull the gates open."""
        matrices = [p for p in self.network.parameters() if p.ndim > 1]
        biases = [p for p in self.network.parameters() if p.ndim == 1]
        groups = [
            {"params": matrices, "weight_decay": self.config.weight_decay},
            {"params": biases, "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=self.config.learning_rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=self.config.learning_rate,
            total_steps=int(self.trainer.estimated_stepping_batches),
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def train(run: Run, config: RunConfig, dataset: Dataset) -> Evaluation:
    """Train the network of `config`, fill the run directory, return the test scores.

    A run directory that holds a checkpoint is gone on with, from its last whole epoch, to the same
    weights as without the interruption.
    """
    torch.manual_seed(config.training.seed)
    network = HighwayClassifier(config.network)
    network.normalise(*_normalisation(dataset))
    training = HighwayTraining(network, dataset, run, config.training)
    batches = training_batches(
        dataset.train, batch_size=config.training.batch_size, seed=config.training.seed
    )
    began = time.perf_counter()
    with _quiet_lightning():
        trainer = Trainer(
            accelerator="cpu",
            max_epochs=config.training.epochs,
            gradient_clip_val=config.training.gradient_clip,
            callbacks=[training.progress, _checkpoints(run)],
            enable_model_summary=False,
            logger=False,
        )
        trainer.fit(training, batches, ckpt_path=run.checkpoint(), weights_only=True)
    test = evaluate(network, dataset.test)
    run.append_metrics(
        test_rows=test.rows,
        test_accuracy=round(test.accuracy, 6),
        test_loss=round(test.loss, 6),
        parameters=network.parameter_count(),
        seconds=round(time.perf_counter() - began, 3),
    )
    run.finish(network, gate_baseline(network, dataset))
    return test


def _normalisation(dataset: Dataset) -> tuple[Tensor, Tensor]:
    """Measure mean and spread, (features,): an image's pixels share theirs, columns do not."""
    x = torch.from_numpy(dataset.train.x).double()
    if dataset.input.kind == "image":
        mean, spread = (value.expand(x.shape[1]) for value in (x.mean(), x.std()))
    else:
        mean, spread = x.mean(dim=0), x.std(dim=0)
    # A constant column carries nothing; dividing by 1 keeps it finite.
    return mean.float(), nn.functional.threshold(spread, 1e-12, 1.0).float()


def _checkpoints(run: Run) -> ModelCheckpoint:
    return ModelCheckpoint(
        dirpath=run.path,
        filename=CHECKPOINT.removesuffix(".ckpt"),
        save_top_k=1,
        enable_version_counter=False,
    )


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Silence advice about devices and data workers that small data in memory has no use for."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
