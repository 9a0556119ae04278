from typing import Any

import pytest

from service.client.description import ModelDescription, read_default_name, read_description
from service.client.errors import AnswerError
from service.contract import Input, Layer
from tests.service.client.conftest import MODEL, reply


def test_a_description_holds_what_the_properties_say() -> None:
    assert read_description(reply(MODEL)) == ModelDescription(
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
    ("change", "found"),
    [
        ({"labels": "cat, dog"}, "properties.labels: Invalid JSON"),
        ({"labels": "[1]"}, "properties.labels.0: Input should be a valid string"),
        ({"input": '{"kind": "sound", "shape": [1], "unit": ""}'}, "properties.input.kind: "),
        ({"layers": '[{"name": "highway 1"}]'}, "properties.layers.0.kind: Field required"),
    ],
)
def test_another_servers_description_is_told_so(change: dict[str, Any], found: str) -> None:
    with pytest.raises(AnswerError) as caught:
        read_description(reply(MODEL | {"properties": MODEL["properties"] | change}))
    assert found in str(caught.value)


def test_the_default_is_the_first_of_the_list() -> None:
    assert read_default_name(reply({"models": [{"name": "a"}, {"name": "b"}]})) == "a"


def test_a_server_without_models_has_no_default() -> None:
    with pytest.raises(AnswerError) as caught:
        read_default_name(reply({"models": []}))
    assert str(caught.value) == (
        "answer: expected one of the Open Inference Protocol, found models: List should have at "
        "least 1 item after validation, not 0"
    )
