from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.client.errors import FileError
from service.client.files.reading import read_rows
from service.contract import Input
from tests.service.client.conftest import IMAGE, PEOPLE


def test_a_file_is_read_by_what_its_name_ends_in(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[[1, 2, 3]]")
    (tmp_path / "a.CSV").write_text("age,job,member\n1,nurse,true\n")
    np.save(tmp_path / "a.npy", np.zeros((1, 3)))
    np.savez(tmp_path / "a.npz", np.zeros((1, 3)))
    for name in ("a.json", "a.CSV", "a.npy", "a.npz"):
        assert len(read_rows(tmp_path / name, PEOPLE, invert=False).rows) == 1
    Image.new("L", (3, 2), 255).save(tmp_path / "a.JPG")
    assert np.asarray(read_rows(tmp_path / "a.JPG", IMAGE, invert=True).rows).sum() == 0


@pytest.mark.parametrize(
    ("name", "row", "invert", "sentence"),
    [
        ("no.csv", PEOPLE, False, "{path}: expected a file, found none"),
        ("folder", PEOPLE, False, "{path}: expected a file, found a directory"),
        ("a.json", IMAGE, True, "--invert: expected a picture, found a.json; leave it out"),
        ("a.onnx", IMAGE, False, "{path}: expected a name that ends in one of .json, .csv, .npy, "
         ".npz, .png, .jpg, .jpeg, .bmp, .gif, .tif, .tiff, .webp, found .onnx"),
        ("a", IMAGE, False, "{path}: expected a name that ends in one of .json, .csv, .npy, "
         ".npz, .png, .jpg, .jpeg, .bmp, .gif, .tif, .tiff, .webp, found no ending"),
    ],
)  # fmt: skip
def test_any_other_file_is_told(
    name: str, row: Input, invert: bool, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    for other in ("a.json", "a.onnx", "a"):
        (tmp_path / other).touch()
    path = tmp_path / name
    with pytest.raises(FileError) as caught:
        read_rows(path, row, invert=invert)
    assert str(caught.value) == sentence.format(path=path)
