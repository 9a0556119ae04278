"""What the pictures of gates share: sizes, titles, words."""

from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from models.gates.report import GateReport

ACCURACY, LOSS = "#2f81f7", "#d9622b"
WIDTH = 8.0  # inches
TITLE_LETTERS, LABEL_LETTERS = 80, 16  # as many as fit over a figure, over one of its panels
NAME_LETTERS = 90  # of the rows' name, which may fill a second line of a title
MARGIN = 0.08  # inches


def new_figure(height: float, title: str) -> Figure:
    """Return a figure `height` inches high that makes room for all its labels."""
    layout = ConstrainedLayoutEngine(w_pad=MARGIN, h_pad=MARGIN)
    figure = Figure(figsize=(WIDTH, height), layout=layout)
    # a name from the data may hold a $, which is no formula
    figure.suptitle(fill(title, TITLE_LETTERS), parse_math=False)
    return figure


def name_panel(axes: Axes, title: str) -> None:
    """Put a title over one panel."""
    axes.set_title(title, parse_math=False)


def cut(text: str, letters: int) -> str:
    """Return the start of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= letters else f"{line[: letters - 1]}…"


def rows_in_words(report: GateReport) -> str:
    """Return how many rows of what a picture is about."""
    return f"{report.rows:,} rows, {cut(report.rows_of, NAME_LETTERS)}"


def whole_numbers(axes: Axes, ticks: int = 10) -> None:
    """Mark only whole numbers along x."""
    axes.xaxis.set_major_locator(
        MaxNLocator(ticks, integer=True, min_n_ticks=1, steps=(1, 2, 5, 10))
    )
