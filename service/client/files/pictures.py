"""A picture as the row of an image model; Pillow is imported only where one is read."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from service.client.errors import FileError
from service.client.files.rows import FileRows
from service.client.tensors import FloatArray
from service.contract import Input

if TYPE_CHECKING:
    from PIL import Image

BRIGHTEST = 255
DEEP_MODES = ("I", "F")  # beginnings of Pillow's modes of more than 8 bits, which it would cut off


def read_picture(path: Path, row: Input, *, invert: bool) -> FileRows:
    """Read a picture, turned as its camera says, in the model's size, colours and unit.

    `invert` makes dark what is light, for a model of light strokes on dark ground.
    """
    if row.kind != "image":
        raise FileError(f"{path}: expected a .csv or .json, for the model reads tables")
    picture = _opened(path)
    height, width = row.shape[:2]
    notes = []
    if picture.has_transparency_data:
        ground = "light" if invert else "dark"
        notes.append(f"{path}: took its transparent parts as {ground}")
        picture = _on_ground(picture, BRIGHTEST if invert else 0)
    picture = picture.convert("RGB" if len(row.shape) == 3 else "L")
    if picture.size != (width, height):
        was = "×".join(map(str, picture.size))
        notes.append(f"{path}: resized from {was} to {width}×{height} pixels")
        picture = picture.resize((width, height))
    values = np.asarray(picture, np.float32)
    values = BRIGHTEST - values if invert else values
    return FileRows(rows=_in_unit(values, row)[np.newaxis], notes=tuple(notes))


def _opened(path: Path) -> "Image.Image":
    try:
        from PIL import Image, ImageOps
    except ModuleNotFoundError as error:
        raise FileError(
            f"{path}: expected Pillow to read a picture, found none; install it with "
            "`pip install '.[client]'`"
        ) from error
    try:
        with Image.open(path) as file:
            picture = ImageOps.exif_transpose(file)
            picture.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise FileError(f"{path}: expected a picture, found {error}") from error
    if picture.mode.startswith(DEEP_MODES):
        raise FileError(
            f"{path}: expected 8 bits for each colour, found the mode {picture.mode}; save it so"
        )
    return picture


def _on_ground(picture: "Image.Image", brightness: int) -> "Image.Image":
    from PIL import Image

    over = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", over.size, (brightness,) * 3 + (255,)), over)


def _in_unit(values: FloatArray, row: Input) -> FloatArray:
    """Bring 0 to 255 to the model's own bounds, where it has others."""
    if row.low is None or row.high is None:
        return values
    scaled = row.low + values * np.float32((row.high - row.low) / BRIGHTEST)
    return scaled.astype(np.float32)
