import numpy as np
import pytest
import simdjson
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InputError
from service.formats.gate_scale import read_gate_scale

LAYERS = ["highway 1", "highway 2", "highway 5"]  # a pruned network's numbers have gaps


def read(text: str, rows: int = 2) -> list[list[float]]:
    value = simdjson.Parser().parse(text.encode())
    scale = read_gate_scale(value, LAYERS, rows)
    assert scale.dtype == np.float32
    found: list[list[float]] = scale.tolist()
    return found


def refused(text: str, rows: int = 2) -> str:
    with pytest.raises(InputError) as error:
        read(text, rows)
    return str(error.value)


def test_one_scale_holds_for_all_rows() -> None:
    assert read("[0, 1, 2.5]") == [[0, 1, 2.5]]


def test_each_row_may_have_a_scale_of_its_own() -> None:
    assert read("[[0, 1, 1], [1, 1, 0]]") == [[0, 1, 1], [1, 1, 0]]


def test_layers_may_be_named_and_those_left_out_keep_their_gates() -> None:
    assert read('{"highway 5": 0}') == [[1, 1, 0]]
    assert read('[{"highway 1": 0.5}, {}]') == [[0.5, 1, 1], [1, 1, 1]]


def test_lists_and_names_may_be_mixed() -> None:
    assert read('[[1, 0, 1], {"highway 5": 0}]') == [[1, 0, 1], [1, 1, 0]]


@given(st.lists(st.floats(0, 10, width=32), min_size=3, max_size=3))
def test_every_number_from_0_to_10_is_taken_as_it_is(numbers: list[float]) -> None:
    assert read(str(numbers)) == [numbers]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[1, 1, 1]]", "gate_scale: expected one for each of 2 instances, found 1"),
        ("[{}, {}, {}]", "gate_scale: expected one for each of 2 instances, found 3"),
        (
            "[1, 1]",
            "gate_scale: expected a list of 3 numbers, one for each layer, found one of 2",
        ),
        ("[]", "gate_scale: expected a list of 3 numbers, one for each layer, found one of 0"),
        (
            "[[1, 1, 1], [1]]",
            "gate_scale[1]: expected a list of 3 numbers, one for each layer, found one of 1",
        ),
        (
            "[[1, 1, 1], 5]",
            "gate_scale[1]: expected a list of 3 numbers or an object by layer name, found a "
            "number",
        ),
        (
            '"SECRET"',
            "gate_scale: expected a list of 3 numbers or an object by layer name, found a string",
        ),
        (
            '{"SECRET": 0}',
            "gate_scale: expected names of layers, from 'highway 1' to 'highway 5', found another "
            "name",
        ),
        (
            '{"highway 1\\u0000": 0}',
            "gate_scale: expected names of layers, from 'highway 1' to 'highway 5', found another "
            "name",
        ),
        ('["SECRET", 1, 1]', "gate_scale: expected numbers alone, found a string"),
        ("[true, 1, 1]", "gate_scale: expected numbers alone, found true or false"),
        ("[null, 1, 1]", "gate_scale: expected numbers alone, found null"),
        ('{"highway 1": []}', "gate_scale: expected numbers alone, found a list"),
        ("[[1, 1, 1], [1, [1], 1]]", "gate_scale[1]: expected numbers alone, found a list"),
    ],
)
def test_what_is_no_scale_is_told_with_its_place(text: str, message: str) -> None:
    assert refused(text) == message


@pytest.mark.parametrize("number", ["-0.1", "10.1", "-1e300", "1e300"])
def test_a_number_out_of_bounds_is_refused(number: str) -> None:
    assert refused(f"[1, {number}, 1]") == (
        "gate_scale: expected numbers from 0 to 10, found others; 0 closes a layer, 1 leaves it as "
        "it is"
    )
