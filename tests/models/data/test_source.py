import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.data.dataset import Schema
from models.data.source import BUNDLED, Source, load, open_source_table, read
from models.errors import DataError
from service.contract import Column

KINDS = (
    "digits, mnist-5k, a CSV, TSV, Excel, Parquet, Feather, .npy or .npz file, a folder of IDX or "
    "CIFAR files, of images or of Parquet files, or openml:NAME"
)


def message(source: Source, schema: Schema | None = None) -> str:
    with pytest.raises(DataError) as error:
        read(source, schema)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "shape", "count", "high"),
    [("digits", (8, 8), 1797, 16), ("mnist-5k", (28, 28), 5000, 255)],
)
def test_bundled_images_keep_their_own_unit(
    name: str, shape: tuple[int, int], count: int, high: int
) -> None:
    data = BUNDLED[name]()
    assert (data.name, data.labels, data.test) == (name, tuple("0123456789"), None)
    assert (data.input.kind, data.input.shape, len(data.rows)) == ("image", shape, count)
    assert data.rows.x.dtype == np.float32
    assert (data.rows.x.min(), data.rows.x.max()) == (0, high) == (data.input.low, data.input.high)


def test_a_bundled_name_is_read_and_split() -> None:
    data = load(Source.of("digits"))
    assert [len(part) for part in (data.train, data.validation, data.test)] == [1437, 180, 180]


def test_the_validation_part_may_be_empty() -> None:
    data = load(Source.of("digits", validation_share=0))
    assert [len(part) for part in (data.train, data.validation, data.test)] == [1617, 0, 180]


def test_mnist_5k_has_equally_many_of_each_digit_in_every_part() -> None:
    data = load(Source.of("mnist-5k"))
    for part, count in [(data.train, 400), (data.validation, 50), (data.test, 50)]:
        assert np.bincount(part.y).tolist() == [count] * 10


def test_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Source.of("pets.csv").data == str(tmp_path / "pets.csv")
    assert Source.of("openml:iris").data == "openml:iris"


def test_a_table_is_recognised_by_its_suffix(tmp_path: Path) -> None:
    (tmp_path / "pets.CSV").write_text("id,age,y\n1,2,a\n")
    data = read(Source.of(str(tmp_path / "pets.CSV"), target="y", exclude=("id",)))
    assert (data.input.kind, data.rows.x.tolist()) == ("table", [[2]])


def test_arrays_are_recognised_by_their_suffix(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", x=np.zeros((2, 1)), y=np.array([0, 1]))
    assert read(Source.of(str(tmp_path / "rows.npz"))).name == "rows.npz"


def test_folders_are_recognised_by_their_files(tmp_path: Path) -> None:
    for name in ("idx/train-images-idx3-ubyte", "cifar/meta", "images/.hidden"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    messages = [message(Source.of(str(tmp_path / name))) for name in ("idx", "cifar", "images")]
    assert messages == [
        "train-images-idx3-ubyte: expected at least 16 bytes, found 0; the file is damaged, "
        "download it again",
        "meta: the pickle is damaged; download it again",
        "images: the folder is empty; expected a subfolder of images for each label, or the files "
        "of MNIST or CIFAR",
    ]


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "minst")
    assert message(Source.of(path)) == (
        f"data: expected {KINDS}, found no such file or folder: {path!r}"
    )


@pytest.mark.parametrize("suffix", [".tar", ".tgz", ".tar.gz"])
def test_an_archive_is_refused_with_the_command_that_extracts_it(
    suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"my cifar{suffix}"
    path.touch()
    assert message(Source.of(str(path))) == (
        f"my cifar{suffix}: expected a folder or a table, found an archive; extract it with "
        f"`tar -xf '{path}'` and give the folder"
    )


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.md").touch()
    path = str(tmp_path / "notes.md")
    assert (
        message(Source.of(path)) == f"data: expected {KINDS}, found another kind of file: {path!r}"
    )


@pytest.mark.parametrize(
    ("option", "source"),
    [
        ("--target", Source.of("digits", target="y")),
        ("--exclude", Source.of("digits", exclude=("x",))),
        ("--column", Source.of("digits", columns={"x": "number"})),
        ("--missing", Source.of("digits", missing=("-",))),
        ("--decimal", Source.of("digits", decimal=",")),
        ("--delimiter", Source.of("digits", delimiter=";")),
        ("--encoding", Source.of("digits", encoding="cp1252")),
        ("--keep-spaces", Source.of("digits", keep_spaces=True)),
    ],
)
def test_options_for_tables_are_refused_for_images(option: str, source: Source) -> None:
    assert message(source) == f"{option}: data 'digits' is not a table; leave the option out"


def test_declarations_are_part_of_the_source_and_of_the_input(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("when;kg;y\n31.1.2026;1,5;a\n1.2.2026;-;b\n")
    source = Source.of(str(path), target="y", columns={"when": "date"}, missing=("-",), decimal=",")
    data = read(source)
    assert source.text.columns == (("when", "date"),)
    assert data.input.text == source.text
    assert data.input.columns == (Column(name="when", date="%d.%m.%Y"), Column(name="kg"))
    assert data.notes == ("t.csv: its columns are separated by semicolons",)


def test_names_of_the_source_are_compared_in_one_unicode_form(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,cafe\u0301\n1,x\n2,y\n")
    assert read(Source.of(str(path), target="cafe\u0301")).labels == ("x", "y")


def test_images_have_no_table_to_open(tmp_path: Path) -> None:
    assert open_source_table(Source.of("digits")) is None
    (tmp_path / "t.csv").write_text("a\n1\n")
    opened = open_source_table(Source.of(str(tmp_path / "t.csv"), target="a"))
    assert opened is not None
    assert (opened[0].table.num_rows, opened[1].target) == (1, "a")


def test_further_images_must_match_the_training_data(tmp_path: Path) -> None:
    digits = read(Source.of("digits"))
    (tmp_path / "7").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "7" / "1.png")
    schema = Schema(input=digits.input, labels=digits.labels)
    assert message(Source.of(str(tmp_path)), schema) == (
        f"{tmp_path.name}: expected images of 8×8 in the unit brightness 0–16 as in the network's "
        "training data, found images of 8×8 in the unit pixel 0–255"
    )
    assert read(Source.of("digits"), schema).rows.y.tolist() == digits.rows.y.tolist()


def test_a_table_for_a_network_of_images_is_refused(tmp_path: Path) -> None:
    digits = read(Source.of("digits"))
    (tmp_path / "pets.csv").write_text("age,y\n1,0\n")
    source = Source.of(str(tmp_path / "pets.csv"), target="y")
    assert message(source, Schema(input=digits.input, labels=digits.labels)) == (
        "pets.csv: expected images of 8×8 in the unit brightness 0–16 as in the network's training "
        "data, found rows of 1 columns ('age')"
    )


def test_another_version_of_cifar_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data_batch_1.bin").touch()
    assert message(Source.of(str(tmp_path))) == (
        f"{tmp_path.name}: this is the binary or Matlab version of CIFAR; download the Python "
        "version"
    )


def test_a_pipe_is_refused_and_never_opened(tmp_path: Path) -> None:
    for name in ("pipe", "rows.csv", "rows.npz"):
        path = str(tmp_path / name)
        os.mkfifo(path)
        assert message(Source.of(path)) == (
            f"data: expected {KINDS}, found a pipe, socket or device: {path!r}"
        )


def test_a_folder_of_arrays_is_recognised_by_its_files(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 2, 1)))
    np.save(tmp_path / "y.npy", np.array([0, 1]))
    assert read(Source.of(str(tmp_path))).input.shape == (2, 1)
