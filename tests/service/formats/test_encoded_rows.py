import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.arrays import FloatArray
from service.formats.encoded_rows import MAX_SHARED_VALUES, json_rows, json_values
from service.formats.json_documents import encode
from service.inference.outputs import BatchOutputs


def batch_of(values: FloatArray) -> BatchOutputs:
    return BatchOutputs({"logits": values})


@st.composite
def batches(draw: st.DrawFn) -> FloatArray:
    rows, width = draw(st.integers(1, 6)), draw(st.integers(0, 4))
    numbers = st.floats(width=32)  # also NaN and the infinities
    values = draw(st.lists(numbers, min_size=rows * width, max_size=rows * width))
    return np.array(values, np.float32).reshape(rows, width)


@given(batches(), st.data())
def test_the_rows_of_a_batch_are_encoded_as_if_they_were_alone(
    values: FloatArray, data: st.DataObject
) -> None:
    batch = batch_of(values)
    for _ in range(2):  # encoded, and again from what was encoded
        first = data.draw(st.integers(0, len(values) - 1))
        last = data.draw(st.integers(first + 1, len(values)))
        expected = encode(values[first:last].reshape(-1))
        assert b"[%b]" % json_values(batch, "logits", first, last) == expected


@given(batches())
def test_each_row_is_encoded_without_its_brackets(values: FloatArray) -> None:
    rows = json_rows(batch_of(values), "logits", 0, len(values))
    assert [b"[%b]" % row for row in rows] == [encode(row) for row in values]


def test_a_number_that_is_not_finite_is_null() -> None:
    values = np.array([[1, np.nan], [np.inf, -np.inf]], np.float32)
    assert json_rows(batch_of(values), "logits", 0, 2) == [b"1.0,null", b"null,null"]


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_rows_without_numbers_are_empty(rows: int) -> None:
    batch = batch_of(np.zeros((rows, 0), np.float32))
    assert json_rows(batch, "logits", 0, rows) == [b""] * rows
    assert json_values(batch, "logits", 0, rows) == b""


def test_an_output_is_encoded_once_for_all_requests_of_a_batch() -> None:
    batch = BatchOutputs(
        {"logits": np.ones((3, 2), np.float32), "gate_mean": np.zeros((3, 1), np.float32)}
    )
    first, again = (json_rows(batch, "logits", 0, 3) for _ in range(2))
    assert all(row is same for row, same in zip(first, again, strict=True))
    assert batch.encoded.keys() == {"logits"}  # no other output
    assert json_values(batch, "gate_mean", 1, 3) == b"0.0,0.0"


def test_two_batches_share_no_rows() -> None:
    one, two = batch_of(np.ones((1, 1), np.float32)), batch_of(np.zeros((1, 1), np.float32))
    assert [json_rows(batch, "logits", 0, 1) for batch in (one, two)] == [[b"1.0"], [b"0.0"]]


def test_only_the_requested_rows_of_a_large_output_are_encoded() -> None:
    batch = batch_of(np.ones((3, MAX_SHARED_VALUES // 2), np.float32))
    (row,) = json_rows(batch, "logits", 1, 2)
    assert row.count(b"1.0") == MAX_SHARED_VALUES // 2
    assert batch.encoded == {}
