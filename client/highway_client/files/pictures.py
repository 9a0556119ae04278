"""A picture as the row of an image model; Pillow is imported only when one is read."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from highway_client.description import Input
from highway_client.errors import FileError
from highway_client.files.rows import FileRows
from highway_client.json_values import FloatArray

if TYPE_CHECKING:
    from PIL import Image

BRIGHTEST = 255
DEEP_MODES = ("I", "F")  # prefixes of Pillow's modes of over 8 bits, which it would truncate


def read_picture(path: Path, row: Input, *, invert: bool) -> FileRows:
    """Read a picture in the model's size, colours and unit, rotated by its EXIF data.

    `invert` inverts the brightness, for a model of light strokes on a dark background.
    """
    if row.kind != "image":
        raise FileError(f"{path}: expected .csv or .json, because the model reads tables")
    picture = _open_picture(path)
    height, width = row.shape[:2]
    notes = []
    if picture.has_transparency_data:
        background = "light" if invert else "dark"
        notes.append(f"{path}: made its transparent parts {background}")
        picture = _on_background(picture, BRIGHTEST if invert else 0)
    picture = picture.convert("RGB" if len(row.shape) == 3 else "L")
    if picture.size != (width, height):
        size = "×".join(map(str, picture.size))
        notes.append(f"{path}: resized from {size} to {width}×{height} pixels")
        picture = picture.resize((width, height))
    values = np.asarray(picture, np.float32)
    values = BRIGHTEST - values if invert else values
    return FileRows(rows=_in_unit(values, row)[np.newaxis], notes=tuple(notes))


def _open_picture(path: Path) -> "Image.Image":
    try:
        from PIL import Image, ImageOps
    except ModuleNotFoundError as error:
        raise FileError(
            f"{path}: expected Pillow to read a picture, found none; install it with "
            "`pip install pillow`"
        ) from error
    try:
        with Image.open(path) as file:
            picture = ImageOps.exif_transpose(file)
            picture.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise FileError(f"{path}: expected a picture, found {error}") from error
    if picture.mode.startswith(DEEP_MODES):
        raise FileError(
            f"{path}: expected 8 bits per colour, found the mode {picture.mode}; convert it"
        )
    return picture


def _on_background(picture: "Image.Image", brightness: int) -> "Image.Image":
    from PIL import Image

    over = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", over.size, (brightness,) * 3 + (255,)), over)


def _in_unit(values: FloatArray, row: Input) -> FloatArray:
    """Scale 0 to 255 to the bounds of the model's unit."""
    if row.low is None or row.high is None:
        return values
    scaled = row.low + values * np.float32((row.high - row.low) / BRIGHTEST)
    return scaled.astype(np.float32)
