from pathlib import Path

import numpy as np
import pytest
from highway_client.description import Input
from highway_client.errors import FileError
from highway_client.files.reading import read_rows
from PIL import Image

from tests.client.conftest import IMAGE, PEOPLE


def test_the_suffix_selects_the_reader(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[[1, 2, 3]]")
    (tmp_path / "a.CSV").write_text("age,job,member\n1,nurse,true\n")
    np.save(tmp_path / "a.npy", np.zeros((1, 3)))
    np.savez(tmp_path / "a.npz", np.zeros((1, 3)))
    for name in ("a.json", "a.CSV", "a.npy", "a.npz"):
        assert len(read_rows(tmp_path / name, PEOPLE, invert=False).rows) == 1
    Image.new("L", (3, 2), 255).save(tmp_path / "a.JPG")
    assert np.asarray(read_rows(tmp_path / "a.JPG", IMAGE, invert=True).rows).sum() == 0


@pytest.mark.parametrize(
    ("name", "row", "invert", "reason"),
    [
        ("no.csv", PEOPLE, False, "{path}: expected a file, found none"),
        ("folder", PEOPLE, False, "{path}: expected a file, found a directory"),
        ("a.json", IMAGE, True, "--invert: expected a picture, found a.json; omit the option"),
        ("a.onnx", IMAGE, False, "{path}: expected one of the suffixes .json, .csv, .npy, .npz, "
         ".png, .jpg, .jpeg, .bmp, .gif, .tif, .tiff, .webp, found .onnx"),
        ("a", IMAGE, False, "{path}: expected one of the suffixes .json, .csv, .npy, .npz, "
         ".png, .jpg, .jpeg, .bmp, .gif, .tif, .tiff, .webp, found none"),
    ],
)  # fmt: skip
def test_a_file_that_no_reader_can_read_is_an_error(
    name: str, row: Input, invert: bool, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    for other in ("a.json", "a.onnx", "a"):
        (tmp_path / other).touch()
    path = tmp_path / name
    with pytest.raises(FileError) as caught:
        read_rows(path, row, invert=invert)
    assert str(caught.value) == reason.format(path=path)
