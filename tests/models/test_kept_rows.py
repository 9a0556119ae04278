from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models import kept_rows
from models.data.dataset import Dataset, Part
from models.data.source import Source, load
from models.kept_rows import KeptRows, typical_row
from service.contract import Column, Input

NAN = np.float32(np.nan)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load(Source.of("digits"))


def table(rows: int, columns: int = 2) -> Dataset:
    """A table whose test rows are 0, 1, 2, … in every column."""
    x = np.repeat(np.arange(rows, dtype=np.float32)[:, None] + 0.5, columns, axis=1)
    part = Part(x=x, y=np.arange(rows) % 2)
    row = Input(
        kind="table",
        shape=(columns,),
        unit="value",
        columns=tuple(Column(name=f"c{i}") for i in range(columns)),
    )
    return Dataset(
        name="t",
        input=row,
        labels=("a", "b"),
        train=part,
        validation=part.take(slice(0)),
        test=part,
    )


def test_the_rows_come_back_as_they_were(digits: Dataset) -> None:
    rows = KeptRows.of(digits)
    again = KeptRows.from_bytes(rows.to_bytes(), features=64, labels=10)
    for name in ("golden", "calibration", "normal"):
        assert np.array_equal(getattr(again, name), getattr(rows, name))
        assert getattr(again, name).dtype == np.float32
    assert np.array_equal(again.test.x, digits.test.x)
    assert np.array_equal(again.test.y, digits.test.y)
    assert (again.normal_part, again.test_rows, again.complete) == ("validation", 180, True)


@given(
    arrays(np.float32, (3, 2), elements=st.floats(width=32, allow_infinity=False) | st.just(255.0))
)
def test_any_values_come_back_bit_for_bit(values: np.ndarray) -> None:
    data = table(3)
    rows = replace(KeptRows.of(data), test=Part(x=values, y=np.array([0, 1, 0])))
    again = KeptRows.from_bytes(rows.to_bytes(), features=2, labels=2).test.x
    assert np.array_equal(again, values, equal_nan=True)


def test_pixels_are_stored_as_bytes(digits: Dataset) -> None:
    rows = KeptRows.of(digits)
    values = 64 * (len(rows.calibration) + len(rows.normal) + len(rows.test))
    assert len(rows.to_bytes()) < 1.2 * values


def test_of_many_test_rows_an_evenly_spaced_share_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept_rows, "MAX_TEST_ROWS", 3)
    rows = KeptRows.of(table(21))
    assert rows.test.x[:, 0].tolist() == [0.5, 10.5, 20.5]
    assert rows.test.y.tolist() == [0, 0, 0]
    assert (rows.test_rows, rows.complete) == (21, False)
    assert len(KeptRows.of(table(21), whole_test=True).test) == 21


def test_wide_rows_are_limited_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_rows, "MAX_TEST_BYTES", 4 * 100 * 5)
    monkeypatch.setattr(kept_rows, "MAX_BYTES", 1)
    rows = KeptRows.of(table(30, columns=100))
    assert len(rows.test) == 5
    assert (len(rows.calibration), len(rows.normal)) == (1, 1)  # at least one


def test_without_enough_validation_rows_the_normal_rows_are_training_rows() -> None:
    rows = KeptRows.of(table(30))
    assert rows.normal_part == "train"
    assert KeptRows.from_bytes(rows.to_bytes(), features=2, labels=2).normal_part == "train"


def test_no_golden_row_is_a_row_of_the_data(digits: Dataset) -> None:
    golden = KeptRows.of(digits).golden
    assert golden.shape == (3, 64)
    assert golden[2] == pytest.approx(digits.train.x[digits.train.y == 2].mean(axis=0), abs=1e-5)
    for part in (digits.train, digits.validation, digits.test):
        assert not (part.x[:, None] == golden).all(axis=2).any()


def test_a_typical_row_has_means_of_numbers_and_the_most_frequent_categories() -> None:
    columns = (Column(name="age"), Column(name="job", categories=("a", "b", "c")))
    row = Input(kind="table", shape=(2,), unit="value", columns=columns)
    rows = np.array([[10, 2], [30, 0], [NAN, 2], [20, NAN]], np.float32)
    assert typical_row(row, rows).tolist() == [20, 2]
    assert np.isnan(typical_row(row, np.full((2, 2), NAN, np.float32))).all()


def test_the_last_golden_row_of_a_table_lacks_all_values_that_can_be_missing(
    tmp_path: Path,
) -> None:
    lines = [f"{n if n % 4 else ''},{n % 7},{'ab'[n % 2]}" for n in range(60)]
    (tmp_path / "gaps.csv").write_text("\n".join(["age,size,owner", *lines]))
    golden = KeptRows.of(load(Source.of(str(tmp_path / "gaps.csv"), target="owner"))).golden
    assert np.isnan(golden).tolist() == [[False, False], [False, False], [True, False]]
    assert golden[2, 1] == golden[0, 1]


@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (63, 10, "rows of another size than 63 values"),
        (64, 9, "labels of another network"),
    ],
)
def test_rows_of_another_network_are_rejected(
    digits: Dataset, features: int, labels: int, message: str
) -> None:
    content = KeptRows.of(digits).to_bytes()
    with pytest.raises(ValueError, match=f"^{message}$"):
        KeptRows.from_bytes(content, features=features, labels=labels)


def test_another_file_is_rejected() -> None:
    for content in (b"", b"not a file of tensors", KeptRows.of(table(4)).to_bytes()[:-8]):
        with pytest.raises(ValueError, match=r"^not a file of kept rows$"):
            KeptRows.from_bytes(content, features=2, labels=2)
