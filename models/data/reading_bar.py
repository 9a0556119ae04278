"""A progress bar for the reading of many files."""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager

from models.progress import OnProgress, progress_bar

DELAY_SECONDS = 2.0  # a bar that disappears at once only flickers


@contextmanager
def reading_bar(description: str, files: int) -> Iterator[OnProgress]:
    """Yield a function that is called with the number of files read since the last call.

    The bar is drawn once the reading has taken `DELAY_SECONDS`, in a terminal only. It is not drawn
    in a worker process: the terminal shows the bar of the process that started it.
    """
    progress = progress_bar(enabled=multiprocessing.parent_process() is None)
    task = progress.add_task(description, total=files)
    began = time.monotonic()

    def advance(count: int) -> None:
        progress.advance(task, count)
        if time.monotonic() - began >= DELAY_SECONDS:
            progress.start()

    try:
        yield advance
    finally:
        progress.stop()
