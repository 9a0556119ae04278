import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from highway_client.description import Input
from highway_client.errors import FileError
from highway_client.files.pictures import read_picture
from PIL import Image

from tests.client.conftest import IMAGE, PEOPLE
from tests.conftest import ROOT

GREY = np.array([[0, 51, 102], [153, 204, 255]], np.uint8)
COLOURED = replace(IMAGE, shape=(2, 3, 3))


def saved(folder: Path, pixels: Any, **options: Any) -> Path:
    path = folder / "picture.png"
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path, **options)
    return path


def row_of(path: Path, row: Input = IMAGE, *, invert: bool = False) -> Any:
    values = read_picture(path, row, invert=invert).values.reshape(row.shape)
    assert values.dtype == np.float32
    return values.tolist()


def test_pixels_are_sent_unchanged(tmp_path: Path) -> None:
    path = saved(tmp_path, GREY)
    assert row_of(path) == GREY.tolist()
    assert read_picture(path, IMAGE, invert=False).notes == ()


def test_inverting_inverts_the_brightness(tmp_path: Path) -> None:
    path = saved(tmp_path, GREY)
    assert row_of(path, invert=True) == [[255, 204, 153], [102, 51, 0]]


def test_values_are_scaled_to_the_models_bounds(tmp_path: Path) -> None:
    path = saved(tmp_path, GREY)
    sixteen, signed = replace(IMAGE, high=16), replace(IMAGE, low=-1, high=1)
    assert row_of(path, sixteen)[1][2] == 16
    assert row_of(path, signed)[0] == pytest.approx([-1, -0.6, -0.2], abs=1e-6)
    assert row_of(path, replace(IMAGE, low=None, high=None)) == GREY.tolist()


def test_colours_become_grey_and_grey_becomes_colours(tmp_path: Path) -> None:
    green = np.zeros((2, 3, 3), np.uint8) + np.array([0, 255, 0], np.uint8)
    assert row_of(saved(tmp_path, green)) == [[150] * 3] * 2  # 0.587 × 255
    assert row_of(saved(tmp_path, GREY), COLOURED)[0][1] == [51, 51, 51]


def test_a_model_of_grey_pictures_is_sent_no_colours_with_a_note(tmp_path: Path) -> None:
    green = saved(tmp_path, np.zeros((2, 3, 3)) + np.array([0, 255, 0]))
    notes = read_picture(green, IMAGE, invert=False).notes
    assert notes == (f"{green}: converted its colours to grey",)
    grey_as_rgb = saved(tmp_path, np.repeat(GREY[:, :, np.newaxis], 3, axis=2))
    assert read_picture(grey_as_rgb, IMAGE, invert=False).notes == ()


def test_the_first_picture_of_an_animation_is_sent_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "two.gif"
    first = Image.fromarray(GREY)
    first.save(path, save_all=True, append_images=[Image.new("L", (3, 2), 9)])
    result = read_picture(path, IMAGE, invert=False)
    assert result.values.reshape(2, 3).tolist() == GREY.tolist()
    assert result.notes == (f"{path}: took the first of 2 pictures",)


def test_another_size_is_resized_with_a_note(tmp_path: Path) -> None:
    path = saved(tmp_path, np.full((20, 60), 7))
    result = read_picture(path, IMAGE, invert=False)
    assert result.values.tolist() == [[7] * 6]
    assert result.notes == (f"{path}: resized from 60×20 to 3×2 pixels",)


@pytest.mark.parametrize(("invert", "background"), [(False, "dark"), (True, "light")])
def test_transparent_parts_become_the_background_with_a_note(
    invert: bool, background: str, tmp_path: Path
) -> None:
    pixels = np.zeros((2, 3, 4), np.uint8)
    pixels[0, 0] = 200, 200, 200, 255
    path = saved(tmp_path, pixels)
    result = read_picture(path, IMAGE, invert=invert)
    assert result.values.reshape(2, 3).tolist() == [[55 if invert else 200, 0, 0], [0, 0, 0]]
    assert result.notes == (f"{path}: made its transparent parts {background}",)


def test_an_opaque_alpha_channel_needs_no_note(tmp_path: Path) -> None:
    path = saved(tmp_path, np.full((2, 3, 4), 255))
    assert read_picture(path, IMAGE, invert=False).notes == ()


def test_a_picture_is_rotated_by_its_exif_data(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    assert row_of(saved(tmp_path, GREY, exif=exif)) == GREY[::-1, ::-1].tolist()


def test_a_picture_of_16_bits_per_colour_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    Image.fromarray(np.full((2, 3), 1000, np.uint16)).save(path)
    with pytest.raises(FileError) as caught:
        read_picture(path, IMAGE, invert=False)
    assert str(caught.value) == (
        f"{path}: expected a grey or RGB picture of 8 bits per channel, found 16 bits per channel; "
        "convert it"
    )


@pytest.mark.parametrize("cut", [0, 20, 60])
def test_a_damaged_picture_is_an_error(cut: int, tmp_path: Path) -> None:
    path = saved(tmp_path, np.random.default_rng(1).integers(0, 256, (28, 28)))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(FileError) as caught:
        read_picture(path, IMAGE, invert=False)
    assert str(caught.value).startswith(f"{path}: the picture cannot be read: ")


def test_a_model_of_tables_reads_no_picture(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        read_picture(tmp_path / "a.png", PEOPLE, invert=False)
    assert str(caught.value) == (
        f"{tmp_path}/a.png: expected a table, such as .csv or .parquet, because the model reads "
        "tables"
    )


def test_without_pillow_the_error_says_how_to_install_it() -> None:
    script = (
        "import sys; sys.modules['PIL'] = None\n"
        "from pathlib import Path\n"
        "from highway_client.description import Input\n"
        "from highway_client.files.pictures import read_picture\n"
        "row = Input(kind='image', shape=(2, 3), unit='pixel')\n"
        "read_picture(Path('a.png'), row, invert=False)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stderr.splitlines()[-1] == (
        "highway_client.errors.FileError: a.png: expected Pillow to read a picture, found none; "
        "install it with `pip install pillow`"
    )
