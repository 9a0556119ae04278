from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.data.images import read_images
from models.errors import DataError

GREY = Image.fromarray(np.array([[0, 100, 255]], np.uint8))
RED = Image.new("RGB", (3, 1), (255, 0, 0))


def save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    for name in ("dog/1.png", "cat/2.png", "cat/1.png"):
        save(GREY, tmp_path / "pets" / name)
    return tmp_path / "pets"


def message(folder: Path) -> str:
    with pytest.raises(DataError) as error:
        read_images(folder)
    return str(error.value)


def test_subfolders_are_labels_and_rows_are_sorted_by_name(pets: Path) -> None:
    save(Image.new("L", (3, 1), 9), pets / "cat" / "2.png")
    data = read_images(pets)
    assert (data.name, data.labels, data.test) == ("pets", ("cat", "dog"), None)
    assert data.rows.y.tolist() == [0, 0, 1]
    assert data.rows.x.tolist() == [[0, 100, 255], [9, 9, 9], [0, 100, 255]]
    assert (data.input.shape, data.input.low, data.input.high) == ((1, 3), 0, 255)


def test_one_colour_image_makes_all_images_colour(pets: Path) -> None:
    save(RED, pets / "dog" / "1.png")
    data = read_images(pets)
    assert data.input.shape == (1, 3, 3)
    assert data.rows.x[[0, 2]].tolist() == [
        [0, 0, 0, 100, 100, 100, 255, 255, 255],
        [255, 0, 0] * 3,
    ]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("1", (3, 1), 1), [255] * 3),
        (Image.new("LA", (3, 1), (7, 255)), [7] * 3),
        (Image.new("RGBA", (3, 1), (1, 2, 3, 255)), [1, 2, 3] * 3),
        (RED.convert("P"), [255, 0, 0] * 3),
    ],
)
def test_grey_and_opaque_colour_images_are_read(
    pets: Path, image: Image.Image, expected: list[int]
) -> None:
    save(image, pets / "cat" / "1.png")
    assert read_images(pets).rows.x[0].tolist() == expected


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (Image.new("RGBA", (3, 1), (1, 2, 3, 9)), "an image of mode RGBA with transparency"),
        (Image.new("I;16", (3, 1)), "an image of mode I;16"),
    ],
)
def test_transparent_and_16_bit_images_are_refused(
    pets: Path, image: Image.Image, found: str
) -> None:
    save(image, pets / "cat" / "1.png")
    assert message(pets) == (
        "pets/cat/1.png: expected a grey or colour image of 8 bits without transparency, found "
        f"{found}; convert it"
    )


def test_several_images_in_one_file_are_refused(pets: Path) -> None:
    GREY.save(pets / "cat" / "3.gif", save_all=True, append_images=[Image.new("L", (3, 1), 9)])
    assert message(pets) == (
        "pets/cat/3.gif: expected a grey or colour image of 8 bits without transparency, found "
        "2 images in one file; convert it"
    )


def test_the_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: rotated to the right
    (tmp_path / "a").mkdir()
    GREY.save(tmp_path / "a" / "1.png", exif=exif)
    assert read_images(tmp_path).input.shape == (3, 1)


def test_images_of_two_sizes_are_refused(pets: Path) -> None:
    save(Image.new("L", (2, 4)), pets / "dog" / "1.png")
    assert message(pets) == (
        "pets/dog/1.png: expected images of one size, found 4×2 here and 1×3 in pets/cat/1.png; "
        "scale them to one size"
    )


@pytest.mark.parametrize("content", [b"notes", b"", (b"\x89PNG\r\n\x1a\n" + bytes(40))])
def test_a_file_that_is_not_an_image_is_refused(pets: Path, content: bytes) -> None:
    (pets / "cat" / "notes.txt").write_bytes(content)
    assert message(pets) == (
        "pets/cat/notes.txt: Pillow cannot read this file as an image; repair it or move it "
        "elsewhere"
    )


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif"])
def test_a_truncated_image_is_refused(pets: Path, suffix: str) -> None:
    path = pets / "cat" / f"0.{suffix}"
    rng = np.random.default_rng(0)
    save(Image.fromarray(rng.integers(0, 255, (40, 40), np.uint8)), path)
    path.write_bytes(path.read_bytes()[:-200])
    assert message(pets) == (
        f"pets/cat/0.{suffix}: Pillow cannot read this file as an image; repair it or move it "
        "elsewhere"
    )


def test_hidden_files_are_skipped(pets: Path) -> None:
    (pets / ".DS_Store").write_bytes(b"?")
    (pets / "cat" / ".thumbnails").mkdir()
    assert len(read_images(pets).rows) == 3


def test_a_folder_among_the_images_is_refused(pets: Path) -> None:
    (pets / "cat" / "more").mkdir()
    assert message(pets) == "pets/cat/more: expected an image, found a folder; move it elsewhere"


def test_a_file_beside_the_label_folders_is_refused(pets: Path) -> None:
    (pets / "notes.txt").write_text("?")
    assert message(pets) == (
        "pets/notes.txt: expected only subfolders, one for each label, found a file; move it "
        "elsewhere"
    )


def test_a_label_without_images_is_refused(pets: Path) -> None:
    (pets / "bird").mkdir()
    assert message(pets) == "pets/bird: the folder holds no images"


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert message(tmp_path) == (
        f"{tmp_path.name}: the folder is empty; expected a subfolder of images for each label, or "
        "the files of MNIST or CIFAR"
    )


def test_train_and_test_folders_are_the_train_and_test_parts(tmp_path: Path) -> None:
    for name in ("train/cat/1.png", "train/dog/1.png", "test/dog/1.png"):
        save(GREY, tmp_path / name)
    data = read_images(tmp_path)
    assert (data.labels, data.rows.y.tolist()) == (("cat", "dog"), [0, 1])
    assert data.test is not None
    assert data.test.y.tolist() == [1]


def test_a_label_only_in_the_test_folder_is_refused(tmp_path: Path) -> None:
    for name in ("train/cat/1.png", "train/dog/1.png", "test/cow/1.png"):
        save(GREY, tmp_path / "pets" / name)
    assert message(tmp_path / "pets") == (
        "pets/test/cow: expected only the labels of the train folder (cat, dog), found 'cow'"
    )


def test_two_labels_may_be_called_train_and_test(tmp_path: Path) -> None:
    for name in ("train/1.png", "test/1.png"):
        save(GREY, tmp_path / name)
    assert read_images(tmp_path).labels == ("test", "train")
