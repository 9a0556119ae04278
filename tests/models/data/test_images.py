from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.data.images import read_images
from models.errors import DataError
from tests.client.files.test_pixels import png

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
    assert data.notes == (
        "pets: 2 grey and 1 colour pictures, such as 'pets/cat/2.png' and 'pets/dog/1.png'; all "
        "are read in colour",
    )


def test_a_grey_jpeg_among_colour_ones_is_read_in_colour(tmp_path: Path) -> None:
    save(Image.new("RGB", (2, 1), (8, 8, 8)), tmp_path / "pets" / "cat" / "1.jpg")
    save(Image.new("L", (2, 1), 200), tmp_path / "pets" / "cat" / "2.jpg")
    data = read_images(tmp_path / "pets")
    assert data.rows.x.tolist() == [[8] * 6, [200] * 6]
    assert data.notes[0].startswith("pets: 1 grey and 1 colour pictures")


def refused(name: str, found: str) -> str:
    return (
        f"{name}: expected a grey or RGB picture of 8 bits per channel, found {found}; convert it"
    )


def test_an_opaque_alpha_channel_is_dropped(pets: Path) -> None:
    save(Image.new("RGBA", (3, 1), (1, 2, 3, 255)), pets / "cat" / "1.png")
    assert read_images(pets).rows.x[0].tolist() == [1, 2, 3] * 3


def test_transparent_parts_are_refused(pets: Path) -> None:
    save(Image.new("RGBA", (3, 1), (1, 2, 3, 9)), pets / "cat" / "1.png")
    assert message(pets) == refused("pets/cat/1.png", "transparent parts")


def test_colours_of_16_bits_are_refused_like_grey_of_16_bits(pets: Path) -> None:
    save(Image.new("I;16", (3, 1)), pets / "cat" / "1.png")
    assert message(pets) == refused("pets/cat/1.png", "16 bits per channel")
    (pets / "cat" / "1.png").write_bytes(png(16, 2, bytes(6)))
    assert message(pets) == refused("pets/cat/1.png", "16 bits per channel")


def test_several_pictures_in_one_file_are_refused(pets: Path) -> None:
    GREY.save(pets / "cat" / "3.gif", save_all=True, append_images=[Image.new("L", (3, 1), 9)])
    assert message(pets) == refused("pets/cat/3.gif", "2 pictures in one file")


def test_the_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: rotated to the right
    (tmp_path / "a").mkdir()
    GREY.save(tmp_path / "a" / "1.png", exif=exif)
    assert read_images(tmp_path).input.shape == (3, 1)


def test_pictures_of_several_sizes_are_refused_and_counted(pets: Path) -> None:
    save(Image.new("L", (2, 4)), pets / "dog" / "1.png")
    assert message(pets) == (
        "pets: expected pictures of one size, found 2 sizes (height×width): 1×3 in 2, such as "
        "'pets/cat/1.png'; 4×2 in 1, such as 'pets/dog/1.png'; scale them to one size"
    )


