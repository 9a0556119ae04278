from typing import Any

import pytest
from highway_client.description import (
    Input,
    Layer,
    ModelDescription,
    read_default_name,
    read_description,
)
from highway_client.errors import ResponseError

from tests.client.conftest import MODEL, response


def test_a_description_is_read_from_the_properties() -> None:
    assert read_description(response(MODEL)) == ModelDescription(
        name="tiny",
        versions=("1",),
        labels=("cat", "dog"),
        layers=(
            Layer(name="highway 1", kind="dense", width=1, number=1),
            Layer(name="highway 2", kind="dense", width=2, number=2),
        ),
        input=Input(kind="image", shape=(1, 2), unit="pixel", low=0, high=1),
    )


@pytest.mark.parametrize(
    ("change", "actual"),
    [
        ({"labels": "cat, dog"}, "found labels that is not JSON"),
        ({"labels": "[1]"}, "found labels that is not a list of strings"),
        ({"input": '{"kind": "image", "shape": [1]}'}, "found no input.unit"),
        ({"layers": '[{"name": "highway 1"}]'}, "found no layers[0].kind"),
    ],
)
def test_the_description_of_another_server_is_an_error(change: dict[str, Any], actual: str) -> None:
    with pytest.raises(ResponseError) as caught:
        read_description(response(MODEL | {"properties": MODEL["properties"] | change}))
    assert actual in str(caught.value)


def test_the_default_is_the_first_of_the_list() -> None:
    assert read_default_name(response({"models": [{"name": "a"}, {"name": "b"}]})) == "a"


def test_a_server_without_models_has_no_default() -> None:
    with pytest.raises(ResponseError) as caught:
        read_default_name(response({"models": []}))
    assert str(caught.value) == (
        "response: expected one of a highway-networks server, found an empty list of models"
    )
