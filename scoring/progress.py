"""Progress of a run: a bar on a terminal, and otherwise a line now and then."""

import time
from collections.abc import Sequence

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from service.terminal import escaped

LINE_SECONDS = 10.0  # between two lines
MAX_NOTES = 5  # of the pictures of a folder
NARROW = 70  # columns, below which a terminal shows the share instead of a bar and the numbers


class Reporter:
    """Shows the progress on standard error until the block ends; `total` may be an estimate."""

    def __init__(self, total: int | None, *, unit: str) -> None:
        self._console = Console(stderr=True)
        self._unit = unit
        self._total = total
        self._rows = self._notes = 0
        self._began = self._shown = time.monotonic()
        is_narrow = self._console.width < NARROW and total is not None
        wide = (TextColumn("scoring"), BarColumn(bar_width=None), _CountColumn(), TextColumn(unit))
        self._bar = Progress(
            *((TaskProgressColumn(),) if is_narrow else wide),
            _RateColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> "Reporter":
        self._bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()
        if self._notes > MAX_NOTES:
            typer.echo(f"and {self._notes - MAX_NOTES:,} more notes on other pictures", err=True)

    @property
    def seconds(self) -> float:
        """The time since the beginning."""
        return time.monotonic() - self._began

    def add_rows(self, rows: int) -> None:
        """Count rows that have just been scored."""
        self._rows += rows
        self._bar.update(self._task, advance=rows)
        now = time.monotonic()
        if self._bar.disable and now > self._shown + LINE_SECONDS:
            self._shown = now
            self._console.print(self._line(), highlight=False, soft_wrap=True)

    def add_notes(self, notes: Sequence[str]) -> None:
        """Show the first notes on how rows were read, and count the others."""
        for note in notes[: max(0, MAX_NOTES - self._notes)]:
            self._console.print(escaped(note), highlight=False, markup=False, soft_wrap=True)
        self._notes += len(notes)

    def _line(self) -> str:
        rate = self._rows / max(self.seconds, 1e-9)
        line = f"scored {self._rows:,}"
        if self._total is None:
            return f"{line} {self._unit}, {rate:,.0f} a second"
        left = max(0.0, self._total - self._rows) / max(rate, 1e-9)
        return (
            f"{line} of {self._total:,} {self._unit}, {rate:,.0f} a second, about {left:,.0f} "
            "seconds left"
        )


class _CountColumn(ProgressColumn):
    """The number of rows, and of all rows if it is known."""

    def render(self, task: Task) -> Text:
        total = "" if task.total is None else f"/{task.total:,.0f}"
        return Text(f"{task.completed:,.0f}{total}", style="progress.download")


class _RateColumn(ProgressColumn):
    """The rate in rows a second."""

    def render(self, task: Task) -> Text:
        rate = task.finished_speed or task.speed
        return Text("" if rate is None else f"{rate:,.0f}/s", style="progress.data.speed")
