import os
from pathlib import Path

import pytest
from highway_client.errors import FileError
from highway_client.files.picture_folders import read_picture_folder
from PIL import Image

from tests.client.conftest import IMAGE, matrix


def save(path: Path, grey: int, size: tuple[int, int] = (3, 2)) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.new("L", size, grey).save(path)


def test_pictures_are_named_by_their_paths_in_the_folder(tmp_path: Path) -> None:
    save(tmp_path / "dog" / "1.png", 200)
    save(tmp_path / "cat" / "2.png", 100)
    save(tmp_path / "0.png", 7)
    (tmp_path / "Thumbs.db").touch()
    (tmp_path / ".hidden").touch()
    rows = read_picture_folder(tmp_path, IMAGE, invert=False)
    assert rows.count == 3
    (batch,) = rows.batches
    assert batch.names == ("0.png", "cat/2.png", "dog/1.png")
    assert batch.notes == ()
    rows = read_picture_folder(tmp_path, IMAGE, invert=True)
    assert matrix(rows)[:, 0].tolist() == [248, 155, 55]


def test_a_batch_has_the_notes_of_its_pictures(tmp_path: Path) -> None:
    save(tmp_path / "0.png", 7, (6, 4))
    (batch,) = read_picture_folder(tmp_path, IMAGE, invert=False).batches
    assert batch.notes == (f"{tmp_path}/0.png: resized from 6×4 to 3×2 pixels",)


def test_many_pictures_are_decoded_a_few_at_a_time(tmp_path: Path) -> None:
    for number in range(66):
        save(tmp_path / f"{number:02}.png", number)
    batches = list(read_picture_folder(tmp_path, IMAGE, invert=False).batches)
    assert [len(batch.names or ()) for batch in batches] == [64, 2]
    assert batches[1].names == ("64.png", "65.png")


def test_a_file_that_is_no_picture_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("seven")
    rows = read_picture_folder(tmp_path, IMAGE, invert=False)
    with pytest.raises(FileError, match=r"notes\.txt: the picture cannot be read: "):
        list(rows.batches)


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        read_picture_folder(tmp_path, IMAGE, invert=False)
    assert str(caught.value) == f"{tmp_path}: expected pictures in the folder, found none"


def test_pipes_and_links_without_a_target_are_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "0.png")
    with pytest.raises(FileError) as caught:
        read_picture_folder(tmp_path, IMAGE, invert=False)
    assert str(caught.value) == (
        f"{tmp_path}/0.png: expected a picture or a folder, found a link without a target, a pipe "
        "or a device; remove it"
    )


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        read_picture_folder(tmp_path / "no", IMAGE, invert=False)
    assert str(caught.value) == (
        f"{tmp_path}/no: the folder cannot be read: No such file or directory"
    )


def test_a_folder_of_mnist_is_an_error_that_names_a_file(tmp_path: Path) -> None:
    for name in ("train-images-idx3-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        (tmp_path / name).touch()
    with pytest.raises(FileError) as caught:
        read_picture_folder(tmp_path, IMAGE, invert=False)
    assert str(caught.value) == (
        f"{tmp_path}: expected one file of images, found a folder of such files; give one, such "
        f"as {tmp_path}/t10k-images-idx3-ubyte"
    )
