from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from highway_client.description import Input, TextFormat
from highway_client.errors import FileError
from highway_client.files.reading import read_rows, written
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


def test_a_table_may_be_written_otherwise_than_the_training_data(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("age:job:member:größe\n41:nurse:true:1\n".encode("cp850"))
    row = replace(PEOPLE, text=TextFormat(delimiter=";", missing=("-",)))
    changed = written(row, delimiter=":", encoding="cp850")
    assert changed.text == TextFormat(delimiter=":", missing=("-",), encoding="cp850")
    assert read_rows(path, changed, invert=False).rows == [
        {"age": 41, "job": "nurse", "member": "true"}
    ]
    assert written(row, delimiter=None, encoding=None) == row


@pytest.mark.parametrize(
    ("name", "row", "invert", "reason"),
    [
        ("no.csv", PEOPLE, False, "{path}: expected a file, found none"),
        ("folder", PEOPLE, False, "{path}: expected a file, found a directory"),
        ("a.json", IMAGE, True, "--invert: expected a picture, found a.json; omit the option"),
        ("a.onnx", IMAGE, False, "{path}: expected one of the suffixes .json, .csv, .tsv, .tab, "
         ".txt, .gz, .zip, .zst, .npy, .npz, .png, .jpg, .jpeg, .bmp, .gif, .tif, .tiff, .webp, "
         "found .onnx"),
        ("a", IMAGE, False, "{path}: expected one of the suffixes .json, .csv, .tsv, .tab, "
         ".txt, .gz, .zip, .zst, .npy, .npz, .png, .jpg, .jpeg, .bmp, .gif, .tif, .tiff, .webp, "
         "found none"),
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
