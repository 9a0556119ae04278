from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.data.arrays import is_array_folder, read_arrays
from models.errors import DataError
from service.contract import Column

Arrays = dict[str, NDArray[np.generic]]
TWO = np.array([0, 1])
PIXELS = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows.npz"


def message(path: Path) -> str:
    with pytest.raises(DataError) as error:
        read_arrays(path)
    return str(error.value)


def test_two_dimensions_are_a_table_with_missing_values(path: Path) -> None:
    np.savez(path, x=np.array([[1.5, np.nan], [2.5, 4]]), y=TWO)
    data = read_arrays(path)
    assert (data.name, data.input.kind, data.input.unit) == ("rows.npz", "table", "value")
    assert data.input.columns == (Column(name="0"), Column(name="1"))
    assert np.array_equal(data.rows.x, [[1.5, np.nan], [2.5, 4]], equal_nan=True)


@pytest.mark.parametrize("shape", [(2, 2, 3), (2, 2, 3, 1)])
def test_three_dimensions_or_one_channel_are_grey_images(
    path: Path, shape: tuple[int, ...]
) -> None:
    np.savez(path, x=PIXELS.reshape(shape), y=TWO)
    data = read_arrays(path)
    assert (data.input.kind, data.input.shape) == ("image", (2, 3))
    assert data.rows.x.tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]


def test_three_channels_are_colour_images(path: Path) -> None:
    np.savez(path, x=PIXELS.reshape(2, 1, 2, 3), y=TWO)
    assert read_arrays(path).input.shape == (1, 2, 3)


def test_uint8_is_pixels_and_other_numbers_are_values_without_bounds(path: Path) -> None:
    np.savez(path, x=PIXELS, y=TWO)
    pixels = read_arrays(path).input
    np.savez(path, x=PIXELS / 255, y=TWO)
    values = read_arrays(path).input
    assert (pixels.unit, pixels.low, pixels.high) == ("pixel", 0, 255)
    assert (values.unit, values.low, values.high) == ("value", None, None)


@pytest.mark.parametrize(
    ("y", "labels", "index"),
    [
        (np.array([10, 9]), ("9", "10"), [1, 0]),
        (np.array([10, -9], ">i4"), ("-9", "10"), [1, 0]),
        (np.array([True, False]), ("false", "true"), [1, 0]),
        (np.array(["dog", "cat"]), ("cat", "dog"), [1, 0]),
    ],
)
def test_labels_are_integers_booleans_or_strings(
    path: Path, y: NDArray[np.generic], labels: tuple[str, ...], index: list[int]
) -> None:
    np.savez(path, x=PIXELS, y=y)
    data = read_arrays(path)
    assert (data.labels, data.rows.y.tolist()) == (labels, index)


@pytest.mark.parametrize("x", [PIXELS, PIXELS[:, 0].astype(float)])
def test_test_arrays_become_the_test_part(path: Path, x: NDArray[np.generic]) -> None:
    np.savez(path, x=x, y=np.array(["a", "b"]), x_test=x[1:], y_test=np.array(["b"]))
    data = read_arrays(path)
    assert data.test is not None
    assert data.test.y.tolist() == [1]
    assert data.test.x.tolist() == data.rows.x[1:].tolist()


def test_keras_names_are_read_and_noted(path: Path) -> None:
    np.savez(path, x_train=PIXELS, y_train=TWO, x_test=PIXELS[1:], y_test=TWO[1:])
    data = read_arrays(path)
    assert data.test is not None
    assert (len(data.rows), len(data.test), data.validation) == (2, 1, None)
    assert data.notes == (
        "rows.npz: read 'x_train' and 'y_train' as training, 'x_test' and 'y_test' as test rows "
        "and labels",
    )


def test_medmnist_names_with_a_column_of_labels_are_read_as_three_parts(path: Path) -> None:
    parts: Arrays = {}
    for index, part in enumerate(("train", "val", "test")):
        parts[f"{part}_images"] = PIXELS + np.uint8(index)
        parts[f"{part}_labels"] = np.array([[5], [3]], np.uint8)
    np.savez(path, allow_pickle=False, **parts)
    data = read_arrays(path)
    assert data.validation is not None
    assert data.test is not None
    assert data.labels == ("3", "5")
    for index, read in enumerate((data.rows, data.validation, data.test)):
        assert (read.x[0, 0], read.y.tolist()) == (index, [1, 0])
    assert len(data.notes) == 1


