"""Decoding of a picture file to 8 bits, for training and predicting alike.

Pillow is imported only when a picture is read.
"""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from highway_client.errors import FileError

if TYPE_CHECKING:
    from PIL import Image
    from PIL.ImageFile import ImageFile

# Formats whose bits per channel are known here. Of others Pillow may cut 16 bits to 8, and EPS it
# hands to another program.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA", "JPEG2000")
GREY_MODES = ("1", "L", "LA", "La")
COLOUR_MODES = ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA")
OPAQUE = (255, 255)  # lowest and highest alpha
BITS_PER_SAMPLE = 258  # a tag of TIFF
ORIENTATION, SIDEWAYS = 274, (5, 6, 7, 8)  # a tag of EXIF, and its values for a quarter turn
CODESTREAM = b"\xff\x4f\xff\x51"  # start of a JPEG 2000 image; 42 bytes on: its bits less 1

DAMAGED = (
    *(OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, MemoryError),
    *(OverflowError, AttributeError, struct.error, zlib.error),
)


class PictureError(FileError):
    """A file that is not a grey or RGB picture of 8 bits."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """The first picture of a file, upright: mode L or RGB, or RGBA if parts are transparent."""

    image: "Image.Image"
    frames: int

    @property
    def is_transparent(self) -> bool:
        """Whether any pixel is transparent."""
        return self.image.mode == "RGBA"


def refusal(name: str, found: str) -> PictureError:
    """Return the error for a picture that would have to be changed to be used."""
    return PictureError(
        f"{name}: expected a grey or RGB picture of 8 bits per channel, found {found}; convert it"
    )


@contextmanager
def strict_pillow() -> Iterator[None]:
    """Let Pillow refuse huge pictures, and be silent about damaged metadata, in all threads."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def decode_picture(path: Path, name: str) -> Picture:
    """Decode a picture within `strict_pillow`; it is rotated by its EXIF data.

    Raises `PictureError`, which begins with `name`, if the picture cannot be read, has other than
    1 to 8 bits per channel, or is neither grey nor RGB.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path, formats=FORMATS) as file:
            unsuitable = _unsuitable(file, path)
            if not unsuitable:
                # The further pictures of MPO are previews of the first, which is a usual JPEG.
                frames = 1 if file.format == "MPO" else getattr(file, "n_frames", 1)
                upright = ImageOps.exif_transpose(file)
                return Picture(image=_plain(upright), frames=frames)
    except (*DAMAGED, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(
            f"{name}: the picture cannot be read: {_reason(path, error)}; repair it or move it "
            "elsewhere"
        ) from error
    raise refusal(name, unsuitable)


def picture_size(path: Path) -> tuple[int, int] | None:
    """Return the upright picture's height and width without decoding; None if it is damaged."""
    from PIL import Image

    try:
        with Image.open(path, formats=FORMATS) as file:
            size = file.height, file.width
            # Without this entry Pillow would decode the picture in search of it.
            is_sideways = "exif" in file.info and file.getexif().get(ORIENTATION) in SIDEWAYS
            return size[::-1] if is_sideways else size
    except (*DAMAGED, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None


def _unsuitable(file: "ImageFile", path: Path) -> str:
    """Return what hinders an exact conversion to 8 bits; empty if nothing does."""
    if file.mode == "F":
        return "floating-point values"
    bits = _bits(file, path)
    if bits > 8:
        return f"{bits} bits per channel"
    return "" if file.mode in GREY_MODES + COLOUR_MODES else f"the mode {file.mode}"


def _bits(file: "ImageFile", path: Path) -> int:
    """Return the bits per channel in the file: Pillow opens 16-bit colour as 8-bit RGB."""
    arguments = file.tile[0].args if file.tile else None
    match file.format:
        case "TIFF":
            return int(max(file.tag_v2.get(BITS_PER_SAMPLE, (1,))))  # type: ignore[attr-defined]
        case "PPM" if file.tile[0].codec_name.startswith("ppm") and isinstance(arguments, tuple):
            return int(arguments[-1]).bit_length()  # the highest value
        case "JPEG2000":
            content = path.read_bytes()
            return (content[content.index(CODESTREAM) + 42] & 0x7F) + 1
    return 16 if ";16" in str(arguments) or file.mode.startswith("I") else 8


def _plain(image: "Image.Image") -> "Image.Image":
    """Return the image in mode L or RGB, or RGBA if any pixel is transparent."""
    mode = "L" if image.mode in GREY_MODES else "RGB"
    if not image.has_transparency_data:
        return image.convert(mode)
    # A direct conversion drops the transparency of a palette or of one colour.
    with_alpha = image.convert("RGBA")
    is_opaque = with_alpha.getchannel("A").getextrema() == OPAQUE
    return with_alpha.convert(mode) if is_opaque else with_alpha


def _reason(path: Path, error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return _reason_of_format(path)
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).partition("\n")[0].rstrip(".")


def _reason_of_format(path: Path) -> str:
    """Return why no format fits: Pillow keeps the reason of the format that the file begins as."""
    from PIL import Image

    if not path.stat().st_size:
        return "it is empty"
    with path.open("rb") as file:
        start = file.read(16)
        for name in FORMATS:
            factory, accept = Image.OPEN[name]
            if accept is not None and accept(start) is True:
                try:
                    file.seek(0)
                    factory(file, str(path))
                except DAMAGED as error:
                    return str(error)
    return f"it is none of {', '.join(FORMATS)}"
