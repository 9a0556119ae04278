"""TensorBoard's event files of a training, which Ctrl-C cannot stop in the middle of a write."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger


class EventFiles(TensorBoardLogger):
    """Lightning logger that ends each of its calls before Ctrl-C stops the training.

    Events pass through a queue to a thread. An exception inside the queue can lose the thread's
    next wake-up, and then the end of the training waits for it for two minutes.
    """

    def log_metrics(self, *arguments: Any, **named: Any) -> None:
        """Log scores; see Lightning."""
        with uninterrupted():
            super().log_metrics(*arguments, **named)

    def log_hyperparams(self, *arguments: Any, **named: Any) -> None:
        """Log settings; see Lightning."""
        with uninterrupted():
            super().log_hyperparams(*arguments, **named)

    def save(self) -> None:
        """Write what is buffered; see Lightning."""
        with uninterrupted():
            super().save()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay Ctrl-C to the end of the block; in other threads than the main one there is none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: received.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)  # None: not set by Python
        if received:
            signal.raise_signal(signal.SIGINT)
