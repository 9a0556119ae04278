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


def refusal(folder: Path) -> str:
    with pytest.raises(DataError) as error:
        read_images(folder)
    return str(error.value)


def test_each_subfolder_is_a_label_and_rows_are_sorted_by_name(pets: Path) -> None:
    save(Image.new("L", (3, 1), 9), pets / "cat" / "2.png")
    data = read_images(pets)
    assert (data.name, data.labels, data.test) == ("pets", ("cat", "dog"), None)
    assert data.rows.y.tolist() == [0, 0, 1]
    assert data.rows.x.tolist() == [[0, 100, 255], [9, 9, 9], [0, 100, 255]]
    assert (data.input.shape, data.input.low, data.input.high) == ((1, 3), 0, 255)


def test_one_image_in_colour_makes_all_of_them_colour(pets: Path) -> None:
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
def test_what_is_exactly_grey_or_colour_is_read(
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
def test_what_is_not_exactly_grey_or_colour_is_to_be_converted(
    pets: Path, image: Image.Image, found: str
) -> None:
    save(image, pets / "cat" / "1.png")
    assert refusal(pets) == (
        "pets/cat/1.png: expected a grey or colour image of 8 bits without transparency, found "
        f"{found}; convert it"
    )


def test_several_images_in_one_file_are_to_be_converted(pets: Path) -> None:
    GREY.save(pets / "cat" / "3.gif", save_all=True, append_images=[Image.new("L", (3, 1), 9)])
    assert refusal(pets) == (
        "pets/cat/3.gif: expected a grey or colour image of 8 bits without transparency, found "
        "2 images in one; convert it"
    )


def test_an_image_is_turned_as_it_is_shown(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6  # shown turned to the right
    (tmp_path / "a").mkdir()
    GREY.save(tmp_path / "a" / "1.png", exif=turned)
    assert read_images(tmp_path).input.shape == (3, 1)


def test_two_sizes_are_named(pets: Path) -> None:
    save(Image.new("L", (2, 4)), pets / "dog" / "1.png")
    assert refusal(pets) == (
        "pets/dog/1.png: expected images of one size, found 4×2 here and 1×3 in pets/cat/1.png; "
        "scale them to one size"
    )


@pytest.mark.parametrize("content", [b"notes", b"", (b"\x89PNG\r\n\x1a\n" + bytes(40))])
def test_a_file_that_is_no_image_is_named(pets: Path, content: bytes) -> None:
    (pets / "cat" / "notes.txt").write_bytes(content)
    assert refusal(pets) == (
        "pets/cat/notes.txt: expected an image, found a file that Pillow cannot read; repair it or "
        "move it elsewhere"
    )


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif"])
def test_a_truncated_image_is_refused(pets: Path, suffix: str) -> None:
    path = pets / "cat" / f"0.{suffix}"
    rng = np.random.default_rng(0)
    save(Image.fromarray(rng.integers(0, 255, (40, 40), np.uint8)), path)
    path.write_bytes(path.read_bytes()[:-200])
    assert refusal(pets) == (
        f"pets/cat/0.{suffix}: expected an image, found a file that Pillow cannot read; repair it "
        "or move it elsewhere"
    )


def test_hidden_files_are_passed_over(pets: Path) -> None:
    (pets / ".DS_Store").write_bytes(b"?")
    (pets / "cat" / ".thumbnails").mkdir()
    assert len(read_images(pets).rows) == 3


def test_a_folder_among_the_images_is_named(pets: Path) -> None:
    (pets / "cat" / "more").mkdir()
    assert refusal(pets) == "pets/cat/more: expected an image, found a folder; move it elsewhere"


def test_a_file_beside_the_labels_is_named(pets: Path) -> None:
    (pets / "notes.txt").write_text("?")
    assert refusal(pets) == (
        "pets/notes.txt: expected only subfolders of images, one for each label, found a file; "
        "move it elsewhere"
    )


def test_a_label_without_images_is_named(pets: Path) -> None:
    (pets / "bird").mkdir()
    assert refusal(pets) == "pets/bird: expected images, found none"


def test_an_empty_folder_is_told_what_it_may_hold(tmp_path: Path) -> None:
    assert refusal(tmp_path) == (
        f"{tmp_path.name}: expected a subfolder of images for each label, or the files of MNIST or "
        "CIFAR, found nothing"
    )


def test_train_and_test_folders_are_the_datas_own_parts(tmp_path: Path) -> None:
    for name in ("train/cat/1.png", "train/dog/1.png", "test/dog/1.png"):
        save(GREY, tmp_path / name)
    data = read_images(tmp_path)
    assert (data.labels, data.rows.y.tolist()) == (("cat", "dog"), [0, 1])
    assert data.test is not None
    assert data.test.y.tolist() == [1]


def test_a_label_of_the_test_alone_is_named(tmp_path: Path) -> None:
    for name in ("train/cat/1.png", "train/dog/1.png", "test/cow/1.png"):
        save(GREY, tmp_path / "pets" / name)
    assert refusal(tmp_path / "pets") == (
        "pets/test/cow: expected only the labels of the train folder (cat, dog), found 'cow'"
    )


def test_two_labels_may_be_called_train_and_test(tmp_path: Path) -> None:
    for name in ("train/1.png", "test/1.png"):
        save(GREY, tmp_path / name)
    assert read_images(tmp_path).labels == ("test", "train")
