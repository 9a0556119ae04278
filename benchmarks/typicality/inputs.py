"""Atypical inputs for a network that was trained on MNIST: the same ones in every run.

Fifteen corruptions of digits, letters from matplotlib's fonts, and patches of photographs. The
strength of each corruption was fixed before any statistic of the gates was computed.
"""

import string
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from scipy import ndimage
from sklearn.datasets import load_sample_images

from models.data.dataset import FloatRows, Labels, Part

Image = NDArray[np.float32]  # (28, 28), 0 black to 255 white
Region = slice | tuple[slice, slice]
SIDE, WHITE = 28, 255
ROWS = 2000  # of the test, for the corruptions
SEED = 20261125

SYMMETRIC = (0, 1, 8)  # digits that a flip hardly changes
SHIFTS = ((6, 0), (-6, 0), (0, 6), (0, -6))
PATCH = 4

FONTS = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono"),
    *("DejaVuSansMono-Bold", "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
    *("cmr10", "cmss10", "cmtt10", "cmti10", "cmb10"),
)
LIKE_DIGITS = "OIlSZBoszgqb"
LETTERS = [letter for letter in string.ascii_letters if letter not in LIKE_DIGITS]
SIZE = 20  # of the longer side, like MNIST's digits
PHOTOGRAPH = (320, 214)  # width, height
PATCHES = 1000  # of each photograph


def _half_hidden(image: Image, random: Generator) -> Image:
    half = SIDE // 2
    top, bottom, left, right = np.s_[:half], np.s_[half:], np.s_[:, :half], np.s_[:, half:]
    return _painted(image, (top, bottom, left, right)[random.integers(4)], 0)


def _shifted(image: Image, random: Generator) -> Image:
    return np.asarray(ndimage.shift(image, SHIFTS[random.integers(4)], order=0))


def _rotated(image: Image, random: Generator) -> Image:
    degrees = random.choice([-1, 1]) * random.uniform(45, 90)
    return np.asarray(ndimage.rotate(image, degrees, reshape=False, order=1))


def _noise(image: Image, random: Generator) -> Image:
    return np.asarray(image + random.normal(0, 80, image.shape), np.float32)


def _salt_and_pepper(image: Image, random: Generator) -> Image:
    draw = random.random(image.shape)
    return np.where(draw < 0.12, 0, np.where(draw > 0.88, WHITE, image))


def _zoomed(image: Image, factor: float) -> Image:
    middle = (SIDE - 1) / 2
    zoomed = ndimage.affine_transform(
        image, np.full(2, 1 / factor), offset=middle - middle / factor, order=1
    )
    return np.asarray(zoomed)


def _stripe(image: Image, random: Generator) -> Image:
    first = random.integers(6, 20)
    stripe = slice(first, first + 4)
    return _painted(image, stripe if random.random() < 0.5 else np.s_[:, stripe], WHITE)


def _checkerboard(image: Image, random: Generator) -> Image:
    row, column = random.integers(4, 15, 2)
    board = np.indices((10, 10)).sum(axis=0) // 2 % 2 * WHITE
    return _painted(image, np.s_[row : row + 10, column : column + 10], board)


def _shuffled_patches(image: Image, random: Generator) -> Image:
    """Shuffle the pixels within every patch of 4×4."""
    count = SIDE // PATCH
    patches = image.reshape(count, PATCH, count, PATCH).transpose(0, 2, 1, 3)
    pixels = patches.reshape(count**2, PATCH**2).copy()
    for patch in pixels:
        random.shuffle(patch)
    back = pixels.reshape(count, count, PATCH, PATCH).transpose(0, 2, 1, 3)
    return back.reshape(SIDE, SIDE)


def _warped(image: Image, random: Generator) -> Image:
    moves = [ndimage.gaussian_filter(random.uniform(-1, 1, image.shape), 3) * 60 for _ in range(2)]
    coordinates = np.indices(image.shape) + np.stack(moves)
    return np.asarray(ndimage.map_coordinates(image, coordinates, order=1))


