"""The reader is tested in full where training uses it: tests/models/data/test_idx.py."""

import gzip
from pathlib import Path

import pytest
from highway_client.errors import FileError
from highway_client.files.idx import is_idx_file, read_images

from tests.client.conftest import IMAGE, matrix

HEADER = bytes([0, 0, 8, 3]) + bytes([0, 0, 0, 2]) + bytes([0, 0, 0, 2]) + bytes([0, 0, 0, 3])


@pytest.mark.parametrize(
    ("name", "is_read"),
    [
        ("t10k-images-idx3-ubyte", True),
        ("emnist-letters-train-images.idx3-ubyte.GZ", True),
        ("t10k-labels-idx1-ubyte", False),
        ("images.csv.gz", False),
    ],
)
def test_files_of_images_have_a_usual_name(name: str, is_read: bool) -> None:
    assert is_idx_file(Path(name)) == is_read


def test_images_are_read_plain_or_compressed(tmp_path: Path) -> None:
    for name, content in (
        ("images-idx3-ubyte", HEADER + bytes(range(12))),
        ("images-idx3-ubyte.gz", gzip.compress(HEADER + bytes(range(12)))),
    ):
        (tmp_path / name).write_bytes(content)
        rows = read_images(tmp_path / name, IMAGE)
        assert rows.count == 2
        assert matrix(rows).tolist() == [[*range(6)], [*range(6, 12)]]


def test_images_of_another_size_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "images-idx3-ubyte"
    path.write_bytes(HEADER[:-1] + bytes([2]) + bytes(8))
    with pytest.raises(FileError) as caught:
        read_images(path, IMAGE)
    assert str(caught.value) == f"{path}: expected images of 2×3, found 2×2"