def test_own_names_need_no_note(path: Path) -> None:
    np.savez(path, x=PIXELS, y=TWO, x_test=PIXELS, y_test=TWO)
    assert read_arrays(path).notes == ()


def test_one_hot_labels_are_read_as_classes_and_noted(path: Path) -> None:
    np.savez(path, x=PIXELS, y=np.array([[0.0, 0, 1], [1, 0, 0]]))
    data = read_arrays(path)
    assert (data.labels, data.rows.y.tolist()) == (("0", "2"), [1, 0])
    assert data.notes == ("rows.npz: read 'y' of shape (2, 3) as one-hot labels",)


def test_several_labels_for_one_row_are_refused(path: Path) -> None:
    np.savez(path, x=PIXELS, y=np.array([[0, 0, 1], [1, 0, 1]]))
    assert message(path) == (
        "rows.npz: array 'y', row 2: expected exactly one label for each row of 'x', found 2 of 3 "
        "set; choose one label a row"
    )


@pytest.mark.parametrize(("channels", "shape"), [(1, (5, 6)), (3, (5, 6, 3))])
def test_channels_before_height_are_moved_last_and_noted(
    path: Path, channels: int, shape: tuple[int, ...]
) -> None:
    x = np.random.default_rng(0).integers(0, 255, (2, channels, 5, 6), np.uint8)
    np.savez(path, x=x, y=TWO)
    data = read_arrays(path)
    assert data.input.shape == shape
    assert data.rows.x.reshape(2, 5, 6, channels)[1, 4, 2].tolist() == x[1, :, 4, 2].tolist()
    assert data.notes == (
        f"rows.npz: read 'x' of shape (2, {channels}, 5, 6) as (rows, channels, height, width)",
    )


def test_constant_images_of_large_values_are_read(path: Path) -> None:
    np.savez(path, x=np.full((2, 1, 1), 1e9 + 1), y=TWO)
    assert read_arrays(path).rows.x.tolist() == [[1e9], [1e9]]


def test_images_of_tiny_values_keep_their_differences(path: Path) -> None:
    np.savez(path, x=np.array([[[1e-13]], [[2e-13]]]), y=TWO)
    assert read_arrays(path).rows.x.ravel().tolist() == pytest.approx([1e-13, 2e-13], rel=1e-6)


def test_a_folder_of_arrays_is_read_by_the_same_names(tmp_path: Path) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    assert not is_array_folder(folder)
    np.save(folder / "X_train.npy", PIXELS)
    np.save(folder / "y_train.npy", TWO)
    (folder / "README.txt").touch()
    assert is_array_folder(folder)
    data = read_arrays(folder)
    assert (data.name, len(data.rows)) == ("rows", 2)
    assert data.notes == ("rows: read 'X_train' and 'y_train' as training rows and labels",)


