"""One progress bar over the whole training: epoch, loss, accuracy, openness, time left."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from models.evaluation import Evaluation

SHOWN_EVERY = 10  # batches; drawing more often would cost small networks noticeable time


class TrainingProgress(ProgressBar):
    """Draws on standard error, so that standard output holds the result alone."""

    def __init__(self) -> None:
        super().__init__()
        self.enabled = True
        self.bar: Progress | None = None  # made when training starts: it cannot be pickled
        self.task = TaskID(0)

    def disable(self) -> None:
        """Draw nothing: Lightning calls this on every process but the first."""
        self.enabled = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the bar, at the epoch that a resumed training starts from."""
        console = Console(stderr=True)
        self.bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(),
            TextColumn("{task.fields[scores]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not self.enabled or not console.is_terminal,  # a log file wants no bar
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
        """Move on now and then."""
        if self.bar is not None and trainer.global_step % SHOWN_EVERY == 0:
            self.bar.update(
                self.task, completed=trainer.global_step, epoch=trainer.current_epoch + 1
            )

    def show(self, *, loss: float, validation: Evaluation | None) -> None:
        """Write the latest epoch's scores beside the bar."""
        if self.bar is None:
            return
        scores = f"loss {loss:.4f}"
        if validation is not None:
            scores += f"  validation {validation.accuracy:.2%}"
            if validation.openness:
                scores += f"  gates open {validation.mean_openness:.2f}"
        self.bar.update(self.task, scores=scores)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the bar away; the summary line follows."""
        self._stop()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Leave the terminal as it was."""
        self._stop()

    def _stop(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None  # on the way back from another process it would not be pickled
