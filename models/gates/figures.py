"""Titles, colours and axes that the pictures of a gate report have in common."""

from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from models.gates.report import GateReport
from service.terminal import escaped

ACCURACY, LOSS = "#2f81f7", "#d9622b"
WIDTH, MARGIN = 8.0, 0.08  # inches
TITLE_LETTERS = 80  # that fit over a figure
NAME_LETTERS = 90  # of the rows' name, which may continue on a title's second line


def new_figure(height: float, title: str) -> Figure:
    """Return a figure, `height` in inches, whose layout makes room for all labels."""
    layout = ConstrainedLayoutEngine(w_pad=MARGIN, h_pad=MARGIN)
    figure = Figure(figsize=(WIDTH, height), layout=layout)
    # Names in the data may contain a $, which must not start a formula.
    figure.suptitle(fill(title, TITLE_LETTERS), parse_math=False)
    return figure


def cut(text: str, letters: int) -> str:
    """Return the start of a text, on one line; an SVG file may not contain control characters."""
    line = escaped(" ".join(text.split()), encoding="utf-8")
    return line if len(line) <= letters else f"{line[: letters - 1]}…"


def rows_in_words(report: GateReport) -> str:
    """Return the number of rows and the name of the data, for a title."""
    return f"{report.rows:,} rows, {cut(report.rows_of, NAME_LETTERS)}"


def mark_integers(axes: Axes, ticks: int = 10) -> None:
    """Mark only integers on the x axis."""
    axes.xaxis.set_major_locator(
        MaxNLocator(ticks, integer=True, min_n_ticks=1, steps=(1, 2, 5, 10))
    )
