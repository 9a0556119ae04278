"""Progress bar of a training: epoch, loss, accuracy, openness and time left."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from models.evaluation import Evaluation
from models.progress import progress_bar

UPDATE_BATCHES = 10  # batches between updates; more updates would slow small networks down


class TrainingProgress(ProgressBar):
    """Lightning callback that draws one bar over all epochs."""

    def __init__(self) -> None:
        super().__init__()
        self.enabled = True
        self.bar: Progress | None = None  # only during the training: it cannot be pickled
        self.task = TaskID(0)

    def disable(self) -> None:
        """Draw nothing; Lightning calls this in every process but the first."""
        self.enabled = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the bar, of a resumed training at its first new epoch."""
        self.bar = progress_bar(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(),
            TextColumn("{task.fields[scores]}"),
            enabled=self.enabled,
        )
        epochs = trainer.max_epochs or 1
        self.task = self.bar.add_task(
            "training",
            total=epochs * int(trainer.num_training_batches),
            completed=trainer.global_step,
            epoch=trainer.current_epoch + 1,
            epochs=epochs,
            scores="",
        )
        self.bar.start()

    def on_train_batch_end(self, trainer: Trainer, *_args: Any) -> None:
        """Update the bar every `UPDATE_BATCHES` batches."""
        if self.bar is not None and trainer.global_step % UPDATE_BATCHES == 0:
            self.bar.update(
                self.task, completed=trainer.global_step, epoch=trainer.current_epoch + 1
            )

    def show(self, *, loss: float, validation: Evaluation | None) -> None:
        """Show the latest epoch's scores beside the bar."""
        if self.bar is None:
            return
        scores = f"loss {loss:.4f}"
        if validation is not None:
            scores += f"  validation {validation.accuracy:.2%}"
            if validation.openness:
                scores += f"  openness {validation.mean_openness:.2f}"
        self.bar.update(self.task, scores=scores)

    def on_train_end(self, *_args: Any) -> None:
        """Remove the bar."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def on_exception(self, *_args: Any) -> None:
        """Remove the bar after an error."""
        self.on_train_end()
