"""One progress bar over the whole training: epoch, loss, accuracy, openness, time left."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

SHOWN_EVERY = 10  # batches; drawing more often would cost small networks noticeable time


class TrainingProgress(ProgressBar):
    """Draws on standard error, so that standard output holds the result alone."""

    def __init__(self) -> None:
        super().__init__()
        self.bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(),
            TextColumn("{task.fields[scores]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self.task: TaskID | None = None

    def disable(self) -> None:
        """Draw nothing: Lightning calls this on every process but the first."""
        self.bar.disable = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the bar, at the epoch that a resumed training starts from."""
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
        """Move on now and then."""
        if self.task is not None and trainer.global_step % SHOWN_EVERY == 0:
            self.bar.update(
                self.task, completed=trainer.global_step, epoch=trainer.current_epoch + 1
            )

    def show(self, *, loss: float, accuracy: float, openness: float) -> None:
        """Write the latest epoch's scores beside the bar."""
        if self.task is not None:
            scores = f"loss {loss:.4f}  validation {accuracy:.2%}  gates open {openness:.2f}"
            self.bar.update(self.task, scores=scores)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the bar away; the summary line follows."""
        self.bar.stop()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Leave the terminal as it was."""
        self.bar.stop()
