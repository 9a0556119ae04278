"""Progress bars on standard error: standard output holds only the result."""

from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

OnProgress = Callable[[int], None]  # called with the amount of work done since the last call


def progress_bar(*columns: ProgressColumn, enabled: bool = True) -> Progress:
    """Return a bar of these columns, or of a description and a bar, and the time left.

    It draws nothing outside a terminal.
    """
    console = Console(stderr=True)
    return Progress(
        *(columns or (TextColumn("{task.description}"), BarColumn())),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not enabled or not console.is_terminal,
    )
