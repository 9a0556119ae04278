"""A picture as the row of an image model; Pillow is imported only when one is read."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from highway_client.description import Input
from highway_client.errors import FileError
from highway_client.files.pixels import Picture, decode_picture, strict_pillow
from highway_client.files.rows import FileRows
from highway_client.json_values import FloatArray

if TYPE_CHECKING:
    from PIL import Image

BRIGHTEST = 255


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureRow:
    """The values of a picture, float32 (1, features), and notes on how it was changed."""

    values: FloatArray
    notes: tuple[str, ...]


def read_picture_file(path: Path, row: Input, *, invert: bool) -> FileRows:
    """Read one picture."""
    picture = read_picture(path, row, invert=invert)
    return FileRows.of_matrix(picture.values, row.size, picture.notes)


def read_picture(path: Path, row: Input, *, invert: bool) -> PictureRow:
    """Read a picture in the model's size, colours and unit, rotated by its EXIF data.

    `invert` inverts the brightness, for a model of light strokes on a dark background.
    """
    if row.kind != "image":
        raise FileError(
            f"{path}: expected a table, such as .csv or .parquet, because the model reads tables"
        )
    decoded = _decode(path)
    picture, notes = decoded.image, []
    height, width = row.shape[:2]
    mode = "RGB" if len(row.shape) == 3 else "L"
    if decoded.frames > 1:
        notes.append(f"{path}: took the first of {decoded.frames} pictures")
    if decoded.is_transparent:
        background = "light" if invert else "dark"
        notes.append(f"{path}: made its transparent parts {background}")
        picture = _on_background(picture, BRIGHTEST if invert else 0)
    if mode == "L" and _is_coloured(picture):
        notes.append(f"{path}: converted its colours to grey")
    picture = picture.convert(mode)
    if picture.size != (width, height):
        size = "×".join(map(str, picture.size))
        notes.append(f"{path}: resized from {size} to {width}×{height} pixels")
        picture = picture.resize((width, height))
    values = np.asarray(picture, np.float32)
    values = BRIGHTEST - values if invert else values
    return PictureRow(values=_in_unit(values, row).reshape(1, -1), notes=tuple(notes))


def _decode(path: Path) -> Picture:
    try:
        with strict_pillow():
            return decode_picture(path, str(path))
    except ModuleNotFoundError as error:
        raise FileError(
            f"{path}: expected Pillow to read a picture, found none; install it with "
            "`pip install pillow`"
        ) from error


def _on_background(picture: "Image.Image", brightness: int) -> "Image.Image":
    from PIL import Image

    background = Image.new("RGBA", picture.size, (brightness,) * 3 + (255,))
    return Image.alpha_composite(background, picture)


def _is_coloured(picture: "Image.Image") -> bool:
    pixels = np.asarray(picture)
    return pixels.ndim == 3 and bool((pixels[..., :1] != pixels[..., 1:3]).any())


def _in_unit(values: FloatArray, row: Input) -> FloatArray:
    """Scale 0 to 255 to the bounds of the model's unit."""
    if row.low is None or row.high is None:
        return values
    scaled = row.low + values * np.float32((row.high - row.low) / BRIGHTEST)
    return scaled.astype(np.float32)
