import numpy as np
import pytest

from service.contract import GATE_SCALE, LOGITS
from service.errors import InputError, RequestError
from service.formats.infer_request import LONGEST_REMEMBERED, REMEMBERED, InferReader
from tests.service.conftest import METADATA
from tests.service.formats.conftest import (
    IMAGES,
    NAN,
    ROW,
    TABLES,
    binary,
    floats,
    read,
    refused,
    request,
    tensor,
)


@pytest.fixture
def reader() -> InferReader:
    """A reader that remembers nothing yet."""
    return InferReader(METADATA, max_rows=5)


def test_a_long_text_is_read_as_a_short_one() -> None:
    for filling in (1 << 20, 10, 1 << 21, 10):
        assert read(request(note="x" * filling)).rows.tolist() == [ROW]


def test_a_request_is_read_between_two_that_fail(reader: InferReader) -> None:
    for wrong in (b"{", b"[]", request(tensor(data=[1, [2], 3, 4])), request(outputs=[1])):
        with pytest.raises(RequestError):
            read(wrong, reader=reader)
        assert read(request(), reader=reader).rows.tolist() == [ROW]


def test_the_same_head_again_takes_the_numbers_behind_it(reader: InferReader) -> None:
    head = request(binary())
    for row in ([1, 2, 3, 4], [5, 6, 7, 8], [1, 2, 3, 4]):
        assert read(head, floats(*row), reader=reader).rows.tolist() == [row]


def test_the_same_head_again_is_not_parsed_again(reader: InferReader) -> None:
    head = request(binary(), outputs=[{"name": LOGITS}])
    first, second = (read(head, floats(*ROW), reader=reader).outputs for _ in range(2))
    assert first is second


def test_heads_that_differ_in_a_byte_are_told_apart(reader: InferReader) -> None:
    heads = {name: request(binary(), id=name) for name in ("a", "b", "c")}
    for name in (*"abc", *"cba"):
        asked = read(heads[name], floats(*ROW), reader=reader)
        assert asked.id == name


def test_json_numbers_in_a_remembered_head_stay_its_own(reader: InferReader) -> None:
    whole = binary(8, GATE_SCALE, shape=[1, 2])
    for value, closed in ((1.0, 0.0), (2.0, 1.0), (1.0, 1.0), (2.0, 0.0)):
        head = request(tensor(data=[value] * 4), whole)
        asked = read(head, floats(closed, 1), reader=reader)
        assert asked.gate_scale is not None
        assert (asked.rows[0, 0], asked.gate_scale[0, 0]) == (value, closed)


def test_more_heads_than_are_remembered_are_still_read(reader: InferReader) -> None:
    for turn in range(2):
        for number in range(REMEMBERED + 10):
            content = floats(number, turn, 0, 0)
            asked = read(request(binary(), id=str(number)), content, reader=reader)
            assert (asked.id, asked.rows[0, :2].tolist()) == (str(number), [number, turn])


@pytest.mark.parametrize("length", [LONGEST_REMEMBERED, LONGEST_REMEMBERED + 1])
def test_a_head_too_long_to_be_remembered_is_read_all_the_same(
    length: int, reader: InferReader
) -> None:
    head = request(binary())
    head += b" " * (length - len(head))
    for row in ([1, 2, 3, 4], [5, 6, 7, 8]):
        assert read(head, floats(*row), reader=reader).rows.tolist() == [row]


def test_an_error_is_not_remembered(reader: InferReader) -> None:
    wrong = request(binary(), outputs=[{"name": "x"}])
    errors = []
    for _ in range(2):
        with pytest.raises(InputError) as error:
            read(wrong, floats(*ROW), reader=reader)
        errors.append(error.value)
    assert errors[0] is not errors[1]
    assert str(errors[0]) == str(errors[1])


def test_a_head_whose_numbers_were_wrong_is_read_once_they_are_right(reader: InferReader) -> None:
    head = request(binary())
    for wrong in (floats(1, NAN, 3, 4), floats(1, 2, 3), floats(1, 2, 3, 4, 5)):
        with pytest.raises(RequestError):
            read(head, wrong, reader=reader)
        assert read(head, floats(*ROW), reader=reader).rows.tolist() == [ROW]


def test_two_models_do_not_share_what_they_remember() -> None:
    head, content = request(binary()), floats(1, NAN, 3, 4)
    assert np.isnan(read(head, content, reader=TABLES).rows[0, 1])
    refused(InputError, head, content, reader=IMAGES)
    assert np.isnan(read(head, content, reader=TABLES).rows[0, 1])
