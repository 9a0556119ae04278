from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image

from models.drawing import INK, drawing_settings, save


def drawn(path: Path) -> list[Path]:
    with drawing_settings():
        figure = Figure(figsize=(2, 1))
        figure.subplots().plot([1, 2], color=INK)
        return save(figure, path)


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours by the accessibility guidelines WCAG 2."""

    def luminance(colour: str) -> float:
        shares = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
        return sum(w * s for w, s in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    bright, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_the_ink_is_legible_on_light_and_on_dark_pages() -> None:
    assert contrast(INK, "#ffffff") >= 4.5
    assert contrast(INK, "#000000") >= 4.5


def test_a_picture_is_written_as_transparent_svg_and_png(tmp_path: Path) -> None:
    svg, png = drawn(tmp_path / "line")
    assert (svg.name, png.name) == ("line.svg", "line.png")
    assert ElementTree.parse(svg).getroot().tag.endswith("svg")
    with Image.open(png) as image:
        assert image.convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 0)


def test_pictures_are_reproducible(tmp_path: Path) -> None:
    first, second = drawn(tmp_path / "first"), drawn(tmp_path / "second")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_settings_apply_only_while_a_picture_is_drawn() -> None:
    before = mpl.rcParams["text.color"]
    with drawing_settings():
        assert mpl.rcParams["text.color"] == INK
    assert mpl.rcParams["text.color"] == before
