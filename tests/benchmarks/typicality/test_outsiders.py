import gzip
from pathlib import Path

import numpy as np
import pytest

from benchmarks.typicality.outsiders import ORIGIN, notmnist_letters

IMAGES = np.arange(3 * 28 * 28).reshape(3, 28, 28).astype(np.uint8)
DIGITS = np.zeros((3, 784), np.float32)
EXPECTED = "expected notMNIST's letters in t10k-images-idx3-ubyte, plain or .gz"


def idx(images: np.ndarray) -> bytes:
    return b"\0\0\x08\x03" + np.array(images.shape, ">u4").tobytes() + images.tobytes()


def refusal(folder: Path) -> str:
    with pytest.raises(SystemExit) as failure:
        notmnist_letters(folder, DIGITS)
    return str(failure.value)


def test_letters_are_read_from_a_plain_or_a_gzipped_file(tmp_path: Path) -> None:
    for name, content in (("a", idx(IMAGES)), ("b", gzip.compress(idx(IMAGES)))):
        folder = tmp_path / name
        folder.mkdir()
        suffix = ".gz" if name == "b" else ""
        (folder / f"t10k-images-idx3-ubyte{suffix}").write_bytes(content)
        letters = notmnist_letters(folder, DIGITS)
        assert letters.dtype == np.float32
        assert (letters == IMAGES.reshape(3, 784)).all()


def test_a_missing_file_is_named_with_its_origin(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path}: {EXPECTED}, found no such file; {ORIGIN}"


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(IMAGES)[:-1])
    assert refusal(tmp_path) == (
        f"{tmp_path}: t10k-images-idx3-ubyte: expected 2368 bytes, found 2367; the file is "
        "damaged, download it again"
    )


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(IMAGES[:, :8, :8]))
    assert refusal(tmp_path) == f"{tmp_path}: {EXPECTED}, of 28×28 pixels, found 8×8; {ORIGIN}"


def test_the_folder_of_the_digits_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(np.zeros((3, 28, 28), np.uint8)))
    assert refusal(tmp_path) == f"{tmp_path}: {EXPECTED}, found MNIST's digits; {ORIGIN}"
