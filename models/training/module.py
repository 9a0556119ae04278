"""Lightning module: the loss of a batch, and one row of metrics per epoch."""

import math
import time
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, distributed
from torch.nn import functional

from models.data.dataset import Dataset
from models.errors import DivergedError
from models.evaluation import Evaluation, evaluate, merge
from models.networks.network import HighwayClassifier
from models.recipe import TrainConfig
from models.run import Run
from models.training.batches import Batch, augment_images, epoch_seed
from models.training.logging import quiet_lightning_logs
from models.training.optimizers import optimizer, schedule
from models.training.progress import TrainingProgress


class HighwayTraining(LightningModule):
    """Training of one network; appends one line to the run's metrics after each epoch."""

    def __init__(
        self, network: HighwayClassifier, dataset: Dataset, run: Run, config: TrainConfig
    ) -> None:
        super().__init__()
        self.network = network
        self.dataset = dataset
        self.run = run
        self.config = config
        self.progress = TrainingProgress()
        self.augments = dataset.input.kind == "image" and config.augments_images
        self.loss_sum = torch.zeros(())
        self.epoch_began = 0.0

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Unpickle in a spawned process, where Lightning's log levels are not set yet."""
        quiet_lightning_logs()
        super().__setstate__(state)  # type: ignore[no-untyped-call]

    def on_train_start(self) -> None:
        """Remove metrics of epochs that the checkpoint of a resumed training does not contain."""
        if self.global_rank == 0:
            self.run.keep_epochs(self.current_epoch)

    def on_train_epoch_start(self) -> None:
        """Reset the sum of the losses and the epoch's start time."""
        self.loss_sum = torch.zeros((), device=self.device)
        self.epoch_began = time.perf_counter()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed torch from the seed and the epoch's number at the epoch's first batch.

        Earlier would be wrong: torch's loader draws a number when it begins an epoch, and in a
        resumed training it does so before `on_train_epoch_start`.
        """
        if batch_idx == 0:
            processes, rank = self.trainer.world_size, self.global_rank
            torch.manual_seed(epoch_seed(self.config.seed, self.current_epoch) * processes + rank)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the mean cross-entropy of one batch, in nats."""
        x, y = batch
        logits, _ = self.network(self.augmented(x))
        loss = functional.cross_entropy(logits, y)
        # Summed here and read once an epoch: Lightning's own log would cost as much as the step.
        self.loss_sum += loss.detach()
        return loss

    def on_train_epoch_end(self) -> None:
        """Score the validation rows and append the epoch's metrics."""
        loss = self._mean_loss()
        self._check_finite("loss", loss)
        validation = self._validation()
        metrics = {"train_loss": loss}
        if validation is not None:
            self._check_finite("validation loss", validation.loss)
            metrics["validation_loss"] = validation.loss
            metrics["validation_accuracy"] = validation.accuracy
            if validation.openness:
                metrics["openness"] = validation.mean_openness
        self.log_dict(metrics)  # for early stopping and TensorBoard
        if self.global_rank == 0:
            self.run.append_metrics(
                epoch=self.current_epoch + 1,
                **{name: round(value, 6) for name, value in metrics.items()},
                seconds=round(time.perf_counter() - self.epoch_began, 3),
            )
        self.progress.show(loss=loss, validation=validation)

    def augmented(self, x: Tensor) -> Tensor:
        """Return the rows of a batch, images augmented at random, table rows unchanged."""
        return augment_images(x, self.dataset.input.shape, self.config) if self.augments else x

    def configure_optimizers(self) -> Any:
        """Return the optimizer and its schedule in Lightning's format."""
        chosen = optimizer(self.network, self.config)
        plan = schedule(chosen, self.config, steps=int(self.trainer.estimated_stepping_batches))
        return chosen if plan is None else {"optimizer": chosen, "lr_scheduler": plan}

    def _check_finite(self, name: str, loss: float) -> None:
        if not math.isfinite(loss):
            raise DivergedError(
                f"epoch {self.current_epoch + 1}: expected a finite {name}, found {loss}; "
                "lower --learning-rate"
            )

    def _mean_loss(self) -> float:
        mean = self.loss_sum / int(self.trainer.num_training_batches)
        return float(self.trainer.strategy.reduce(mean, reduce_op="mean"))

    def _validation(self) -> Evaluation | None:
        """Score the validation rows, each process a share of them; None without such rows."""
        processes = self.trainer.world_size
        share = self.dataset.validation.take(slice(self.global_rank, None, processes))
        own = evaluate(self.network, share) if len(share) else None
        if processes == 1:
            return own
        gathered: list[Evaluation | None] = [None] * processes
        distributed.all_gather_object(gathered, own)
        scored = [evaluation for evaluation in gathered if evaluation is not None]
        return merge(scored) if scored else None
