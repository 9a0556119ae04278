from typing import Any

import numpy as np
import pytest

from service.client.errors import ArgumentError
from service.client.scales import is_named, scale_member, scale_tensor

LAYERS = ("highway 1", "highway 2", "highway 4")
SHAPES = "gate_scale: expected (layers,), (1, layers) or (2, layers), found "
NUMBERS = "gate_scale: expected numbers in lists of one length, or by layer name, found others"


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
def test_a_tensor_has_one_line_or_one_for_each_row(scale: Any, tensor: list[Any]) -> None:
    found = scale_tensor(scale, 2, LAYERS)
    assert found.dtype == np.float32
    assert found.tolist() == tensor


def test_factors_by_name_are_told_from_others() -> None:
    assert is_named({})
    assert is_named([{}])
    assert not is_named([1])
    assert not is_named([])


@pytest.mark.parametrize(
    ("scale", "found"),
    [(1, "()"), (np.ones((3, 3)), "(3, 3)"), (np.ones((1, 1, 3)), "(1, 1, 3)")],
)
def test_another_shape_is_told(scale: Any, found: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        scale_tensor(scale, 2, LAYERS)
    assert str(caught.value) == SHAPES + found
    with pytest.raises(ArgumentError) as caught:
        scale_member(scale, 2)
    assert str(caught.value) == SHAPES + found


@pytest.mark.parametrize("scale", [["a"], [[1], [1, 2]], [None, {}]])
def test_what_are_no_numbers_is_told(scale: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        scale_member(scale, 2)
    assert str(caught.value) == NUMBERS


@pytest.mark.parametrize(
    ("scale", "found"),
    [({"highway 3": 0}, "{'highway 3': 0}"), ([{}, [1]], "[1]")],
)
def test_a_name_of_no_layer_is_told(scale: Any, found: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        scale_tensor(scale, 2, LAYERS)
    assert str(caught.value) == (
        f"gate_scale: expected names of layers, highway 1, highway 2, highway 4, found {found}"
    )


def test_numbers_by_name_that_are_none_are_told() -> None:
    scale: Any = {"highway 1": "a"}
    with pytest.raises(ArgumentError, match=NUMBERS):
        scale_tensor(scale, 1, LAYERS)
