import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from highway_client.description import Input, TextFormat
from highway_client.errors import FileError
from highway_client.files.reading import read_rows, written
from PIL import Image
from pyarrow.parquet import write_table

from tests.client.conftest import IMAGE, PEOPLE, matrix, named


def test_the_suffix_selects_the_reader(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[[1, 2, 3]]")
    (tmp_path / "a.CSV").write_text("age,job,member\n1,nurse,true\n")
    np.save(tmp_path / "a.npy", np.zeros((1, 3)))
    np.savez(tmp_path / "a.npz", np.zeros((1, 3)))
    for name in ("a.json", "a.CSV", "a.npy", "a.npz"):
        assert len(list(read_rows(tmp_path / name, PEOPLE, invert=False).batches)) == 1
    Image.new("L", (3, 2), 255).save(tmp_path / "a.JPG")
    assert matrix(read_rows(tmp_path / "a.JPG", IMAGE, invert=True)).sum() == 0


def test_folders_and_images_of_mnist_are_read(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    Image.new("L", (3, 2), 7).save(tmp_path / "pictures" / "a.png")
    assert matrix(read_rows(tmp_path / "pictures", IMAGE, invert=False)).tolist() == [[7] * 6]
    (tmp_path / "people").mkdir()
    person = pa.table({"age": [41], "job": ["nurse"], "member": [True]})
    write_table(person, tmp_path / "people" / "0.parquet")
    assert matrix(read_rows(tmp_path / "people", PEOPLE, invert=False)).tolist() == [[41, 0, 1]]
    images = tmp_path / "t10k-images-idx3-ubyte"
    images.write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, *range(6)]))
    assert matrix(read_rows(images, IMAGE, invert=False)).tolist() == [[*range(6)]]


def test_a_table_may_be_written_otherwise_than_the_training_data(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("age:job:member:größe\n41:nurse:true:1\n".encode("cp850"))
    row = replace(PEOPLE, text=TextFormat(delimiter=";", missing=("-",)))
    changed = written(row, delimiter=":", encoding="cp850")
    assert changed.text == TextFormat(delimiter=":", missing=("-",), encoding="cp850")
    assert named(read_rows(path, changed, invert=False)) == [
        {"age": 41, "job": "nurse", "member": "true"}
    ]
    assert written(row, delimiter=None, encoding=None) == row


@pytest.mark.parametrize(
    ("name", "row", "invert", "reason"),
    [
        ("no.csv", PEOPLE, False, "{path}: expected a file or a folder, found none"),
        ("pipe", PEOPLE, False, "{path}: expected a file or a folder, found a pipe or a device"),
        ("t.parquet", IMAGE, True, "--invert: expected a picture, found t.parquet; omit the "
         "option"),
        ("a.json", IMAGE, True, "--invert: expected a picture, found a.json; omit the option"),
        ("a.onnx", IMAGE, False, "{path}: expected one of the suffixes .json, .csv, .tsv, .tab, "
         ".txt, .gz, .zip, .zst, .parquet, .pq, .feather, .arrow, .ipc, .xlsx, .xlsm, .npy, "
         ".npz, .png, .jpg, .jpeg, .bmp, .gif, .tif, .tiff, .webp, "
         "found .onnx"),
        ("a", IMAGE, False, "{path}: expected one of the suffixes .json, .csv, .tsv, .tab, "
         ".txt, .gz, .zip, .zst, .parquet, .pq, .feather, .arrow, .ipc, .xlsx, .xlsm, .npy, "
         ".npz, .png, .jpg, .jpeg, .bmp, .gif, .tif, .tiff, .webp, "
         "found none"),
    ],
)  # fmt: skip
def test_a_file_that_no_reader_can_read_is_an_error(
    name: str, row: Input, invert: bool, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "t.parquet").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for other in ("a.json", "a.onnx", "a"):
        (tmp_path / other).touch()
    path = tmp_path / name
    with pytest.raises(FileError) as caught:
        read_rows(path, row, invert=invert)
    assert str(caught.value) == reason.format(path=path)
