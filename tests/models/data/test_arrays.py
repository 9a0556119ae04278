from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.data.arrays import read_arrays
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


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        (
            {"x_train": PIXELS, "y_train": TWO},
            "expected the arrays x and y, and optionally x_test and y_test, found x_train, y_train",
        ),
        (
            {"x": PIXELS, "y": TWO, "x_test": PIXELS},
            "expected the arrays x and y, and optionally x_test and y_test, found x, x_test, y",
        ),
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
            "array 'y': expected the shape (2,), one label for each row of x, found (1,)",
        ),
        (
            {"x": PIXELS, "y": np.eye(2)},
            "array 'y': expected the shape (2,), one label for each row of x, found (2, 2)",
        ),
        (
            {"x": PIXELS, "y": TWO / 2},
            "array 'y': expected integers, booleans or strings, found float64",
        ),
        (
            {"x": np.array([[[1.0]], [[np.nan]]]), "y": TWO},
            "array 'x', row 2: expected finite numbers within float32's range, found nan",
        ),
        (
            {"x": np.array([[[1e300]], [[1]]]), "y": TWO},
            "array 'x', row 1: expected finite numbers within float32's range, found 1e+300",
        ),
        (
            {"x": np.array([[1, 2], [1, np.inf]]), "y": TWO},
            "column 1, row 2: expected a number between ±3.4e+38, found inf; correct it or mark it "
            "as missing",
        ),
        (
            {"x": PIXELS, "y": TWO, "x_test": PIXELS[:, :1], "y_test": TWO},
            "array 'x_test': expected rows of shape (2, 3) in the unit 'pixel' as in x, found "
            "shape (1, 3) of uint8",
        ),
        (
            {"x": PIXELS, "y": TWO, "x_test": PIXELS / 255, "y_test": TWO},
            "array 'x_test': expected rows of shape (2, 3) in the unit 'pixel' as in x, found "
            "shape (2, 3) of float64",
        ),
        (
            {"x": PIXELS, "y": TWO, "x_test": PIXELS, "y_test": TWO + 1},
            "array 'y_test': expected the labels of y (0, 1), found '2'",
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
        "rows.npz: expected the arrays x and y, and optionally x_test and y_test, found none"
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
