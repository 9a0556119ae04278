from dataclasses import replace
from typing import Any

import pytest

from service.baselines import InputBaseline
from service.contract import ContractError, Input, Metadata
from tests.service.conftest import METADATA, TABLE

# Of the columns age, job (three categories), member (a boolean) and income.
VALUES: list[list[float]] = [[20.0, 41.0], [0.0, 2.0], [0.0], []]
USUAL = [41.0, 2.0, 0.0, 0.0]
GREY, COLOUR = METADATA.input, Input(kind="image", shape=(5, 4, 3), unit="pixel")


def table(**changes: Any) -> Metadata:
    """Return the table's metadata with usual inputs."""
    inputs = {"usual": USUAL, "values": VALUES, "missing": [False, False, True, True], **changes}
    return replace(TABLE, gate_baseline={"inputs": inputs})


def image(row: Input, usual: list[float]) -> Metadata:
    inputs = {"usual": usual, "values": [], "missing": []}
    return replace(METADATA, input=row, gate_baseline={"inputs": inputs})


def read(metadata: Metadata) -> InputBaseline | None:
    return Metadata.from_props(metadata.to_props()).input_baseline


def test_the_usual_inputs_of_a_table_are_read_by_column() -> None:
    assert read(table()) == InputBaseline(
        usual=USUAL, values=VALUES, missing=[False, False, True, True]
    )


def test_the_usual_inputs_of_an_image_are_read_by_channel() -> None:
    for row, usual in ((GREY, [0.0]), (COLOUR, [3.0, 2.0, 255.0])):
        assert read(image(row, usual)) == InputBaseline(usual=usual, values=[], missing=[])


def test_an_artifact_may_have_no_usual_inputs() -> None:
    assert METADATA.input_baseline is None


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (image(GREY, [0.0, 1.0]), "usual': expected 1 items, found 2"),
        (image(COLOUR, [0.0]), "usual': expected 3 items, found 1"),
        (table(usual=USUAL[:3]), "usual': expected 4 items, found 3"),
        (table(usual=None), "usual': expected a valid list, found null"),
        (table(usual=[1e300] * 4), "usual[0]': expected a number less than or equal to 3402"),
        (table(usual=["old", 2, 0, 0]), 'usual[0]\': expected a valid number, found "old"'),
        (table(usual=[41, 0.5, 0, 0]), "usual[1]': expected an index of the column's 3 categories"),
        (table(values=VALUES[:2]), "values': expected 4 items, found 2"),
        (table(values=[1, 2, 3, 4]), "values[0]': expected a valid list, found 1"),
        (
            table(values=[list(range(17)), *VALUES[1:]]),
            "values[0]': expected at most 16 values, found 17",
        ),
        (
            table(values=[[41.0, 20.0], *VALUES[1:]]),
            "values[0]': expected numbers in rising order, found another order",
        ),
        (
            table(values=[VALUES[0], [0.0, 3.0], *VALUES[2:]]),
            "values[1]': expected an index of the column's 3 categories, found 3.0",
        ),
        (table(missing=[True]), "missing': expected 4 items, found 1"),
        (table(missing=[0, 0, 0, 0]), "missing[0]': expected a valid boolean, found 0"),
    ],
)
def test_malformed_usual_inputs_are_refused_when_the_file_is_read(
    metadata: Metadata, message: str
) -> None:
    with pytest.raises(ContractError) as error:
        read(metadata)
    assert str(error.value).startswith(f"metadata 'highway.gate_baseline: inputs: {message}")


def test_usual_inputs_that_are_not_an_object_are_refused() -> None:
    with pytest.raises(ContractError) as error:
        read(replace(TABLE, gate_baseline={"inputs": [1]}))
    assert str(error.value) == (
        "metadata 'highway.gate_baseline: inputs': expected an object, found an array"
    )
