from pathlib import Path

import numpy as np
import pytest

from models.data.numpy_tables import open_array
from models.data.opened_table import OpenedTable
from models.errors import DataError
from service.contract import TextFormat


def opened(tmp_path: Path, array: object) -> OpenedTable:
    np.save(tmp_path / "t.npy", np.asarray(array), allow_pickle=True)
    return open_array(tmp_path / "t.npy", TextFormat())


def message(tmp_path: Path, array: object) -> str:
    with pytest.raises(DataError) as error:
        opened(tmp_path, array)
    return str(error.value)


def test_the_columns_of_numbers_are_named_by_their_index(tmp_path: Path) -> None:
    table = opened(tmp_path, [[1.5, 2], [3, 4]]).table
    assert table.to_pydict() == {"0": [1.5, 3], "1": [2, 4]}


def test_the_fields_of_a_structured_array_are_columns(tmp_path: Path) -> None:
    fields = [("age", ">i4"), ("job", "U8"), ("code", "S2"), ("day", "M8[D]")]
    array = np.array([(7, "nurse", b"x1", "2026-01-31")], fields)
    table = opened(tmp_path, array).table
    assert table.schema.names == ["age", "job", "code", "day"]
    assert [str(row) for row in table.to_pylist()[0].values()] == [
        *("7", "nurse", "x1", "2026-01-31")
    ]


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (
            np.zeros((2, 3, 3)),
            "t.npy: expected a structured array, or numbers of shape (rows, columns), found "
            "float64 of shape (2, 3, 3); save images as an .npz file of x and y",
        ),
        (
            np.array([(1, (2, 3))], [("a", "i4"), ("b", "i4", 2)]),
            "t.npy: column 'b': expected numbers, strings or dates, found int32",
        ),
        (
            np.array([(b"caf\xe9",)], [("a", "S4")]),
            "t.npy: column 'a': expected text in UTF-8, found b'caf\\xe9'; save it as str",
        ),
        (
            np.array([{}], object),
            "t.npy: cannot be read as a .npy file without pickled objects: Object arrays cannot "
            "be loaded when allow_pickle=False",
        ),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, array: object, expected: str) -> None:
    assert message(tmp_path, array) == expected


def test_an_archive_under_this_suffix_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "t.npy").open("wb") as file:
        np.savez(file, x=np.zeros(2))
    with pytest.raises(DataError) as error:
        open_array(tmp_path / "t.npy", TextFormat())
    assert str(error.value) == "t.npy: this is an .npz file; give it that suffix"
