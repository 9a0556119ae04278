"""Progress of a training: a bar in a terminal, else a line for each epoch on standard error."""

import sys
import time
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from models.evaluation import Evaluation
from models.progress import progress_bar

UPDATE_SECONDS = 0.1  # between updates of the bar; more would slow small networks down


class TrainingProgress(ProgressBar):
    """Lightning callback that shows all epochs of a training."""

    def __init__(self) -> None:
        super().__init__()
        self.enabled = True
        self.bar: Progress | None = None  # only during the training: it cannot be pickled
        self.task = TaskID(0)
        self.epochs, self.first = 1, 0
        self.began = self.updated = 0.0
        # In a notebook a line replaces the one before, or the lines would fill the page.
        self.in_place = Console(stderr=True).is_jupyter
        self.width = 0  # of the line to replace

    def disable(self) -> None:
        """Show nothing; Lightning calls this in every process but the first."""
        self.enabled = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the bar, of a resumed training at its first new epoch."""
        self.epochs, self.first = trainer.max_epochs or 1, trainer.current_epoch
        self.began = time.monotonic()
        self.bar = progress_bar(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(),
            TextColumn("{task.fields[scores]}"),
            TextColumn("elapsed"),
            TimeElapsedColumn(),
            TextColumn("left"),
            enabled=self.enabled,
        )
        groups = int(trainer.num_training_batches)
        self.task = self.bar.add_task(
            "training",
            total=self.epochs * groups,
            completed=self.first * groups,
            epoch=self.first + 1,
            epochs=self.epochs,
            scores="",
        )
        self.bar.start()

    def on_train_batch_end(self, trainer: Trainer, *arguments: Any) -> None:
        """Update the bar after a group of batches."""
        now = time.monotonic()
        if self.bar is None or now - self.updated < UPDATE_SECONDS:
            return
        self.updated = now
        groups, group = int(trainer.num_training_batches), int(arguments[-1])
        self.bar.update(
            self.task,
            completed=trainer.current_epoch * groups + group + 1,
            epoch=trainer.current_epoch + 1,
        )

    def show(self, *, epoch: int, loss: float, validation: Evaluation | None) -> None:
        """Show the scores of a complete epoch, counted from 1."""
        if self.bar is None or not self.enabled:
            return
        self.bar.update(self.task, scores=_scores(loss, validation))
        if self.bar.disable:
            self._print_line(epoch, _scores(loss, validation))

    def on_train_end(self, *_args: Any) -> None:
        """Remove the bar, or end the line of a notebook."""
        if self.width:
            sys.stderr.write("\n")
            self.width = 0
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def on_exception(self, *_args: Any) -> None:
        """Remove the bar after an error."""
        self.on_train_end()

    def _print_line(self, epoch: int, scores: str) -> None:
        elapsed = time.monotonic() - self.began
        left = elapsed / (epoch - self.first) * (self.epochs - epoch)
        line = f"epoch {epoch}/{self.epochs}  {scores}  {_time(elapsed)} elapsed"
        if epoch < self.epochs:
            line += f", at most {_time(left)} left"
        if self.in_place:
            sys.stderr.write(f"\r{line:<{self.width}}")
            self.width = len(line)
        else:
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _scores(loss: float, validation: Evaluation | None) -> str:
    scores = f"loss {loss:.4f}"
    if validation is not None:
        scores += f"  validation loss {validation.loss:.4f}, accuracy {validation.accuracy:.2%}"
        if validation.openness:
            scores += f"  openness {validation.mean_openness:.2f}"
    return scores


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
