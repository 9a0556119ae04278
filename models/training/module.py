"""Lightning module: the optimizer steps of a group of batches, and one row of metrics per epoch.

Lightning's calls around a training step take about a third of a small network's step. So one call
trains on a group of batches, and the steps are made here (Lightning's manual optimization).
"""

import math
import time
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, distributed
from torch.nn import functional
from torch.optim import Optimizer

from models.data.dataset import Dataset
from models.errors import DivergedError
from models.evaluation import Evaluation, class_weights, evaluate, merge
from models.networks.classifier import GatedClassifier
from models.recipe import TrainConfig
from models.run import Run
from models.training.batches import Batch, EpochSampler, augment_images, epoch_seed
from models.training.logging import quiet_lightning_logs
from models.training.optimizers import optimizer, schedule
from models.training.progress import TrainingProgress
from models.training.threads import steps_per_group


class HighwayTraining(LightningModule):
    """Training of one network; appends one line to the run's metrics after each epoch.

    Each process takes `share` rows of a batch; the last batch of an epoch may be smaller.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        network: GatedClassifier,
        dataset: Dataset,
        run: Run,
        config: TrainConfig,
        *,
        processes: int = 1,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.network = network
        self.dataset = dataset
        self.run = run
        self.config = config
        self.progress = TrainingProgress()
        self.augments = dataset.input.kind == "image" and config.augments_images
        self.loss_sum = torch.zeros(())
        self.epoch_began = 0.0
        self.sampler = EpochSampler(
            len(dataset.train),
            batch_size=config.batch_size,
            seed=config.seed,
            processes=processes,
            group=steps_per_group(network, config.batch_size),
        )
        self.share = config.batch_size // processes
        weights = None
        if config.class_weight == "balanced":
            weights = class_weights(dataset.train, classes=len(dataset.labels))
        self.register_buffer("class_weights", weights, persistent=False)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Unpickle in a spawned process, where Lightning's log levels are not set yet."""
        quiet_lightning_logs()
        super().__setstate__(state)  # type: ignore[no-untyped-call]

    def on_fit_start(self) -> None:
        """Divide the threads of this machine between its processes."""
        if self.config.threads is not None and self.trainer.world_size > 1:
            processes = self.trainer.world_size // self.trainer.num_nodes
            torch.set_num_threads(max(1, self.config.threads // processes))

    def on_train_start(self) -> None:
        """Remove metrics of epochs that the checkpoint of a resumed training does not contain."""
        if self.global_rank == 0:
            self.run.keep_epochs(self.current_epoch)

    def on_train_epoch_start(self) -> None:
        """Reset the sum of the losses and the epoch's start time."""
        self.loss_sum = torch.zeros((), device=self.device)
        self.epoch_began = time.perf_counter()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed torch from the seed and the epoch's number at the epoch's first group.

        Earlier would be wrong: torch's loader draws a number when it begins an epoch, and in a
        resumed training it does so before `on_train_epoch_start`.
        """
        if batch_idx == 0:
            processes, rank = self.trainer.world_size, self.global_rank
            torch.manual_seed(epoch_seed(self.config.seed, self.current_epoch) * processes + rank)

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Make an optimizer step for each batch of a group."""
        chosen, plan = self.optimizers(), self.lr_schedulers()
        by_step = plan if self.config.schedule == "one-cycle" else None
        for x, y in zip(*(rows.split(self.share) for rows in batch), strict=True):
            chosen.zero_grad()  # type: ignore[union-attr]
            loss = self.loss(x, y)
            self.manual_backward(loss)
            chosen.step()  # type: ignore[union-attr]
            if by_step is not None:
                by_step.step()  # type: ignore[union-attr]
            # Summed here and read once an epoch: Lightning's log would cost as much as the step.
            self.loss_sum += loss.detach()

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean cross-entropy of one batch, in nats, weighted by label."""
        logits, _ = self.network(self.augmented(x))
        # Divided by the rows and not by their weights, so that the gradient of a batch does not
        # depend on how many rows of a rare label it has.
        total = functional.cross_entropy(logits, y, weight=self.class_weights, reduction="sum")
        return total / len(y)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip the gradients, which mixed precision has unscaled by now."""
        if self.config.gradient_clip:
            self.clip_gradients(optimizer, gradient_clip_val=self.config.gradient_clip)

    def on_train_epoch_end(self) -> None:
        """Score the validation rows and append the epoch's metrics."""
        plan = self.lr_schedulers()
        if plan is not None and self.config.schedule != "one-cycle":
            plan.step()  # type: ignore[union-attr]
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
        self.progress.show(epoch=self.current_epoch + 1, loss=loss, validation=validation)

    def augmented(self, x: Tensor) -> Tensor:
        """Return the rows of a batch, images augmented at random, table rows unchanged."""
        return augment_images(x, self.dataset.input.shape, self.config) if self.augments else x

    def configure_optimizers(self) -> Any:
        """Return the optimizer and its schedule in Lightning's format."""
        chosen = optimizer(self.network, self.config)
        plan = schedule(chosen, self.config, steps=self.config.epochs * self.sampler.steps)
        return chosen if plan is None else {"optimizer": chosen, "lr_scheduler": plan}

    def _check_finite(self, name: str, loss: float) -> None:
        if not math.isfinite(loss):
            raise DivergedError(
                f"epoch {self.current_epoch + 1}: expected a finite {name}, found {loss}; "
                "lower --learning-rate"
            )

    def _mean_loss(self) -> float:
        mean = self.loss_sum / self.sampler.steps
        return float(self.trainer.strategy.reduce(mean, reduce_op="mean"))

    def _validation(self) -> Evaluation | None:
        """Score the validation rows, each process a share of them; None without such rows."""
        processes = self.trainer.world_size
        share = self.dataset.validation.take(slice(self.global_rank, None, processes))
        own = None
        if len(share):
            own = evaluate(self.network, share, class_weights=self.class_weights)
        if processes == 1:
            return own
        gathered: list[Evaluation | None] = [None] * processes
        distributed.all_gather_object(gathered, own)
        scored = [evaluation for evaluation in gathered if evaluation is not None]
        return merge(scored) if scored else None
