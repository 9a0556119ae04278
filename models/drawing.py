"""What all pictures share: a transparent ground, ink for dark and light pages, the same bytes.

Figures are made without pyplot, and settings hold only while a picture is drawn, so nothing that
another program has set up in matplotlib changes.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

INK = "#767676"  # contrast 4.5 on white and 4.6 on black
DOTS_PER_INCH = 160


@contextmanager
def drawing_settings() -> Iterator[None]:
    """Draw and save with these settings; a letter that the font lacks becomes a box, silently."""
    with (
        mpl.rc_context(
            {
                "axes.edgecolor": INK,
                "axes.labelcolor": INK,
                "axes.titlesize": 10,
                "axes.unicode_minus": True,
                "figure.titlesize": 11,
                "font.size": 9,
                "hatch.color": INK,
                "hatch.linewidth": 0.5,
                "svg.hashsalt": "highway",  # without it, names inside an SVG are drawn by chance
                "text.color": INK,
                "xtick.color": INK,
                "ytick.color": INK,
            }
        ),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def save(figure: Figure, path: Path) -> list[Path]:
    """Write the figure as `path` with .svg and .png; return the two files."""
    svg, png = path.with_suffix(".svg"), path.with_suffix(".png")
    figure.savefig(svg, transparent=True, metadata={"Date": None})
    figure.savefig(png, transparent=True, dpi=DOTS_PER_INCH)
    return [svg, png]
