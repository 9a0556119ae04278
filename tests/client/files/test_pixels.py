import contextlib
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from highway_client.files.pixels import (
    Picture,
    PictureError,
    decode_picture,
    picture_size,
    refusal,
    strict_pillow,
)
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

GREY = Image.fromarray(np.array([[0, 100, 255]], np.uint8))


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    with strict_pillow():
        yield


def png(bits: int, colours: int, pixel: bytes, *, size: tuple[int, int] = (1, 1)) -> bytes:
    """Return a PNG of one pixel; `colours` is 0 grey, 2 RGB, 4 grey and alpha, 6 RGBA."""
    header = struct.pack(">2I5B", *size, bits, colours, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" + pixel)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def tiff(bits: tuple[int, ...], photometric: int, pixel: bytes) -> bytes:
    """Return an uncompressed TIFF of one pixel; `photometric` is 1 grey, 2 RGB."""
    tags = {
        256: (3, 1, 1),
        257: (3, 1, 1),
        258: (3, len(bits), bits[0] if len(bits) == 1 else 200),
        259: (3, 1, 1),
        262: (3, 1, photometric),
        273: (4, 1, 220),
        277: (3, 1, len(bits)),
        278: (3, 1, 1),
        279: (4, 1, len(pixel)),
    }
    entries = b"".join(struct.pack("<HHII", tag, *value) for tag, value in tags.items())
    content = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4)
    return (
        content.ljust(200, b"\0") + struct.pack(f"<{len(bits)}H", *bits)
    ).ljust(220, b"\0") + pixel  # fmt: skip


def decode(folder: Path, content: bytes) -> Picture:
    path = folder / "picture"
    path.write_bytes(content)
    return decode_picture(path, "picture")


def saved(folder: Path, image: Image.Image, suffix: str) -> bytes:
    path = folder / f"saved.{suffix}"
    image.save(path)
    return path.read_bytes()


def message(folder: Path, content: bytes) -> str:
    with pytest.raises(PictureError) as error:
        decode(folder, content)
    return str(error.value)


def refused(found: str) -> str:
    return (
        f"picture: expected a grey or RGB picture of 8 bits per channel, found {found}; convert it"
    )


@pytest.mark.parametrize(
    ("image", "mode", "pixel"),
    [
        (Image.new("1", (1, 1), 1), "L", 255),
        (Image.new("L", (1, 1), 7), "L", 7),
        (Image.new("LA", (1, 1), (7, 255)), "L", 7),
        (Image.new("RGB", (1, 1), (1, 2, 3)), "RGB", (1, 2, 3)),
        (Image.new("RGBA", (1, 1), (1, 2, 3, 255)), "RGB", (1, 2, 3)),
        (Image.new("RGB", (1, 1), (1, 2, 3)).convert("P", palette=Image.Palette.ADAPTIVE), "RGB",
         (1, 2, 3)),
    ],
)  # fmt: skip
def test_grey_and_opaque_colour_keep_their_values(
    image: Image.Image, mode: str, pixel: object, tmp_path: Path
) -> None:
    picture = decode(tmp_path, saved(tmp_path, image, "png"))
    assert (picture.image.mode, picture.image.getpixel((0, 0))) == (mode, pixel)
    assert not picture.is_transparent


@pytest.mark.parametrize(("bits", "expected"), [(1, 255), (2, 170), (4, 136)])
def test_fewer_than_8_bits_fill_the_range_to_255(bits: int, expected: int, tmp_path: Path) -> None:
    half = 1 << (bits - 1)  # of the first pixel, in its highest bits
    content = png(bits, 0, bytes([half << (8 - bits)]))
    assert decode(tmp_path, content).image.getpixel((0, 0)) == expected


def test_transparent_parts_are_kept_for_the_caller_to_judge(tmp_path: Path) -> None:
    picture = decode(tmp_path, saved(tmp_path, Image.new("LA", (1, 1), (7, 9)), "png"))
    assert (picture.is_transparent, picture.image.getpixel((0, 0))) == (True, (7, 7, 7, 9))


@pytest.mark.parametrize(
    ("colours", "pixel"), [(0, bytes(2)), (2, bytes(6)), (4, bytes(4)), (6, bytes(8))]
)
def test_a_png_of_16_bits_is_refused_in_grey_and_in_colour(
    colours: int, pixel: bytes, tmp_path: Path
) -> None:
    assert message(tmp_path, png(16, colours, pixel)) == refused("16 bits per channel")


@pytest.mark.parametrize(("channels", "photometric"), [(1, 1), (3, 2)])
def test_a_tiff_of_16_bits_is_refused_in_grey_and_in_colour(
    channels: int, photometric: int, tmp_path: Path
) -> None:
    eight = decode(tmp_path, tiff((8,) * channels, photometric, bytes([5] * channels)))
    assert np.asarray(eight.image).tolist() == ([[5]] if channels == 1 else [[[5, 5, 5]]])
    deep = tiff((16,) * channels, photometric, bytes(2 * channels))
    assert message(tmp_path, deep) == refused("16 bits per channel")


