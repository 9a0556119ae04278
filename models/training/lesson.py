"""What Lightning repeats: one step on a batch, one account of every epoch."""

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
from models.training.augmentation import move_images
from models.training.batches import Batch, epoch_seed
from models.training.optimizers import optimizer, schedule
from models.training.progress import TrainingProgress
from models.training.quiet import silence


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
        image = dataset.input.kind == "image"
        self.moves = image and bool(
            config.shift or config.turn_degrees or config.stretch or config.mirror
        )
        self.loss_sum = torch.zeros(())
        self.epoch_began = 0.0

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Arrive in another process, where Lightning has not been silenced yet."""
        silence()
        super().__setstate__(state)  # type: ignore[no-untyped-call]

    def on_train_start(self) -> None:
        """Forget the metrics of an epoch that was not kept, when a training is gone on with."""
        if self.global_rank == 0:
            self.run.keep_epochs(self.current_epoch)

    def on_train_epoch_start(self) -> None:
        """Begin the epoch's account."""
        self.loss_sum = torch.zeros((), device=self.device)
        self.epoch_began = time.perf_counter()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Start every random draw of the epoch from the seed and the epoch's number.

        Not earlier: torch's loader draws a number when it begins an epoch, and in a resumed
        training that is before the epoch's own start.
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
        """Score the validation rows and write the epoch's line."""
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
        """Move the images of a batch at random; a table's rows stay as they are."""
        if not self.moves:
            return x
        config = self.config
        return move_images(
            x,
            shape=self.dataset.input.shape,
            shift=config.shift,
            turn_degrees=config.turn_degrees,
            stretch=config.stretch,
            mirror=config.mirror,
        )

    def configure_optimizers(self) -> Any:
        """Return optimiser and schedule as Lightning takes them."""
        chosen = optimizer(self.network, self.config)
        steps = int(self.trainer.estimated_stepping_batches)
        plan = schedule(chosen, self.config, steps=steps)
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
        """Score the validation rows, each process its share of them; None where there are none."""
        processes = self.trainer.world_size
        share = self.dataset.validation.take(slice(self.global_rank, None, processes))
        mine = evaluate(self.network, share) if len(share) else None
        if processes == 1:
            return mine
        shares: list[Evaluation | None] = [None] * processes
        distributed.all_gather_object(shares, mine)
        found = [share for share in shares if share is not None]
        return merge(found) if found else None
