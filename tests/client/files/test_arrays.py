import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from highway_client.errors import FileError
from highway_client.files.arrays import read_array, read_instances

from tests.client.conftest import IMAGE, PEOPLE, matrix


@pytest.mark.parametrize("shape", [(2, 3), (6,), (1, 2, 3), (1, 6), (1, 2, 3, 1), (2, 3, 1)])
def test_one_image_is_one_row(shape: tuple[int, ...], tmp_path: Path) -> None:
    path = tmp_path / "image.npy"
    np.save(path, np.arange(6, dtype=np.uint8).reshape(shape))
    assert matrix(read_array(path, IMAGE)).tolist() == [[0, 1, 2, 3, 4, 5]]


def test_several_images_are_several_rows(tmp_path: Path) -> None:
    path = tmp_path / "images.npy"
    np.save(path, np.zeros((4, 2, 3)))
    assert len(matrix(read_array(path, IMAGE))) == 4


@pytest.mark.parametrize("name", ["x", "X", "images", "data"])
def test_the_array_of_rows_is_read_from_several(name: str, tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, allow_pickle=False, **{"y": np.zeros(2), name: np.ones((2, 3))})
    assert matrix(read_array(path, PEOPLE)).tolist() == [[1, 1, 1], [1, 1, 1]]


def test_a_single_array_may_have_any_name(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, people=np.ones((2, 3)))
    assert len(matrix(read_array(path, PEOPLE))) == 2


@pytest.mark.parametrize(
    ("write", "actual"),
    [
        (lambda p: np.save(p, np.zeros((2, 5))), "expected an array (rows, 6) or (rows, 2, 3), "
         "found (2, 5)"),
        (lambda p: np.save(p, np.zeros((0, 6))), "expected an array (rows, 6) or (rows, 2, 3), "
         "found (0, 6)"),
        (lambda p: np.save(p, np.float64(1)), "expected an array (rows, 6) or (rows, 2, 3), "
         "found ()"),
        (lambda p: np.save(p, np.array([{}]), allow_pickle=True), "expected an array without "
         "pickled objects, found "),
        (lambda p: p.write_bytes(b"text"), "expected an array without pickled objects, found "),
        (Path.touch, "expected an array without pickled objects, found "),
        (lambda p: p.write_bytes(b"PK\x03\x04"), "expected an array without pickled objects, "
         "found "),
    ],
)  # fmt: skip
def test_an_invalid_array_is_an_error(
    write: Callable[[Path], object], actual: str, tmp_path: Path
) -> None:
    path = tmp_path / "rows.npy"
    write(path)
    with pytest.raises(FileError) as caught:
        read_array(path, IMAGE)
    assert str(caught.value).startswith(f"{path}: {actual}")


def test_several_arrays_without_x_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, a=np.zeros(1), b=np.zeros(1))
    with pytest.raises(FileError) as caught:
        read_array(path, IMAGE)
    assert str(caught.value) == (
        f"{path}: expected one array, or one named 'x' or 'images' or 'data', found 'a', 'b'"
    )


def test_an_array_for_a_table_has_one_allowed_shape(tmp_path: Path) -> None:
    path = tmp_path / "rows.npy"
    np.save(path, np.zeros((1, 4)))
    with pytest.raises(FileError, match=r"expected an array \(rows, 3\), found \(1, 4\)"):
        read_array(path, PEOPLE)


def test_an_archive_without_arrays_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path)
    with pytest.raises(FileError, match="one named 'x' or 'images' or 'data', found none"):
        read_array(path, IMAGE)


@pytest.mark.parametrize("text", ['{"instances": [[1, null]], "more": 1}', "[[1, null]]"])
def test_an_object_with_instances_or_a_list_is_read(text: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(text)
    (batch,) = read_instances(path, PEOPLE).batches
    assert batch.rows == [[1, None]]


@pytest.mark.parametrize(
    ("text", "actual"),
    [
        ("[1, ", "not JSON: Expecting value"),
        ("{}", 'expected {"instances": [row, …]} or a list of rows, found neither'),
        ("[]", 'expected {"instances": [row, …]} or a list of rows, found neither'),
        ("7", 'expected {"instances": [row, …]} or a list of rows, found neither'),
    ],
)
def test_json_without_rows_is_an_error(text: str, actual: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(text)
    with pytest.raises(FileError) as caught:
        read_instances(path, PEOPLE)
    assert str(caught.value).startswith(f"{path}: {actual}")


def test_a_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        read_instances(tmp_path, PEOPLE)
    assert str(caught.value) == f"{tmp_path}: expected a file to read, found Is a directory"


def test_the_fields_of_a_structured_array_are_columns(tmp_path: Path) -> None:
    path = tmp_path / "people.npy"
    kinds = [("job", "U9"), ("member", "?"), ("age", "f4"), ("id", "i4")]
    np.save(path, np.array([("nurse", True, 41, 1), ("pilot", False, np.nan, 2)], kinds))
    rows = read_array(path, PEOPLE)
    assert rows.notes == (f"{path}: ignored columns that the model does not read: 'id'",)
    np.testing.assert_array_equal(matrix(rows), [[41, 0, 1], [np.nan, 1, 0]])


def test_a_structured_array_of_other_values_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "people.npy"
    np.save(path, np.zeros(1, [("age", "c8")]))
    with pytest.raises(FileError, match="expected fields of numbers, strings or dates, found "):
        read_array(path, PEOPLE)


def test_booleans_are_read_as_numbers_and_strings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.npy"
    np.save(path, np.array([[True, False, True]]))
    assert matrix(read_array(path, PEOPLE)).tolist() == [[1, 0, 1]]
    np.save(path, np.array([["a", "b", "c"]]))
    with pytest.raises(FileError, match=r"expected an array of numbers, found one of <U1$"):
        read_array(path, PEOPLE)


def test_a_structured_array_needs_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "people.npy"
    np.save(path, np.zeros(1, [("age", "f4")]))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(FileError, match="expected pyarrow to read structured arrays, found none"):
        read_array(path, PEOPLE)