def test_a_damaged_array_in_a_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    np.save(folder / "x.npy", np.array([None]), allow_pickle=True)
    assert message(folder) == (
        "rows/x.npy: cannot be read as an .npy file without pickled objects: Object arrays cannot "
        "be loaded when allow_pickle=False"
    )
    with (folder / "x.npy").open("wb") as file:
        np.savez(file, x=PIXELS)
    assert message(folder) == "rows/x.npy: this is an .npz file; give it that suffix"


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"x": TWO > 0, "y": TWO}, "array 'x': expected numbers, found bool"),
        (
            {"x": TWO, "y": TWO},
            "array 'x': expected the shape (rows, columns), (rows, height, width) or (rows, "
            "height, width, 1 or 3), found (2,)",
        ),
        (
            {"x": PIXELS.reshape(2, 1, 3, 2), "y": TWO},
            "array 'x': expected the shape (rows, columns), (rows, height, width) or (rows, "
            "height, width, 1 or 3), found (2, 1, 3, 2)",
        ),
        (
            {"x": PIXELS[:0], "y": TWO[:0]},
            "array 'x': the array is empty, its shape is (0, 2, 3)",
        ),
        (
            {"x": PIXELS, "y": TWO[:1]},
            "array 'y': expected the shape (2,), one label for each row of 'x', found (1,)",
        ),
        (
            {"x": PIXELS, "y": np.full((2, 2), 0.5)},
            "array 'y': expected the shape (2,), one label for each row of 'x', found (2, 2)",
        ),
        (
            {"x": PIXELS, "y": TWO / 2},
            "array 'y': expected integers, booleans or strings, found float64",
        ),
        (
            {"x": np.array([[[1.0]], [[np.nan]]]), "y": TWO},
            "array 'x', row 2: expected finite numbers of at most 1e+30, found nan; correct it or "
            "remove the row",
        ),
        (
            {"x": np.array([[[1e300]], [[1]]]), "y": TWO},
            "array 'x', row 1: expected finite numbers of at most 1e+30, found 1e+300; correct it "
            "or remove the row",
        ),
        (
            {"x": np.array([[[1]], [[-3.4028235e38]]], np.float32), "y": TWO},
            "array 'x', row 2: expected finite numbers of at most 1e+30, found -3.40282e+38; "
            "correct it or remove the row",
        ),
        (
            {"x": np.array([[[1e9]], [[1e9 + 1]]]), "y": TWO},
            "array 'x': numbers from 1000000000.0 to 1000000001.0 are too close together for "
            "float32; subtract their mean and divide by their standard deviation",
        ),
        (
            {"x": np.array([[[1e-47]], [[2e-47]]]), "y": TWO},
            "array 'x': numbers from 1e-47 to 2e-47 are too close together for float32; subtract "
            "their mean and divide by their standard deviation",
        ),
        (
            {"x": PIXELS / 1, "y": TWO, "x_test": PIXELS * 1e31, "y_test": TWO},
            "array 'x_test', row 1: expected finite numbers of at most 1e+30, found 1e+31; correct "
            "it or remove the row",
        ),
        (
            {"x": np.array([[1, 2], [1, np.inf]]), "y": TWO},
            "column 1, row 2: expected numbers of at most 1e+30, found inf in 1 row; change the "
            "array, or remove the column from it",
        ),
        (
            {"x": np.array([[1e9], [1e9 + 1]]), "y": TWO},
            "column 0: numbers from 1000000000 to 1000000001 are too close together for "
            "float32; change the array, or remove the column from it",
        ),
        (
            {
                "x": np.array([[1.0], [2]]),
                "y": TWO,
                "x_test": np.array([[1e38]]),
                "y_test": TWO[:1],
            },
            "array 'x_test', column 0, row 1: expected numbers of at most 1e+30, found 1e+38 in 1 "
            "row; change the array, or remove the column from it",
        ),
        (
            {"x": PIXELS, "y": TWO, "x_test": PIXELS[:, :1], "y_test": TWO},
            "array 'x_test': expected rows of shape (2, 3) in the unit 'pixel' as in 'x', found "
            "shape (1, 3) of uint8",
        ),
        (
            {"x": PIXELS, "y": TWO, "x_test": PIXELS / 255, "y_test": TWO},
            "array 'x_test': expected rows of shape (2, 3) in the unit 'pixel' as in 'x', found "
            "shape (2, 3) of float64",
        ),
        (
            {"x": PIXELS, "y": TWO, "x_test": PIXELS, "y_test": TWO + 1},
            "array 'y_test': expected the labels of 'y' ('0', '1'), found '2'",
        ),
    ],
)
def test_an_unsuitable_array_is_refused(path: Path, arrays: Arrays, expected: str) -> None:
    np.savez(path, allow_pickle=False, **arrays)
    assert message(path) == f"rows.npz: {expected}"


def test_pickled_objects_are_never_loaded(path: Path) -> None:
    np.savez(path, x=PIXELS, y=np.array(["a", None], object))
    assert message(path) == (
        "rows.npz: cannot be read as an .npz file without pickled objects: Object arrays cannot be "
        "loaded when allow_pickle=False"
    )


def test_a_single_array_without_a_name_is_refused(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, PIXELS)
    assert message(path) == (
        "rows.npz: expected arrays named 'x' and 'y', 'images' and 'labels', or 'data' and "
        "'target', alone or with 'train', 'val' and 'test' as in 'x_train' or 'train_images', "
        "found none"
    )


@given(data=st.data())
def test_a_truncated_file_is_always_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("arrays") / "rows.npz"
    np.savez(path, x=PIXELS, y=TWO)
    content = path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    assert message(path).startswith("rows.npz: cannot be read as an .npz file")
