import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from models.data.cifar import is_cifar, read_cifar
from models.errors import DataError

PLANES = np.repeat(np.array([10, 20, 30], np.uint8), 1024)  # red, green, blue


def batch(*labels: int, key: str = "labels") -> dict[str, object]:
    return {"data": np.tile(PLANES, (len(labels), 1)), key: list(labels)}


def write(path: Path, content: object) -> None:
    path.write_bytes(pickle.dumps(content, protocol=2))


@pytest.fixture
def cifar10(tmp_path: Path) -> Path:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for number in range(1, 6):
        write(folder / f"data_batch_{number}", batch(0, 1))
    write(folder / "test_batch", batch(1))
    write(folder / "batches.meta", {"label_names": ["cat", "dog"]})
    return folder


def message(folder: Path) -> str:
    with pytest.raises(DataError) as error:
        read_cifar(folder)
    return str(error.value)


def test_cifar_10_is_five_training_batches_and_a_test_batch(cifar10: Path) -> None:
    data = read_cifar(cifar10)
    assert (data.name, data.labels) == ("cifar-10-batches-py", ("cat", "dog"))
    assert data.rows.y.tolist() == [0, 1] * 5
    assert data.test is not None
    assert data.test.y.tolist() == [1]


def test_colour_planes_become_interleaved_pixels(cifar10: Path) -> None:
    image = np.zeros((3, 32, 32), np.uint8)
    image[0, 0, 1], image[2, 31, 0] = 7, 9  # red at the top, blue at the bottom
    write(cifar10 / "data_batch_1", {"data": image.reshape(1, -1), "labels": [0]})
    data = read_cifar(cifar10)
    pixels = data.rows.x[0].reshape(data.input.shape)
    assert data.input.shape == (32, 32, 3)
    assert (pixels[0, 1].tolist(), pixels[31, 0].tolist()) == ([7, 0, 0], [0, 0, 9])


def test_cifar_100_uses_its_fine_labels(tmp_path: Path) -> None:
    for name in ("train", "test"):
        write(tmp_path / name, batch(1, 0, key="fine_labels") | {"coarse_labels": [0, 0]})
    write(tmp_path / "meta", {"fine_label_names": ["apple", "bee"], "coarse_label_names": ["x"]})
    data = read_cifar(tmp_path)
    assert (data.labels, data.rows.y.tolist()) == (("apple", "bee"), [1, 0])


def test_original_pickles_of_python_2_are_read(cifar10: Path) -> None:
    content = bytes(range(256)) * 12  # opcodes as Python 2 and NumPy 1 wrote them
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x01M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
        + struct.pack("<i", len(content))
        + content
        + b"tb"
    )
    pickled = b"\x80\x02}(U\x04data" + array + b"U\x06labels](K\x01eu."
    (cifar10 / "data_batch_1").write_bytes(pickled)
    rows = read_cifar(cifar10).rows
    assert rows.y[0] == 1
    assert rows.x[0, :6].tolist() == [0, 0, 0, 1, 1, 1]


def test_arrays_in_fortran_order_are_read(cifar10: Path) -> None:
    images = np.arange(2 * 3072).reshape(2, 3072) % 251
    write(
        cifar10 / "data_batch_1",
        {"data": np.asfortranarray(images.astype(np.uint8)), "labels": [0, 1]},
    )
    x = read_cifar(cifar10).rows.x
    assert x[:2, 0].tolist() == [images[0, 0], images[1, 0]]
    assert x[1, 1] == images[1, 1024]


def test_a_folder_with_any_cifar_file_is_cifar(cifar10: Path, tmp_path: Path) -> None:
    (cifar10 / "data_batch_1").unlink()
    (tmp_path / "train").mkdir()  # a folder of images, not a file of CIFAR-100
    assert is_cifar(cifar10)
    assert not is_cifar(tmp_path)


def test_a_missing_file_is_named(cifar10: Path) -> None:
    (cifar10 / "data_batch_3").unlink()
    assert message(cifar10) == (
        "cifar-10-batches-py: the file data_batch_3 is missing; put it beside the others"
    )


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch harmed",)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            Harmful(),
            "test_batch: expected plain values and arrays of bytes, found posix.system; use the "
            "original file",
        ),
        (
            {"data": np.zeros((1, 3072)), "labels": [0]},
            "test_batch: expected plain values and arrays of bytes, found an array of f8; use the "
            "original file",
        ),
        ([1], "test_batch: the key 'data' is missing"),
        (
            {"data": [0], "labels": [0]},
            "test_batch: 'data' must be a two-dimensional array of bytes",
        ),
        (
            {"data": np.zeros((1, 784), np.uint8), "labels": [0]},
            "test_batch: expected 3072 bytes for each image, found 784",
        ),
        (
            batch(0) | {"labels": [0, 1]},
            "test_batch: 'labels' must be a list of 1, one for each image",
        ),
        (batch(0, 2), "test_batch: expected labels from 0 to 1, found 2"),
    ],
)
def test_a_file_with_other_content_is_refused(
    cifar10: Path, content: object, expected: str
) -> None:
    write(cifar10 / "test_batch", content)
    assert message(cifar10) == expected


def test_another_encoding_than_latin1_is_refused(cifar10: Path) -> None:
    (cifar10 / "test_batch").write_bytes(
        b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x05\x00\x00\x00rot13tR."
    )
    assert message(cifar10) == (
        "test_batch: expected plain values and arrays of bytes, found the encoding rot13; use the "
        "original file"
    )


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("cat", "batches.meta: 'label_names' must be a list of strings"),
        (["cat", "cat"], "batches.meta: 'label_names' must not contain a name twice"),
    ],
)
def test_label_names_must_be_distinct_strings(cifar10: Path, names: object, expected: str) -> None:
    write(cifar10 / "batches.meta", {"label_names": names})
    assert message(cifar10) == expected


@pytest.mark.parametrize(
    "damaged",
    [
        pickle.dumps(batch(0), protocol=2)[:-100],
        b"",
        b"\x80\x02}r\xff\xff\xff\xff.",  # a memo index that would allocate 32 GiB
    ],
)
def test_a_damaged_file_is_refused(cifar10: Path, damaged: bytes) -> None:
    (cifar10 / "data_batch_2").write_bytes(damaged)
    assert message(cifar10) == ("data_batch_2: the pickle is damaged; download it again")
