from typing import Any

import numpy as np
import pytest

from models.gates.held_out import held_out as counted
from service.contract import ContractError
from service.drift.baseline import BINS, read_held_out
from tests.service.conftest import METADATA
from tests.service.drift.conftest import EDGES, held_out, metadata


def test_what_the_artifact_tells_is_read() -> None:
    found = held_out()
    assert (found.rows, found.part, found.predicted.tolist()) == (330, "validation", [220, 110, 0])
    assert found.edges.dtype == np.float32
    assert found.edges[1, 0].tolist() == np.array(EDGES, np.float32).tolist()
    assert found.counts[:, 1, 10].tolist() == [20, 10, 0]


def test_what_the_exporter_counts_is_read() -> None:
    gates = np.random.default_rng(0).random((400, 2), np.float32)
    made = counted(gates, np.arange(400) % 2, labels=3, part="validation")
    found = held_out(**vars(made))
    assert found.predicted.tolist() == [200, 200, 0]
    assert found.counts.tolist() == made.counts


def test_an_artifact_may_have_no_held_out_rows() -> None:
    assert read_held_out(METADATA) is None


WRONG = "metadata 'highway.gate_baseline: held_out: "
UNEVEN = [[[20] * BINS] * 2, [[10] * BINS, [11, 9] + [10] * 9], [[0] * BINS, [1] + [0] * 10]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": 0}, "rows': expected a whole number above 0, found 0"),
        ({"rows": 1.5}, "rows': expected a whole number, found float"),
        ({"part": 3}, "part': expected a string, found int"),
        ({"predicted": [220, 110]}, "predicted': expected lists of 3 numbers, found another shape"),
        ({"predicted": [220, 120, -10]}, "predicted': expected whole numbers from 0, found others"),
        ({"predicted": [220, 110, 0.0]}, "predicted': expected whole numbers from 0, found others"),
        ({"predicted": ["a", "b", "c"]}, "predicted': expected whole numbers from 0, found others"),
        ({"predicted": [10**30] * 3}, "predicted': expected whole numbers from 0, found others"),
        ({"predicted": [220, 100, 0]}, "predicted': expected 330 rows, found 320"),
        ({"edges": None}, "edges': expected lists of 3 × 2 × 10 numbers, found another shape"),
        ({"edges": [[1], [2, 3]]}, "edges': expected lists of 3 × 2 × 10 numbers, found another "),
        ({"edges": [[["a"] * 10] * 2] * 3}, "edges': expected finite numbers that never fall, "),
        ({"edges": [[EDGES[::-1]] * 2] * 3}, "edges': expected finite numbers that never fall, "),
        ({"edges": [[[float("nan")] * 10] * 2] * 3}, "edges': expected finite numbers that never "),
        ({"edges": [[[1e300] * 10] * 2] * 3}, "edges': expected finite numbers that never fall, "),
        ({"counts": [[[30] * BINS] * 2]}, "counts': expected lists of 3 × 2 × 11 numbers, found "),
        ({"counts": UNEVEN}, "counts': expected as many rows of a label in every layer as "),
    ],
)
def test_what_is_not_as_expected_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError) as error:
        read_held_out(metadata(**changes))
    assert str(error.value).startswith(WRONG + message)


def test_held_out_rows_that_are_no_object_are_refused() -> None:
    other = metadata()
    other.gate_baseline["held_out"] = []  # type: ignore[index]
    with pytest.raises(ContractError) as error:
        read_held_out(other)
    assert str(error.value) == (
        "metadata 'highway.gate_baseline: held_out': expected an object, found list"
    )


def test_edges_may_be_equal_where_a_gate_is_constant() -> None:
    assert held_out(edges=[[[0.25] * 10] * 2] * 3).edges.min() == 0.25
