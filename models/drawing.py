"""Style of all pictures: transparent, legible on light and dark pages, reproducible files.

Figures are made without pyplot, and the settings apply only while a picture is drawn, so that
other settings of matplotlib in the same process do not change.
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
    """Apply the style; characters that the font lacks are drawn as boxes, without a warning."""
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
                "svg.hashsalt": "highway",  # else the ids inside an SVG are random
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
    """Save the figure as SVG and PNG and return the paths of both files."""
    svg, png = path.with_suffix(".svg"), path.with_suffix(".png")
    figure.savefig(svg, transparent=True, metadata={"Date": None})
    figure.savefig(png, transparent=True, dpi=DOTS_PER_INCH)
    return [svg, png]
