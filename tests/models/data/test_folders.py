import os
import socket
import subprocess
from pathlib import Path

import pytest

from models.data.folders import scan
from models.errors import DataError


def folder_of(root: Path, *names: str) -> Path:
    """Create empty files, and folders for names that end with a slash."""
    for name in names:
        path = root / "pets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.touch()
    return root / "pets"


def message(folder: Path) -> str:
    with pytest.raises(DataError) as error:
        scan(folder)
    return str(error.value)


def names(labels: dict[str, list[Path]] | None) -> dict[str, list[str]] | None:
    if labels is None:
        return None
    return {label: [path.name for path in paths] for label, paths in labels.items()}


def test_each_subfolder_is_a_label_and_both_are_sorted_by_name(tmp_path: Path) -> None:
    found = scan(folder_of(tmp_path, "dog/2.png", "dog/10.png", "cat [small] 1/1.png"))
    assert names(found.train) == {"cat [small] 1": ["1.png"], "dog": ["10.png", "2.png"]}
    assert (found.validation, found.test, found.notes) == (None, None, ())


def test_a_single_label_is_found(tmp_path: Path) -> None:
    assert names(scan(folder_of(tmp_path, "cat/1.png")).train) == {"cat": ["1.png"]}


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "val", "test"),
        ("training", "valid", "testing"),
        ("Train", "Validation", "TEST"),
    ],
)
def test_folders_of_parts_are_known_by_their_usual_names(
    train: str, validation: str, test: str, tmp_path: Path
) -> None:
    files = (f"{train}/cat/1", f"{train}/dog/2", f"{validation}/dog/3", f"{test}/cat/4")
    found = scan(folder_of(tmp_path, *files))
    assert names(found.train) == {"cat": ["1"], "dog": ["2"]}
    assert names(found.validation) == {"dog": ["3"]}
    assert names(found.test) == {"cat": ["4"]}
    assert found.notes == (
        f"pets: 2 training pictures in {train!r}, 1 validation pictures in {validation!r}, "
        f"1 test pictures in {test!r}",
    )


def test_a_training_folder_alone_holds_all_pictures(tmp_path: Path) -> None:
    found = scan(folder_of(tmp_path, "train/cat/1", "train/dog/2"))
    assert names(found.train) == {"cat": ["1"], "dog": ["2"]}
    assert (found.validation, found.test) == (None, None)


def test_a_label_may_have_the_name_of_a_part_beside_other_labels(tmp_path: Path) -> None:
    for part in ("train", "test"):
        found = scan(folder_of(tmp_path / part, f"{part}/1", "bus/2"))
        assert list(found.train) == ["bus", part]


def test_files_of_file_managers_are_passed_over_and_the_visible_ones_counted(
    tmp_path: Path,
) -> None:
    hidden = (".DS_Store", "._cat", ".ipynb_checkpoints/1.png", "cat/._1.png")
    visible = ("__MACOSX/1.png", "Thumbs.db", "cat/Thumbs.db", "cat/desktop.ini", "cat/@eaDir/")
    found = scan(folder_of(tmp_path, *hidden, *visible, "cat/1.png", "dog/1.png"))
    assert names(found.train) == {"cat": ["1.png"], "dog": ["1.png"]}
    assert found.notes == (
        "pets: passed over '@eaDir' (1), 'Thumbs.db' (2), '__MACOSX' (1), 'desktop.ini' (1)",
    )


FLAT = (
    "pets/train: expected a folder of pictures for each label, found none; the names {} say parts "
    "of the data, not labels; move the pictures of each label into a folder of its name"
)


def test_flat_train_and_test_folders_are_never_two_labels(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "train/cat.0.png", "train/7.png", "test/1.png", "labels.csv")
    assert message(folder) == (
        FLAT.format("'test' and 'train'") + ", and move 'test' elsewhere, which has no labels"
    )


def test_a_flat_training_folder_beside_sorted_test_pictures_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "train/1.png", "test/cat/1.png")
    assert message(folder) == FLAT.format("'test' and 'train'")


def test_a_further_folder_does_not_make_labels_of_flat_train_and_test_folders(
    tmp_path: Path,
) -> None:
    folder = folder_of(tmp_path, "train/1.png", "test/1.png", "models/1.bin")
    assert message(folder).startswith(FLAT.format("'test' and 'train'"))


def test_test_and_validation_folders_without_a_training_folder_are_refused(tmp_path: Path) -> None:
    assert message(folder_of(tmp_path, "test/cat/1", "val/cat/1")) == (
        "pets: expected a folder 'train' beside 'test' and 'val', found none; add it, or give a "
        "folder with a subfolder for each label"
    )


@pytest.mark.parametrize(
    ("one", "two", "stem"),
    [
        ("cat.0.png", "dog.1.png", "cat."),
        ("cat_0.jpg", "dog_1.jpg", "cat_"),
        ("big cat-0.jpg", "dog-1.jpg", "big cat-"),
    ],
)
def test_the_sentence_names_a_command_that_moves_pictures_with_labels_in_their_names(
    one: str, two: str, stem: str, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path, f"train/{one}", f"train/{two}", "test/cat/1")
    text = message(folder)
    assert text.startswith(FLAT.format("'test' and 'train'") + ", such as `mkdir ")
    subprocess.run(text.split("`")[1], shell=True, check=True)
    assert (folder / "train" / stem[:-1] / one).is_file()
    assert (folder / "train" / two).is_file()


