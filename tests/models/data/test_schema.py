import numpy as np
import pytest

from models.data.dataset import Column, InputSpec, Labelled, Part
from models.data.schema import Schema
from models.errors import DataError

IMAGE = InputSpec(kind="image", shape=(1, 2), unit="pixel", low=0, high=255)
TABLE = InputSpec(
    kind="table",
    shape=(2,),
    unit="value",
    columns=(Column(name="age"), Column(name="kind", categories=("cat", "dog"))),
)
KNOWN = Schema(input=IMAGE, labels=("a", "b", "c"))


def part(*labels: int) -> Part:
    return Part(x=np.zeros((len(labels), 2), np.float32), y=np.array(labels, np.int64))


def further(
    labels: tuple[str, ...], *, image: InputSpec = IMAGE, test: Part | None = None
) -> Labelled:
    return Labelled(name="more", input=image, labels=labels, rows=part(0, 1), test=test)


def test_labels_are_numbered_as_the_network_numbers_them() -> None:
    data = KNOWN.fit(further(("c", "b"), test=part(1)))
    assert (data.labels, data.rows.y.tolist()) == (("a", "b", "c"), [2, 1])
    assert data.test is not None
    assert data.test.y.tolist() == [1]


def test_a_label_that_the_network_does_not_know_is_named() -> None:
    with pytest.raises(DataError) as error:
        KNOWN.fit(further(("a", "d")))
    assert str(error.value) == ("more: expected labels that the network knows (a, b, c), found 'd'")


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (
            InputSpec(kind="image", shape=(2, 2), unit="pixel", low=0, high=255),
            "images of 2×2 in the unit pixel 0–255",
        ),
        (
            InputSpec(kind="image", shape=(1, 2), unit="brightness", low=0, high=16),
            "images of 1×2 in the unit brightness 0–16",
        ),
        (
            InputSpec(kind="image", shape=(1, 2), unit="value"),
            "images of 1×2 in the unit value",
        ),
        (TABLE, "rows of 2 columns (age, kind as cat/dog)"),
    ],
)
def test_rows_of_another_shape_unit_or_kind_are_refused(image: InputSpec, found: str) -> None:
    with pytest.raises(DataError) as error:
        KNOWN.fit(further(("a", "b"), image=image))
    assert str(error.value) == (
        "more: expected images of 1×2 in the unit pixel 0–255 as the network was trained on, "
        f"found {found}"
    )


def test_columns_of_other_names_are_refused() -> None:
    other = InputSpec(
        kind="table", shape=(2,), unit="value", columns=(Column(name="0"), Column(name="1"))
    )
    with pytest.raises(DataError) as error:
        Schema(input=TABLE, labels=("a", "b")).fit(further(("a", "b"), image=other))
    assert str(error.value) == (
        "more: expected rows of 2 columns (age, kind as cat/dog) as the network was trained on, "
        "found rows of 2 columns (0, 1)"
    )
