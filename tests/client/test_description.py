import json
from typing import Any

import numpy as np
import pytest
from highway_client.description import (
    Column,
    Input,
    Layer,
    ModelDescription,
    TextFormat,
    read_default_name,
    read_description,
)
from highway_client.errors import ResponseError

from tests.client.conftest import MODEL, USUAL_GATES, response

TABLE: dict[str, Any] = {"kind": "table", "shape": [2], "unit": "value"}


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


def described(row: dict[str, Any]) -> Input:
    properties = MODEL["properties"] | {"input": json.dumps(row)}
    return read_description(response(MODEL | {"properties": properties})).input


def test_dates_units_and_the_text_format_are_read() -> None:
    when = {"name": "when", "categories": [], "date": "%d/%m/%Y", "unit": ""}
    mass: dict[str, Any] = {"name": "mass", "categories": [], "date": None, "unit": "kg"}
    text = {
        "columns": [["mass", "number"]],
        "missing": ["-"],
        "decimal": ",",
        "delimiter": ";",
        "encoding": None,
        "keep_spaces": True,
    }
    assert described(TABLE | {"columns": [when, mass], "text": text}) == Input(
        kind="table",
        shape=(2,),
        unit="value",
        columns=(Column(name="when", date="%d/%m/%Y"), Column(name="mass", unit="kg")),
        text=TextFormat(
            columns=(("mass", "number"),),
            missing=("-",),
            decimal=",",
            delimiter=";",
            keep_spaces=True,
        ),
    )


def test_older_servers_send_no_dates_units_and_text_format() -> None:
    columns: list[dict[str, Any]] = [{"name": name, "categories": []} for name in ("a", "b")]
    row = described(TABLE | {"columns": columns})
    assert row.columns == (Column(name="a"), Column(name="b"))
    assert row.text == TextFormat()


@pytest.mark.parametrize("pairs", ["a", [["a"]], [["a", 1]], ["ab"]])
def test_malformed_declarations_are_an_error(pairs: object) -> None:
    with pytest.raises(ResponseError, match=r"text\.columns that is not a list"):
        described(TABLE | {"columns": [], "text": {"columns": pairs}})


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


def with_usual(text: str) -> ModelDescription:
    return read_description(
        response(MODEL | {"properties": MODEL["properties"] | {"usual_gates": text}})
    )


def test_the_usual_ranges_are_those_of_each_rows_label() -> None:
    ranges = with_usual(USUAL_GATES).usual_ranges(["cat", "dog", "cat"])
    assert ranges is not None
    nan = np.nan
    np.testing.assert_array_equal(ranges[0], [[0.25, 0.5], [nan, nan], [0.25, 0.5]])
    np.testing.assert_array_equal(ranges[1], [[0.75, 0.875], [nan, nan], [0.75, 0.875]])


def test_no_rows_have_no_usual_ranges() -> None:
    ranges = with_usual(USUAL_GATES).usual_ranges([])
    assert ranges is not None
    assert ranges[0].shape == ranges[1].shape == (0, 2)


@pytest.mark.parametrize("description", [with_usual("null"), read_description(response(MODEL))])
def test_a_server_may_know_no_usual_ranges(description: ModelDescription) -> None:
    assert description.usual_gates is None
    assert description.usual_ranges(["cat"]) is None


@pytest.mark.parametrize(
    ("text", "actual"),
    [
        ('{"cat": {"low": [0.25], "high": [0.75]}}', "usual_gates that are not those of 2 layers"),
        ("[]", "usual_gates that is not an object"),
        ("{", "usual_gates that is not JSON"),
    ],
)
def test_malformed_usual_ranges_are_an_error(text: str, actual: str) -> None:
    with pytest.raises(ResponseError, match=f"found {actual}"):
        with_usual(text)
