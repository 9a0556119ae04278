from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.data.schema import Schema
from models.data.source import Source, load, read
from models.errors import DataError

KINDS = (
    "digits, mnist-5k, a CSV or Parquet file, an .npz file, a folder of IDX or CIFAR files or of "
    "images, or openml:NAME"
)


def refusal(source: Source, like: Schema | None = None) -> str:
    with pytest.raises(DataError) as error:
        read(source, like)
    return str(error.value)


def test_a_bundled_name_is_read_and_split() -> None:
    data = load(Source.of("digits"))
    assert [len(part) for part in (data.train, data.validation, data.test)] == [1437, 180, 180]


def test_the_validation_may_be_empty() -> None:
    data = load(Source.of("digits", validation_share=0))
    assert [len(part) for part in (data.train, data.validation, data.test)] == [1617, 0, 180]


def test_every_digit_has_its_share_of_every_part_of_mnist_5k() -> None:
    data = load(Source.of("mnist-5k"))
    for part, each in [(data.train, 400), (data.validation, 50), (data.test, 50)]:
        assert np.bincount(part.y).tolist() == [each] * 10


def test_a_relative_path_is_kept_as_an_absolute_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Source.of("pets.csv").data == str(tmp_path / "pets.csv")
    assert Source.of("openml:iris").data == "openml:iris"


def test_a_table_is_told_by_its_suffix(tmp_path: Path) -> None:
    (tmp_path / "pets.CSV").write_text("id,age,y\n1,2,a\n")
    data = read(Source.of(str(tmp_path / "pets.CSV"), target="y", without=("id",)))
    assert (data.input.kind, data.rows.x.tolist()) == ("table", [[2]])


def test_arrays_are_told_by_their_suffix(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", x=np.zeros((2, 1)), y=np.array([0, 1]))
    assert read(Source.of(str(tmp_path / "rows.npz"))).name == "rows.npz"


def test_folders_are_told_by_what_is_in_them(tmp_path: Path) -> None:
    for name in ("idx/train-images-idx3-ubyte", "cifar/meta", "images/.hidden"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    found = [refusal(Source.of(str(tmp_path / name))) for name in ("idx", "cifar", "images")]
    assert found == [
        "train-images-idx3-ubyte: expected at least 16 bytes, found 0; the file is damaged, "
        "download it again",
        "meta: expected a whole pickle, found it damaged; download it again",
        "images: expected a subfolder of images for each label, or the files of MNIST or CIFAR, "
        "found nothing",
    ]


def test_what_does_not_exist_is_told_what_may(tmp_path: Path) -> None:
    path = str(tmp_path / "minst")
    assert refusal(Source.of(path)) == (
        f"data: expected {KINDS}, found no such file or folder: {path!r}"
    )


def test_another_kind_of_file_is_told_what_may_be(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    path = str(tmp_path / "notes.txt")
    assert (
        refusal(Source.of(path)) == f"data: expected {KINDS}, found another kind of file: {path!r}"
    )


def test_options_of_tables_are_refused_with_images() -> None:
    assert refusal(Source.of("digits", target="y")) == (
        "--target: expected only with a table, found data 'digits'; leave it out"
    )
    assert refusal(Source.of("digits", without=("x",))) == (
        "--without: expected only with a table, found data 'digits'; leave it out"
    )


def test_further_images_are_fitted_to_the_networks_labels(tmp_path: Path) -> None:
    digits = read(Source.of("digits"))
    (tmp_path / "7").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "7" / "1.png")
    known = Schema(input=digits.input, labels=digits.labels)
    assert refusal(Source.of(str(tmp_path)), known) == (
        f"{tmp_path.name}: expected images of 8×8 in the unit brightness 0–16 as the network was "
        "trained on, found images of 8×8 in the unit pixel 0–255"
    )
    assert read(Source.of("digits"), known).rows.y.tolist() == digits.rows.y.tolist()


def test_a_table_for_a_network_of_images_is_refused(tmp_path: Path) -> None:
    digits = read(Source.of("digits"))
    (tmp_path / "pets.csv").write_text("age,y\n1,0\n")
    source = Source.of(str(tmp_path / "pets.csv"), target="y")
    assert refusal(source, Schema(input=digits.input, labels=digits.labels)) == (
        "pets.csv: expected images of 8×8 in the unit brightness 0–16 as the network was trained "
        "on, found rows of 1 columns (age)"
    )


def test_another_version_of_cifar_is_told_from_a_folder_of_images(tmp_path: Path) -> None:
    (tmp_path / "data_batch_1.bin").touch()
    with pytest.raises(DataError) as error:
        read(Source.of(str(tmp_path)))
    assert str(error.value) == (
        f"{tmp_path.name}: expected the Python version of CIFAR, found another; download that one"
    )
