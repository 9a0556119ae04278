import gzip
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.idx import is_idx, read_idx
from models.errors import DataError

IMAGES = struct.pack(">4I", 0x803, 2, 1, 3) + bytes([0, 1, 2, 253, 254, 255])
LABELS = struct.pack(">2I", 0x801, 2) + bytes([1, 0])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mnist"
    folder.mkdir()
    for prefix in ("train", "t10k"):
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(IMAGES)
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(LABELS)
    return folder


def message(folder: Path) -> str:
    with pytest.raises(DataError) as error:
        read_idx(folder)
    return str(error.value)


def test_images_are_read_row_by_row_as_pixels(folder: Path) -> None:
    data = read_idx(folder)
    assert data.rows.x.tolist() == [[0, 1, 2], [253, 254, 255]]
    assert data.rows.y.tolist() == [1, 0]
    assert (data.name, data.labels) == ("mnist", ("0", "1"))
    assert (data.input.shape, data.input.unit) == ((1, 3), "pixel")
    assert (data.input.low, data.input.high) == (0, 255)


def test_the_t10k_files_are_the_test_part(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte").write_bytes(LABELS[:-2] + bytes([0, 0]))
    test = read_idx(folder).test
    assert test is not None
    assert test.y.tolist() == [0, 0]


def test_gzipped_files_are_read(folder: Path) -> None:
    plain = folder / "train-images-idx3-ubyte"
    plain.with_name(f"{plain.name}.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    assert read_idx(folder).rows.x.tolist() == [[0, 1, 2], [253, 254, 255]]


def renamed(folder: Path, pattern: str) -> None:
    """Rename the four files; `pattern` has the fields part, content and dimensions."""
    for part in ("train", "t10k"):
        for content, dimensions in (("images", 3), ("labels", 1)):
            old = folder / f"{part}-{content}-idx{dimensions}-ubyte"
            old.rename(folder / pattern.format(part=part, content=content, dimensions=dimensions))


@pytest.mark.parametrize(
    "pattern",
    [
        "{part}-{content}.idx{dimensions}-ubyte",
        "{part}_{content}_idx{dimensions}_ubyte",
        "emnist-letters-{part}-{content}-idx{dimensions}-ubyte",
        "My train set {part}-{content}-idx{dimensions}-ubyte",
        "KMNIST.{part}-{content}-IDX{dimensions}-UBYTE",
    ],
)
def test_files_of_other_usual_names_are_read(folder: Path, pattern: str) -> None:
    renamed(folder, pattern)
    assert is_idx(folder)
    data = read_idx(folder)
    assert data.test is not None
    assert (data.rows.y.tolist(), data.test.y.tolist()) == ([1, 0], [1, 0])


def test_the_test_files_may_be_called_test(folder: Path) -> None:
    for path in folder.glob("t10k*"):
        path.rename(folder / path.name.replace("t10k", "TEST"))
    assert read_idx(folder).test is not None


def test_the_plain_file_counts_beside_its_gzipped_copy(folder: Path) -> None:
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"damaged")
    assert len(read_idx(folder).rows) == 2


def test_two_files_of_one_content_are_refused(folder: Path) -> None:
    (folder / "train-images.idx3-ubyte").write_bytes(IMAGES)
    assert message(folder) == (
        "mnist: expected one file of train images, found 'train-images-idx3-ubyte' and "
        "'train-images.idx3-ubyte'; remove one"
    )


def test_two_data_sets_in_one_folder_are_refused(folder: Path) -> None:
    renamed(folder, "emnist-letters-{part}-{content}-idx{dimensions}-ubyte")
    (folder / "emnist-digits-train-images-idx3-ubyte").write_bytes(IMAGES)
    assert message(folder) == (
        "mnist: expected the files of one data set, found names that begin with 'emnist-digits-' "
        "and 'emnist-letters-'; move each data set into a folder of its own"
    )


def test_the_labels_are_those_present_whatever_their_numbers(folder: Path) -> None:
    for part in ("train", "t10k"):
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(LABELS[:-2] + bytes([10, 2]))
    data = read_idx(folder)
    assert data.test is not None
    assert data.labels == ("2", "10")
    assert (data.rows.y.tolist(), data.test.y.tolist()) == ([1, 0], [1, 0])


def test_a_label_that_only_some_test_images_lack_is_no_error(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte").write_bytes(LABELS[:-2] + bytes([1, 1]))
    test = read_idx(folder).test
    assert test is not None
    assert test.y.tolist() == [1, 1]


def test_a_note_says_that_rows_and_columns_of_emnist_are_exchanged(folder: Path) -> None:
    assert read_idx(folder).notes == ()
    renamed(folder, "EMNIST-{part}-{content}-idx{dimensions}-ubyte")
    assert read_idx(folder).notes == (
        "mnist: the images of EMNIST are stored with rows and columns exchanged; they are read as "
        "stored, so requests must be alike",
    )


def test_a_missing_file_is_named_like_the_others(folder: Path) -> None:
    renamed(folder, "emnist-{part}-{content}.idx{dimensions}-ubyte")
    (folder / "emnist-t10k-labels.idx1-ubyte").unlink()
    assert message(folder) == (
        "mnist: the file emnist-test-labels.idx1-ubyte, plain or .gz, is missing; put it beside "
        "the others"
    )


def test_a_folder_of_an_idx_name_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").mkdir()
    assert not is_idx(tmp_path)


def test_a_folder_with_any_idx_file_is_idx(folder: Path, tmp_path: Path) -> None:
    (folder / "train-images-idx3-ubyte").unlink()
    assert is_idx(folder)
    assert not is_idx(tmp_path)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte").unlink()
    assert message(folder) == (
        "mnist: the file t10k-labels-idx1-ubyte, plain or .gz, is missing; put it beside the others"
    )


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (
            "train-images-idx3-ubyte",
            LABELS,
            "train-images-idx3-ubyte: expected the first bytes 00 00 08 03 of an IDX file of "
            "images, found 00 00 08 01",
        ),
        (
            "train-images-idx3-ubyte",
            IMAGES[:-1],
            "train-images-idx3-ubyte: expected 22 bytes, found 21; the file is damaged, download "
            "it again",
        ),
        (
            "t10k-images-idx3-ubyte",
            IMAGES[:9],
            "t10k-images-idx3-ubyte: expected at least 16 bytes, found 9; the file is damaged, "
            "download it again",
        ),
        (
            "train-images-idx3-ubyte",
            struct.pack(">4I", 0x803, 0, 1, 3),
            "train-images-idx3-ubyte: the file holds no images",
        ),
        (
            "train-labels-idx1-ubyte",
            struct.pack(">2I", 0x801, 3) + bytes([0, 1, 1]),
            "train-labels-idx1-ubyte: expected 2 labels, one for each image, found 3",
        ),
        (
            "t10k-labels-idx1-ubyte",
            LABELS[:-2] + bytes([7, 0]),
            "t10k-labels-idx1-ubyte: expected the labels of the train file ('0', '1'), found '7'",
        ),
        (
            "t10k-images-idx3-ubyte",
            struct.pack(">4I", 0x803, 2, 3, 1) + bytes(6),
            "t10k-images-idx3-ubyte: expected images of 1×3 as in the train file, found 3×1",
        ),
    ],
)
def test_a_damaged_file_is_refused(folder: Path, name: str, content: bytes, expected: str) -> None:
    (folder / name).write_bytes(content)
    assert message(folder) == expected


def test_a_gz_file_that_is_not_gzipped_is_refused(folder: Path) -> None:
    (folder / "train-images-idx3-ubyte").rename(folder / "train-images-idx3-ubyte.gz")
    assert message(folder) == (
        "train-images-idx3-ubyte.gz: the file cannot be read (Not a gzipped file (b'\\x00\\x00')); "
        "download it again"
    )


@given(length=st.integers(0, len(IMAGES) - 1), zipped=st.booleans())
def test_a_truncated_file_is_always_refused(
    tmp_path_factory: pytest.TempPathFactory, length: int, zipped: bool
) -> None:
    folder = tmp_path_factory.mktemp("idx")
    content = gzip.compress(IMAGES) if zipped else IMAGES
    name = f"train-images-idx3-ubyte{'.gz' if zipped else ''}"
    (folder / name).write_bytes(content[: length * len(content) // len(IMAGES)])
    assert message(folder).startswith(f"{name}: ")
