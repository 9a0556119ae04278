"""Images without digits: letters of matplotlib's fonts, patches of scikit-learn's photographs."""

import string
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from sklearn.datasets import load_sample_images

from benchmarks.unusual.corruptions import SIDE, WHITE
from models.data.dataset import FloatRows

FONTS = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono"),
    *("DejaVuSansMono-Bold", "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
    *("cmr10", "cmss10", "cmtt10", "cmti10", "cmb10"),
)
LIKE_DIGITS = "OIlSZBoszgqb"
LETTERS = [letter for letter in string.ascii_letters if letter not in LIKE_DIGITS]
SIZE = 20  # of the longer side, as MNIST's digits have it
PHOTOGRAPH = (320, 214)  # width, height
PATCHES = 1000  # of each photograph


def letters() -> FloatRows:
    """Return (680, 784): 40 letters in 17 fonts, sized and centred as MNIST's digits are."""
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    drawn = []
    for name in FONTS:
        font = ImageFont.truetype(str(folder / f"{name}.ttf"), 80)
        for letter in LETTERS:
            canvas = Image.new("L", (240, 240))
            ImageDraw.Draw(canvas).text((80, 80), letter, WHITE, font=font)
            drawn.append(_like_a_digit(canvas))
    return _rows(drawn)


def photographs(chance: Generator) -> FloatRows:
    """Return (2000, 784): random patches, grey, stretched from black to white."""
    patches = []
    for pixels in load_sample_images().images:
        grey = Image.fromarray(pixels).convert("L").resize(PHOTOGRAPH)
        image = np.asarray(grey, np.float32)
        height, width = image.shape
        for _ in range(PATCHES):
            row, column = chance.integers(0, height - SIDE), chance.integers(0, width - SIDE)
            patch = image[row : row + SIDE, column : column + SIDE]
            patch = patch - patch.min()
            patches.append(patch * (WHITE / max(patch.max(), 1)))
    return _rows(patches)


def _like_a_digit(canvas: Image.Image) -> NDArray[np.float32]:
    """Fit what is drawn into 20×20 and put its centre of mass in the middle."""
    cut = canvas.crop(canvas.getbbox())
    scale = SIZE / max(cut.size)
    width, height = (max(1, round(side * scale)) for side in cut.size)
    small = np.asarray(cut.resize((width, height), Image.Resampling.LANCZOS), np.float32)
    row, column = (
        int(np.clip(round(SIDE / 2 - centre), 0, SIDE - side))
        for centre, side in zip(ndimage.center_of_mass(small), small.shape, strict=True)
    )
    whole = np.zeros((SIDE, SIDE), np.float32)
    whole[row : row + height, column : column + width] = small
    return whole


def _rows(images: list[NDArray[np.float32]]) -> FloatRows:
    return np.clip(np.stack(images), 0, WHITE).astype(np.float32).reshape(len(images), -1)
