from typing import Any

import numpy as np
import pytest
from highway_client.errors import ArgumentError
from highway_client.gate_scale import is_named, scale_member, scale_tensor

LAYERS = ("highway 1", "highway 2", "highway 4")
SHAPES = "gate_scale: expected (layers,), (1, layers) or (2, layers), found "
NUMBERS = "gate_scale: expected lists of numbers of one length, or numbers by layer name"


@pytest.mark.parametrize(
    ("scale", "tensor"),
    [
        ([0, 1, 2], [[0, 1, 2]]),
        (np.ones((1, 3), np.int8), [[1, 1, 1]]),
        ([[0, 1, 2], [3, 4, 5]], [[0, 1, 2], [3, 4, 5]]),
        ({"highway 4": 0}, [[1, 1, 0]]),
        ([{"highway 4": 0}, {}], [[1, 1, 0], [1, 1, 1]]),
        ([{}], [[1, 1, 1]]),
    ],
)
def test_a_tensor_has_one_row_or_one_for_each_row(scale: Any, tensor: list[Any]) -> None:
    actual = scale_tensor(scale, 2, LAYERS)
    assert actual.dtype == np.float32
    assert actual.tolist() == tensor


def test_factors_by_name_are_recognised() -> None:
    assert is_named({})
    assert is_named([{}])
    assert not is_named([1])
    assert not is_named([])


@pytest.mark.parametrize(
    ("scale", "actual"),
    [(1, "()"), (np.ones((3, 3)), "(3, 3)"), (np.ones((1, 1, 3)), "(1, 1, 3)")],
)
def test_another_shape_is_an_error(scale: Any, actual: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        scale_tensor(scale, 2, LAYERS)
    assert str(caught.value) == SHAPES + actual
    with pytest.raises(ArgumentError) as caught:
        scale_member(scale, 2)
    assert str(caught.value) == SHAPES + actual


@pytest.mark.parametrize("scale", [["a"], [[1], [1, 2]], [None, {}]])
def test_values_that_are_not_numbers_are_an_error(scale: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        scale_member(scale, 2)
    assert str(caught.value) == NUMBERS


@pytest.mark.parametrize(
    ("scale", "actual"),
    [({"highway 3": 0}, "{'highway 3': 0}"), ([{}, [1]], "[1]")],
)
def test_an_unknown_layer_name_is_an_error(scale: Any, actual: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        scale_tensor(scale, 2, LAYERS)
    assert str(caught.value) == (
        f"gate_scale: expected names of layers, highway 1, highway 2, highway 4, found {actual}"
    )


def test_a_factor_by_name_that_is_not_a_number_is_an_error() -> None:
    scale: Any = {"highway 1": "a"}
    with pytest.raises(ArgumentError, match=NUMBERS):
        scale_tensor(scale, 1, LAYERS)