def test_at_most_three_sizes_are_listed_after_one_batch_of_pictures(
    pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.data.images.BATCH", 3)
    for width in (3, 5, 6, 7):
        save(Image.new("L", (width, 1)), pets / "dog" / f"{width}.png")
    save(Image.new("L", (4, 1)), pets / "cat" / "2.png")
    (pets / "dog" / "9.png").write_bytes(b"not decoded, so not refused")
    assert message(pets) == (
        "pets: expected pictures of one size, found 5 sizes (height×width): 1×3 in 3, such as "
        "'pets/cat/1.png'; 1×4 in 1, such as 'pets/cat/2.png'; 1×5 in 1, such as 'pets/dog/5.png'; "
        "…; scale them to one size"
    )


def test_more_pictures_than_a_batch_keep_their_order(
    pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.data.images.BATCH", 2)
    for brightness in range(7):
        save(Image.new("L", (3, 1), brightness), pets / "cat" / f"{brightness}.png")
    assert read_images(pets).rows.x[:, 0].tolist() == [*range(7), 0]


def test_a_file_that_is_no_picture_is_refused(pets: Path) -> None:
    (pets / "cat" / "notes.txt").write_bytes(b"")
    assert message(pets) == (
        "pets/cat/notes.txt: the picture cannot be read: it is empty; repair it or move it "
        "elsewhere"
    )


NO_FORMAT = "it is none of PNG, JPEG, GIF, BMP, TIFF, WEBP, PPM, TGA, JPEG2000"


def unreadable(name: str, reason: str) -> str:
    return f"{name}: the picture cannot be read: {reason}; repair it or move it elsewhere"


def test_a_text_named_as_a_picture_is_refused(pets: Path) -> None:
    (pets / "cat" / "2.jpg").write_text("<html>404 not found</html>")
    assert message(pets) == unreadable("pets/cat/2.jpg", NO_FORMAT)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_jpeg_that_is_cut_off_is_refused(share: float, tmp_path: Path) -> None:
    path = tmp_path / "pets" / "cat" / "1.jpg"
    save(Image.radial_gradient("L"), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    text = message(tmp_path / "pets")
    assert text == unreadable("pets/cat/1.jpg", text.split(": ")[2].partition(";")[0])
    assert "runcated" in text


def test_a_cmyk_jpeg_is_refused(pets: Path) -> None:
    save(Image.new("CMYK", (3, 1)), pets / "cat" / "1.jpg")
    assert message(pets) == refused("pets/cat/1.jpg", "the mode CMYK")


def test_all_refused_pictures_are_listed_at_once(
    pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.data.images.BATCH", 2)
    (pets / "cat" / "0.png").touch()
    save(Image.new("L", (9, 9)), pets / "cat" / "3.png")
    save(Image.new("CMYK", (3, 1)), pets / "dog" / "1.jpg")
    assert message(pets) == (
        "pets: 2 pictures cannot be used:\n"
        f"  {unreadable('pets/cat/0.png', 'it is empty')}\n"
        f"  {refused('pets/dog/1.jpg', 'the mode CMYK')}"
    )


def test_of_many_refused_pictures_ten_are_listed(pets: Path) -> None:
    for number in range(12):
        (pets / "cat" / f"{number:02}.png").touch()
    *listed, last = message(pets).splitlines()
    assert listed[0] == "pets: 12 pictures cannot be used:"
    assert listed[-1] == f"  {unreadable('pets/cat/09.png', 'it is empty')}"
    assert last == "  and 2 more"


def test_each_part_has_memory_of_its_own(pets: Path) -> None:
    save(GREY, pets.parent / "parts" / "train" / "cat" / "1.png")
    save(GREY, pets.parent / "parts" / "test" / "cat" / "1.png")
    data = read_images(pets.parent / "parts")
    assert data.test is not None
    assert data.test.x.base is not None
    assert data.test.x.base.size == data.test.x.size == 3


def test_the_folders_of_parts_are_read_as_these_parts(pets: Path, tmp_path: Path) -> None:
    for name, brightness in (
        ("train/cat/1.png", 1), ("train/dog/1.png", 2), ("val/dog/1.png", 3), ("test/cat/1.png", 4),
        ("test/dog/1.png", 5),
    ):  # fmt: skip
        save(Image.new("L", (3, 1), brightness), tmp_path / "parts" / name)
    data = read_images(tmp_path / "parts")
    assert data.validation is not None
    assert data.test is not None
    assert data.labels == ("cat", "dog")
    parts = (data.rows, data.validation, data.test)
    assert [part.x[:, 0].tolist() for part in parts] == [[1, 2], [3], [4, 5]]
    assert [part.y.tolist() for part in parts] == [[0, 1], [1], [0, 1]]
    assert data.notes == (
        "parts: 2 training pictures in 'train', 1 validation pictures in 'val', 2 test pictures in "
        "'test'",
    )


def test_a_validation_folder_without_a_test_folder_is_no_test_part(tmp_path: Path) -> None:
    for name in ("train/cat/1.png", "train/dog/1.png", "val/dog/1.png"):
        save(GREY, tmp_path / name)
    data = read_images(tmp_path)
    assert data.test is None
    assert data.validation is not None
    assert data.validation.y.tolist() == [1]