def test_a_ppm_whose_highest_value_is_above_255_is_refused(tmp_path: Path) -> None:
    assert message(tmp_path, b"P6 1 1 65535\n" + bytes(6)) == refused("16 bits per channel")
    assert message(tmp_path, b"P3 1 1 1023\n1 2 3\n") == refused("10 bits per channel")
    assert decode(tmp_path, b"P3 1 1 100\n0 100 100\n").image.getpixel((0, 0)) == (0, 255, 255)


def test_a_jpeg_2000_of_16_bits_is_refused(tmp_path: Path) -> None:
    content = saved(tmp_path, Image.new("RGB", (8, 8)), "jp2")
    assert decode(tmp_path, content).image.mode == "RGB"
    bits = content.index(b"\xff\x4f\xff\x51") + 42  # of the first component, less 1
    deep = content[:bits] + bytes([15]) + content[bits + 1 :]
    assert message(tmp_path, deep) == refused("16 bits per channel")


@pytest.mark.parametrize(
    ("mode", "suffix", "found"),
    [
        ("I", "tif", "32 bits per channel"),
        ("F", "tif", "floating-point values"),
        ("CMYK", "jpg", "the mode CMYK"),
        ("LAB", "tif", "the mode LAB"),
        ("YCbCr", "tif", "the mode YCbCr"),
    ],
)
def test_other_numbers_and_colour_spaces_are_refused(
    mode: str, suffix: str, found: str, tmp_path: Path
) -> None:
    content = saved(tmp_path, Image.new(mode, (3, 2)), suffix)
    assert message(tmp_path, content) == refused(found)


def test_the_pictures_of_an_animation_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "two.gif"
    GREY.save(path, save_all=True, append_images=[Image.new("L", (3, 1), 9)])
    assert decode(tmp_path, path.read_bytes()).frames == 2


def test_the_preview_inside_a_photo_does_not_count_as_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "photo.mpo"
    GREY.save(path, save_all=True, append_images=[Image.new("L", (3, 1), 9)])
    assert decode(tmp_path, path.read_bytes()).frames == 1


def test_a_picture_is_upright_and_so_is_its_size(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: rotated to the right
    for suffix in ("jpg", "png"):
        path = tmp_path / f"turned.{suffix}"
        GREY.save(path, exif=exif)
        assert decode_picture(path, "turned").image.size == (1, 3)
        assert picture_size(path) == (3, 1)
    GREY.save(tmp_path / "plain.png")
    assert picture_size(tmp_path / "plain.png") == (1, 3)


def unreadable(reason: str) -> str:
    return f"picture: the picture cannot be read: {reason}; repair it or move it elsewhere"


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert message(tmp_path, b"") == unreadable("it is empty")


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    expected = unreadable("it is none of PNG, JPEG, GIF, BMP, TIFF, WEBP, PPM, TGA, JPEG2000")
    assert message(tmp_path, b"notes, of no format") == expected
    assert picture_size(tmp_path / "picture") is None


def test_a_jpeg_of_12_bits_is_refused_with_the_reason(tmp_path: Path) -> None:
    content = saved(tmp_path, GREY, "jpg")
    bits = content.index(b"\xff\xc0") + 4
    assert message(tmp_path, content[:bits] + bytes([12]) + content[bits + 1 :]) == unreadable(
        "cannot handle 12-bit layers"
    )


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif", "tif", "webp", "jp2", "tga"])
def test_a_truncated_picture_is_refused(suffix: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8)
    content = saved(tmp_path, Image.fromarray(noise), suffix)
    assert message(tmp_path, content[:-200]).startswith("picture: the picture cannot be read: ")


@given(
    suffix=st.sampled_from(["png", "jpg", "gif", "tif", "ppm", "jp2"]),
    changes=st.dictionaries(st.integers(0, 300), st.integers(0, 255), min_size=1, max_size=4),
)
def test_a_damaged_picture_is_decoded_or_refused(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, changes: dict[int, int]
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    content = bytearray(saved(folder, Image.new("RGB", (9, 9), (1, 2, 3)), suffix))
    for position, value in changes.items():
        content[position % len(content)] = value
    with contextlib.suppress(PictureError):
        assert decode(folder, bytes(content)).image.mode in ("L", "RGB", "RGBA")


def test_a_picture_too_large_for_memory_is_refused(tmp_path: Path) -> None:
    assert message(tmp_path, png(8, 0, b"", size=(20_000, 20_000))).startswith(
        "picture: the picture cannot be read: Image size (400000000 pixels) exceeds limit"
    )


def test_a_wrong_suffix_does_not_matter(tmp_path: Path) -> None:
    GREY.save(tmp_path / "grey.png")
    path = (tmp_path / "grey.png").rename(tmp_path / "grey.jpg")
    assert np.asarray(decode_picture(path, "grey").image).tolist() == [[0, 100, 255]]


def test_damaged_metadata_gives_no_warning() -> None:
    with warnings.catch_warnings(record=True) as caught, strict_pillow():
        warnings.warn("corrupt EXIF data", UserWarning, stacklevel=1)
    assert caught == []


def test_a_refusal_names_the_picture_and_what_it_holds() -> None:
    assert str(refusal("picture", "4 ears")) == refused("4 ears")