def _painted(image: Image, region: Region, colour: int | NDArray[np.int64]) -> Image:
    painted = image.copy()
    painted[region] = colour
    return painted


# The order matters: all draw from one generator.
CORRUPTIONS: dict[str, Callable[[Image, Generator], Image]] = {
    "inverted": lambda image, _: WHITE - image,
    "half hidden": _half_hidden,
    "shifted": _shifted,
    "rotated": _rotated,
    "noise": _noise,
    "salt and pepper": _salt_and_pepper,
    "blurred": lambda image, _: ndimage.gaussian_filter(image, 2.0),
    "low contrast": lambda image, _: image * 0.3,
    "zoomed out": lambda image, _: _zoomed(image, 0.6),
    "zoomed in": lambda image, _: _zoomed(image, 1.9),
    "stripe": _stripe,
    "checkerboard": _checkerboard,
    "patches shuffled": _shuffled_patches,
    "flipped": lambda image, _: image[:, ::-1],
    "warped": _warped,
}
KINDS = (*CORRUPTIONS, "letters", "photographs")
# The method of typicality was chosen on every second kind.
CHOSEN_ON, OTHERS = KINDS[0::2], KINDS[1::2]


def atypical_inputs(test: Part) -> dict[str, FloatRows]:
    """Return rows (n, 784) of each kind; the corruptions are of rows of the MNIST test."""
    random = np.random.default_rng(SEED)
    some = test.take(random.permutation(len(test))[:ROWS])
    corruptions = corrupted(some.x, some.y, random)
    return corruptions | {"letters": letters(), "photographs": photographs(random)}


def corrupted(x: FloatRows, labels: Labels, random: Generator) -> dict[str, FloatRows]:
    """Return digits (rows, 784) with each corruption; symmetric digits are not flipped."""
    images = x.reshape(-1, SIDE, SIDE)
    results: dict[str, FloatRows] = {}
    for name, corrupt in CORRUPTIONS.items():
        own = images[~np.isin(labels, SYMMETRIC)] if name == "flipped" else images
        results[name] = _rows([corrupt(image, random) for image in own])
    return results


def letters() -> FloatRows:
    """Return (680, 784): 40 letters in 17 fonts, sized and centred like MNIST's digits."""
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    drawn = []
    for name in FONTS:
        font = ImageFont.truetype(str(folder / f"{name}.ttf"), 80)
        for letter in LETTERS:
            canvas = Pillow.new("L", (240, 240))
            ImageDraw.Draw(canvas).text((80, 80), letter, WHITE, font=font)
            drawn.append(_like_a_digit(canvas))
    return _rows(drawn)


def photographs(random: Generator) -> FloatRows:
    """Return (2000, 784): random grey patches, stretched from black to white."""
    patches = []
    for pixels in load_sample_images().images:
        grey = Pillow.fromarray(pixels).convert("L").resize(PHOTOGRAPH)
        image = np.asarray(grey, np.float32)
        height, width = image.shape
        for _ in range(PATCHES):
            row, column = random.integers(0, height - SIDE), random.integers(0, width - SIDE)
            patch = image[row : row + SIDE, column : column + SIDE]
            patch = patch - patch.min()
            patches.append(patch * (WHITE / max(patch.max(), 1)))
    return _rows(patches)


def _like_a_digit(canvas: Pillow.Image) -> Image:
    """Fit a drawing into 20×20 and put its centre of mass in the middle."""
    cut = canvas.crop(canvas.getbbox())
    scale = SIZE / max(cut.size)
    width, height = (max(1, round(side * scale)) for side in cut.size)
    small = np.asarray(cut.resize((width, height), Pillow.Resampling.LANCZOS), np.float32)
    row, column = (
        int(np.clip(round(SIDE / 2 - centre), 0, SIDE - side))
        for centre, side in zip(ndimage.center_of_mass(small), small.shape, strict=True)
    )
    image = np.zeros((SIDE, SIDE), np.float32)
    image[row : row + height, column : column + width] = small
    return image


def _rows(images: list[Image]) -> FloatRows:
    return np.clip(np.stack(images), 0, WHITE).astype(np.float32).reshape(len(images), -1)
