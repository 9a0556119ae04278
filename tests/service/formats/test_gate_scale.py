from collections.abc import Sequence

import numpy as np
import pytest
import simdjson
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InputError
from service.formats.gate_scale import read_gate_scale
from tests.service.formats.conftest import message_of

LAYERS = ["highway 1", "highway 2", "highway 5"]  # a pruned network's numbers have gaps


def read(text: str, layers: Sequence[str] = LAYERS) -> list[list[float]]:
    """Read a gate_scale for two rows."""
    scale = read_gate_scale(simdjson.Parser().parse(text.encode()), layers, 2)
    assert scale.dtype == np.float32
    values: list[list[float]] = scale.tolist()
    return values


def test_one_scale_applies_to_all_rows() -> None:
    assert read("[0, 1, 2.5]") == [[0, 1, 2.5]]


def test_each_row_may_have_its_own_scale() -> None:
    assert read("[[0, 1, 1], [1, 1, 0]]") == [[0, 1, 1], [1, 1, 0]]


def test_layers_left_out_of_an_object_keep_their_gates() -> None:
    assert read('{"highway 5": 0}') == [[1, 1, 0]]
    assert read('[{"highway 1": 0.5}, {}]') == [[0.5, 1, 1], [1, 1, 1]]


def test_lists_and_objects_may_be_mixed() -> None:
    assert read('[[1, 0, 1], {"highway 5": 0}]') == [[1, 0, 1], [1, 1, 0]]


@given(st.lists(st.floats(0, 10, width=32), min_size=3, max_size=3))
def test_every_number_from_0_to_10_is_read_unchanged(numbers: list[float]) -> None:
    assert read(str(numbers)) == [numbers]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[1, 1, 1]]", "gate_scale: expected 2 scales, one for each instance, found 1"),
        ("[{}, {}, {}]", "gate_scale: expected 2 scales, one for each instance, found 3"),
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
            "gate_scale[1]: expected a list of 3 numbers or an object keyed by layer name, "
            "found a number",
        ),
        (
            '"SECRET"',
            "gate_scale: expected a list of 3 numbers or an object keyed by layer name, found a "
            "string",
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
        ('["SECRET", 1, 1]', "gate_scale: expected numbers, found a string"),
        ("[true, 1, 1]", "gate_scale: expected numbers, found a boolean"),
        ("[null, 1, 1]", "gate_scale: expected numbers, found null"),
        ('{"highway 1": []}', "gate_scale: expected numbers, found a list"),
        ("[[1, 1, 1], [1, [1], 1]]", "gate_scale[1]: expected numbers, found a list"),
    ],
)
def test_an_error_names_the_location_of_a_malformed_scale(text: str, message: str) -> None:
    assert message_of(InputError, lambda: read(text)) == message


def test_a_model_without_layers_has_no_layer_names() -> None:
    assert message_of(InputError, lambda: read('{"highway 1": 0}', layers=[])) == (
        "gate_scale: expected names of layers, of which there are none, found another name"
    )


@pytest.mark.parametrize("number", ["-0.1", "10.1", "-1e300", "1e300"])
def test_a_number_out_of_range_is_rejected(number: str) -> None:
    assert message_of(InputError, lambda: read(f"[1, {number}, 1]")) == (
        "gate_scale: expected numbers from 0 to 10, found one out of range; 0 closes a layer, 1 "
        "leaves it unchanged"
    )


def test_an_object_of_many_members_is_rejected_before_they_are_read() -> None:
    assert read("{" + ", ".join(['"highway 1": 0'] * 67) + "}") == [[0, 1, 1]]
    many = "{" + ", ".join(['"highway 1": 0'] * 68) + "}"
    assert message_of(InputError, lambda: read(many)) == (
        "gate_scale: expected an object of at most 3 layers, found one of 68 members"
    )