def test_a_flat_folder_is_refused_with_the_command(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "cat.0.png", "cat.1.png", "dog.0.png")
    assert message(folder) == (
        "pets: expected a folder of pictures for each label, found only files, such as "
        "'cat.0.png'; move the pictures of each label into a folder of its name, such as "
        f"`mkdir {folder}/cat && mv {folder}/cat.[0-9]* {folder}/cat/`"
    )


def test_names_with_one_label_or_none_suggest_no_command(tmp_path: Path) -> None:
    for name in ("IMG_1.png", "dog.png"):
        assert message(folder_of(tmp_path / name, "IMG_0.png", name)).endswith("of its name")


def test_test_pictures_without_labels_are_refused(tmp_path: Path) -> None:
    assert message(folder_of(tmp_path, "train/cat/1", "train/dog/1", "test/1.png")) == (
        "pets/test: expected a folder of pictures for each label, found only files, such as "
        "'1.png'; move the pictures of each label into a folder of its name"
    )


def test_a_label_only_in_a_held_out_part_is_refused(tmp_path: Path) -> None:
    assert message(folder_of(tmp_path, "train/cat/1", "train/dog/1", "val/cow/1")) == (
        "pets/val/cow: expected only the labels of the training folder ('cat', 'dog'), found 'cow' "
        "in the validation folder"
    )


def test_two_folders_of_one_part_are_refused(tmp_path: Path) -> None:
    assert message(folder_of(tmp_path, "train/cat/1", "val/cat/1", "valid/cat/1")) == (
        "pets: expected one folder of validation pictures, found 'val' and 'valid'; merge them"
    )


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            ("cat/1", "README.txt"),
            "pets/README.txt: expected only folders, one for each label, found a file; move it "
            "elsewhere",
        ),
        (
            ("train/cat/1", "test/cat/1", "a.csv", "b.csv"),
            "pets/a.csv: expected only folders, one for each label, found a file and 1 more; move "
            "it elsewhere",
        ),
        (
            ("train/cat/1", "test/cat/1", "models/1"),
            "pets/models: expected no folder beside 'test' and 'train'; move it elsewhere",
        ),
        (
            ("cat/1", "cat/more/"),
            "pets/cat/more: expected a picture, found a folder; move it elsewhere",
        ),
        (
            ("pets/cat/1", "pets/dog/1"),
            "pets/pets: expected pictures of the label 'pets', found only folders, such as 'cat'; "
            "give the folder that holds the label folders",
        ),
        (("cat/1", "dog/"), "pets/dog: the folder holds no pictures; fill or remove it"),
        (("train/cat/1", "test/"), "pets/test: the folder is empty; fill or remove it"),
        (
            (".hidden",),
            "pets: the folder is empty; expected a subfolder of images for each label, or the "
            "files of MNIST or CIFAR",
        ),
    ],
)
def test_what_is_out_of_place_is_named(
    files: tuple[str, ...], expected: str, tmp_path: Path
) -> None:
    assert message(folder_of(tmp_path, *files)) == expected


def test_a_pipe_or_socket_is_refused_and_never_opened(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "cat/1", "dog/1")
    expected = "expected a file or folder, found a pipe, socket or device; remove it"
    os.mkfifo(folder / "cat" / "0.png")
    assert message(folder) == f"pets/cat/0.png: {expected}"
    (folder / "cat" / "0.png").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "dog" / "0.png"))
        assert message(folder) == f"pets/dog/0.png: {expected}"


def test_a_link_to_a_pipe_is_a_pipe(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "cat/1")
    os.mkfifo(tmp_path / "pipe")
    (folder / "cat" / "2").symlink_to(tmp_path / "pipe")
    assert "found a pipe, socket or device" in message(folder)


def test_a_link_without_a_target_is_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "cat/1")
    for target in ("nowhere", "2"):
        (folder / "cat" / "2").symlink_to(target)
        assert message(folder) == (
            "pets/cat/2: expected a file or folder, found a link without a target; remove it"
        )
        (folder / "cat" / "2").unlink()


def test_links_to_pictures_are_followed(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "cat/1", "dog/1")
    (folder / "cow").symlink_to(folder / "dog")
    assert list(scan(folder).train) == ["cat", "cow", "dog"]


def test_a_label_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "cat/1", "d\udcffg/1")
    assert message(folder) == (
        r"'pets/d\udcffg': expected a folder's name in UTF-8, which becomes the label; rename it"
    )


NFC, NFD = "K\xe4fer", "Ka\u0308fer"  # an accent in the letter, and as a letter of its own


def test_a_label_is_the_name_of_its_folder_in_any_script_as_nfc(tmp_path: Path) -> None:
    found = scan(folder_of(tmp_path, "train/\u732b/1", f"train/{NFC}/1", f"test/{NFD}/2"))
    assert names(found.train) == {NFC: ["1"], "\u732b": ["1"]}
    assert names(found.test) == {NFC: ["2"]}


def test_labels_are_sorted_as_nfc(tmp_path: Path) -> None:
    assert list(scan(folder_of(tmp_path, f"{NFD}/1", "Kz/1")).train) == ["Kz", NFC]


def test_two_folders_of_one_label_are_refused(tmp_path: Path) -> None:
    assert message(folder_of(tmp_path, f"{NFC}/1", f"{NFD}/1")) == (
        "pets: expected one folder for each label, found the same name twice, 'Ka\\u0308fer' and "
        "'K\\xe4fer'; merge them"
    )
