"""Fifteen ways to spoil an image of a digit.

How strongly each does was fixed before any statistic of the gates was computed, and is not tuned.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from models.data.dataset import FloatRows, Labels

Image = NDArray[np.float32]  # (28, 28), 0 black to 255 white
Place = slice | tuple[slice, slice]
SIDE, WHITE = 28, 255
SYMMETRIC = (0, 1, 8)  # digits that a mirror hardly changes
MOVES = ((6, 0), (-6, 0), (0, 6), (0, -6))
PATCH = 4


def _half_hidden(image: Image, chance: Generator) -> Image:
    half = SIDE // 2
    top, bottom, left, right = np.s_[:half], np.s_[half:], np.s_[:, :half], np.s_[:, half:]
    return _painted(image, (top, bottom, left, right)[chance.integers(4)], 0)


def _shifted(image: Image, chance: Generator) -> Image:
    return np.asarray(ndimage.shift(image, MOVES[chance.integers(4)], order=0))


def _turned(image: Image, chance: Generator) -> Image:
    degrees = chance.choice([-1, 1]) * chance.uniform(45, 90)
    return np.asarray(ndimage.rotate(image, degrees, reshape=False, order=1))


def _noise(image: Image, chance: Generator) -> Image:
    return np.asarray(image + chance.normal(0, 80, image.shape), np.float32)


def _salt_and_pepper(image: Image, chance: Generator) -> Image:
    draw = chance.random(image.shape)
    return np.where(draw < 0.12, 0, np.where(draw > 0.88, WHITE, image))


def _zoomed(image: Image, factor: float) -> Image:
    middle = (SIDE - 1) / 2
    found = ndimage.affine_transform(
        image, np.full(2, 1 / factor), offset=middle - middle / factor, order=1
    )
    return np.asarray(found)


def _stripe(image: Image, chance: Generator) -> Image:
    first = chance.integers(6, 20)
    lines = slice(first, first + 4)
    return _painted(image, lines if chance.random() < 0.5 else np.s_[:, lines], WHITE)


def _checkerboard(image: Image, chance: Generator) -> Image:
    row, column = chance.integers(4, 15, 2)
    board = np.indices((10, 10)).sum(axis=0) // 2 % 2 * WHITE
    return _painted(image, np.s_[row : row + 10, column : column + 10], board)


def _shuffled_patches(image: Image, chance: Generator) -> Image:
    """Shuffle the pixels of every patch of 4×4; the patches stay where they are."""
    count = SIDE // PATCH
    patches = image.reshape(count, PATCH, count, PATCH).transpose(0, 2, 1, 3)
    pixels = patches.reshape(count**2, PATCH**2).copy()
    for patch in pixels:
        chance.shuffle(patch)
    back = pixels.reshape(count, count, PATCH, PATCH).transpose(0, 2, 1, 3)
    return back.reshape(SIDE, SIDE)


def _warped(image: Image, chance: Generator) -> Image:
    moves = [ndimage.gaussian_filter(chance.uniform(-1, 1, image.shape), 3) * 60 for _ in range(2)]
    places = np.indices(image.shape) + np.stack(moves)
    return np.asarray(ndimage.map_coordinates(image, places, order=1))


def _painted(image: Image, where: Place, colour: int | NDArray[np.int64]) -> Image:
    found = image.copy()
    found[where] = colour
    return found


# In this order, for they draw from one generator.
CORRUPTIONS: dict[str, Callable[[Image, Generator], Image]] = {
    "inverted": lambda image, _: WHITE - image,
    "half hidden": _half_hidden,
    "shifted": _shifted,
    "turned": _turned,
    "noise": _noise,
    "salt and pepper": _salt_and_pepper,
    "blurred": lambda image, _: ndimage.gaussian_filter(image, 2.0),
    "low contrast": lambda image, _: image * 0.3,
    "zoomed out": lambda image, _: _zoomed(image, 0.6),
    "zoomed in": lambda image, _: _zoomed(image, 1.9),
    "stripe": _stripe,
    "checkerboard": _checkerboard,
    "patches shuffled": _shuffled_patches,
    "mirrored": lambda image, _: image[:, ::-1],
    "warped": _warped,
}


def corrupted(x: FloatRows, labels: Labels, chance: Generator) -> dict[str, FloatRows]:
    """Spoil digits (rows, 784) in each way; those mirrored are the ones that a mirror changes."""
    images = x.reshape(-1, SIDE, SIDE)
    told: dict[str, FloatRows] = {}
    for name, spoil in CORRUPTIONS.items():
        own = images[~np.isin(labels, SYMMETRIC)] if name == "mirrored" else images
        spoilt = np.stack([spoil(image, chance) for image in own])
        told[name] = np.clip(spoilt, 0, WHITE).astype(np.float32).reshape(len(own), -1)
    return told
