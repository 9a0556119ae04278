import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from models.gates.record import held_out_rows
from service.baselines import GATE_BINS
from service.contract import ContractError, Metadata
from tests.service.conftest import METADATA
from tests.service.drift.conftest import EDGES, held_out, metadata


def test_held_out_rows_are_read_as_arrays() -> None:
    arrays = held_out()
    assert (arrays.rows, arrays.part, arrays.predicted.tolist()) == (
        330,
        "validation",
        [220, 110, 0],
    )
    assert arrays.edges.dtype == np.float32
    assert arrays.edges[1, 0].tolist() == np.array(EDGES, np.float32).tolist()
    assert arrays.counts[:, 1, 10].tolist() == [20, 10, 0]


def test_held_out_rows_of_the_exporter_are_read() -> None:
    gates = np.random.default_rng(0).random((400, 2), np.float32)
    made = held_out_rows(gates, np.arange(400) % 2, labels=3, part="validation")
    arrays = held_out(**asdict(made))
    assert arrays.predicted.tolist() == [200, 200, 0]
    assert arrays.counts.tolist() == made.counts


def test_an_artifact_may_have_no_held_out_rows() -> None:
    assert METADATA.held_out is None


UNEVEN = [
    [[20] * GATE_BINS] * 2,
    [[10] * GATE_BINS, [11, 8] + [10] * 9],
    [[0] * GATE_BINS] * 2,
]
RISING = "': expected numbers in rising order, found another order"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": 0}, "rows': expected a number greater than 0, found 0"),
        ({"rows": 1.5}, "rows': expected a valid integer, found 1.5"),
        ({"rows": True}, "rows': expected a valid integer, found true"),
        ({"part": 3}, "part': expected a valid string, found 3"),
        (
            {"predicted": [220, 110]},
            "predicted': expected an array of 3 numbers, found another shape",
        ),
        (
            {"predicted": [220, 120, -10]},
            "predicted[2]': expected a number greater than or equal to 0, found -10",
        ),
        ({"predicted": [220, 110, 0.0]}, "predicted[2]': expected a valid integer, found 0.0"),
        ({"predicted": ["a", "b", "c"]}, 'predicted[0]\': expected a valid integer, found "a"'),
        (
            {"predicted": [10**30] * 3},
            f"predicted[0]': expected a number less than or equal to {2**53}, found {10**30}",
        ),
        ({"predicted": [220, 100, 0]}, "predicted': expected 330 rows, found 320"),
        ({"edges": None}, "edges': expected a valid list, found null"),
        ({"edges": [[1], [2, 3]]}, "edges[0][0]': expected a valid list, found 1"),
        (
            {"edges": [[EDGES] * 2] * 2},
            "edges': expected an array of 3 × 2 × 10 numbers, found another shape",
        ),
        (
            {"edges": [[["a"] * 10] * 2] * 3},
            'edges[0][0][0]\': expected a valid number, found "a"',
        ),
        ({"edges": [[EDGES[::-1]] * 2] * 3}, "edges" + RISING),
        ({"edges": [[[float("nan")] * 10] * 2] * 3}, "edges[0][0][0]': expected a number less "),
        ({"edges": [[[1e300] * 10] * 2] * 3}, "edges[0][0][0]': expected a number less than or "),
        ({"usual": None}, "usual': expected a valid list, found null"),
        (
            {"usual": [[[0.1, 0.5, 0.9]] * 2] * 3},
            "usual': expected an array of 3 × 2 × 2 numbers, found another shape",
        ),
        ({"usual": [[[0.9, 0.1]] * 2] * 3}, "usual" + RISING),
        ({"usual": [[["low", 1]] * 2] * 3}, "usual[0][0][0]': expected a valid number, found \"l"),
        (
            {"counts": [[[30] * GATE_BINS] * 2]},
            "counts': expected an array of 3 × 2 × 11 numbers, found another shape",
        ),
        (
            {"counts": UNEVEN},
            "counts': expected the rows of `predicted` in every layer, found other sums",
        ),
    ],
)
def test_malformed_held_out_rows_are_refused_when_the_file_is_read(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ContractError) as error:
        Metadata.from_props(metadata(**changes).to_props())
    assert str(error.value).startswith(f"metadata 'highway.gate_baseline: held_out: {message}")


@pytest.mark.parametrize(("value", "actual"), [([], "an array"), (5, "5")])
def test_held_out_rows_that_are_not_an_object_are_refused(value: object, actual: str) -> None:
    props = METADATA.to_props()
    props["highway.gate_baseline"] = json.dumps({"held_out": value})
    with pytest.raises(ContractError) as error:
        Metadata.from_props(props)
    assert str(error.value) == (
        f"metadata 'highway.gate_baseline: held_out': expected an object, found {actual}"
    )


def test_other_held_out_rows_replace_those_that_were_read() -> None:
    read = metadata()
    assert read.held_out is not None
    assert replace(read, gate_baseline={}).held_out is None


def test_edges_may_be_equal_where_a_gate_is_constant() -> None:
    assert held_out(edges=[[[0.25] * 10] * 2] * 3).edges.min() == 0.25
