from typing import Any

import pytest
from highway_client.errors import ResponseError
from highway_client.input_effects import (
    ColumnChange,
    ColumnEffect,
    ColumnEffects,
    InputCounterfactual,
    PatchEffects,
    read_effects,
)
from highway_client.json_values import JsonObject

from tests.client.conftest import COLUMN_EFFECTS, PATCH_EFFECTS


def test_the_effects_of_columns_are_read() -> None:
    effects = read_effects(JsonObject(COLUMN_EFFECTS))
    assert effects == ColumnEffects(
        columns=(
            ColumnEffect(
                name="age",
                value=41.0,
                replaced_by=37.0,
                label="cat",
                probability=0.25,
                probability_change=-0.5,
            ),
            ColumnEffect(
                name="job",
                value="nurse",
                replaced_by=None,
                label="dog",
                probability=0.5,
                probability_change=-0.25,
            ),
        ),
        decisive_columns=("age",),
        counterfactual=InputCounterfactual(
            changes=(ColumnChange(name="age", value=41.0, changed_to=30.0),), label="cat"
        ),
        complete=True,
    )


def test_effects_without_a_counterfactual_are_read() -> None:
    effects = read_effects(JsonObject(COLUMN_EFFECTS | {"counterfactual": None}))
    assert isinstance(effects, ColumnEffects)
    assert effects.counterfactual is None


def test_a_frame_has_a_row_for_each_column() -> None:
    frame = read_effects(JsonObject(COLUMN_EFFECTS)).frame()
    assert (frame.index.name, frame.index.tolist()) == ("column", ["age", "job"])
    assert frame.loc["age"].to_dict() == {
        "value": 41,
        "replaced_by": 37,
        "label": "cat",
        "probability": 0.25,
        "probability_change": -0.5,
    }


def test_the_effects_of_patches_are_read() -> None:
    effects = read_effects(JsonObject(PATCH_EFFECTS))
    assert isinstance(effects, PatchEffects)
    assert (effects.patch, effects.complete) == ((4, 4), False)
    assert (effects.tops, effects.lefts) == ((0, 2), (0, 3))
    assert effects.labels == (("dog", "cat"), ("dog", "dog"))
    assert effects.probability_changes.tolist() == [[0, -0.5], [-0.25, 0.125]]


def test_a_frame_has_a_row_for_each_patch() -> None:
    frame = read_effects(JsonObject(PATCH_EFFECTS)).frame()
    assert frame.to_dict("list") == {
        "top": [0, 0, 2, 2],
        "left": [0, 3, 0, 3],
        "label": ["dog", "cat", "dog", "dog"],
        "probability_change": [0, -0.5, -0.25, 0.125],
    }


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"kind": "words"}, "inputs of the kind 'words'; install a newer highway-client"),
        (COLUMN_EFFECTS | {"columns": [{"name": "age"}]}, "no columns[0].value"),
        (PATCH_EFFECTS | {"patch": [4]}, "inputs.patch that is not a height and a width"),
        (PATCH_EFFECTS | {"tops": [0, 2, 3]}, "inputs.tops and lefts that are not those of "
         "inputs.probability_change"),
        (PATCH_EFFECTS | {"label": [["dog"]]}, "inputs.label whose size is not that of "
         "inputs.probability_change"),
        (PATCH_EFFECTS | {"label": [[1, 2], [3, 4]]}, "label that is not a list of lists of "
         "strings"),
        (PATCH_EFFECTS | {"probability_change": [[1], [1, 2]]}, "probability_change that is not a "
         "list of lists of one length"),
    ],
)  # fmt: skip
def test_malformed_effects_are_an_error(body: dict[str, Any], found: str) -> None:
    with pytest.raises(ResponseError) as caught:
        read_effects(JsonObject(body))
    assert str(caught.value).endswith(f"found {found}")
