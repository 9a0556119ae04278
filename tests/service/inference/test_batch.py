import numpy as np
import pytest

from service.arrays import FloatArray
from service.inference.batch import BatchResult, first_nonfinite, gather
from service.inference.outputs import BatchOutputs
from service.inference.queue import InferenceRequest, Part, PendingRequest

INF, NAN = float("inf"), float("nan")


def array(*rows: list[float]) -> FloatArray:
    return np.array(rows, np.float32)


def part(rows: FloatArray, scale: FloatArray | None = None, *, skip: int = 0) -> Part:
    """Return the part of a request from its row `skip` on."""
    request = InferenceRequest(rows, frozenset(), scale)
    return Part(PendingRequest(request, lambda _: None, "", 0), skip, len(rows))


def batch(**outputs: FloatArray) -> BatchResult:
    return BatchResult([], 0, outputs, None, 0, 0, 0, 0)


def test_the_rows_of_a_single_request_are_not_copied() -> None:
    rows = array([1, 2], [3, 4])
    gathered, scale = gather([part(rows)])
    assert np.shares_memory(gathered, rows)
    assert scale is None


def test_rows_are_joined_in_order() -> None:
    gathered, _ = gather([part(array([1, 2])), part(array([3, 4], [5, 6]))])
    assert gathered.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_only_the_rows_of_the_part_are_gathered() -> None:
    gathered, scale = gather([part(array([1, 2], [3, 4]), array([0, 1], [1, 0]), skip=1)])
    assert gathered.tolist() == [[3, 4]]
    assert scale is not None
    assert scale.tolist() == [[1, 0]]


def test_one_scale_for_all_rows_of_a_single_request_stays_one_row() -> None:
    _, scale = gather([part(array([1, 2], [3, 4]), array([0, 1]))])
    assert scale is not None
    assert scale.tolist() == [[0, 1]]


def test_one_scale_for_all_rows_applies_to_each_part_of_a_split_request() -> None:
    rows = array([1, 2], [3, 4], [5, 6])
    _, scale = gather([part(rows, array([0, 2]), skip=1), part(array([7, 8]))])
    assert scale is not None
    assert scale.tolist() == [[0, 2], [0, 2], [1, 1]]


def test_each_row_has_its_own_scale_and_ones_by_default() -> None:
    _, scale = gather(
        [
            part(array([1, 2])),
            part(array([3, 4], [5, 6]), array([0, 1])),
            part(array([7, 8], [9, 0]), array([0.25, 0.5], [2, 3])),
        ]
    )
    assert scale is not None
    assert scale.dtype == np.float32
    assert scale.tolist() == [[1, 1], [0, 1], [0, 1], [0.25, 0.5], [2, 3]]


def test_a_batch_of_requests_without_a_scale_has_no_scale() -> None:
    assert gather([part(array([1, 2])), part(array([3, 4]))])[1] is None


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_a_batch_with_a_logit_that_is_not_finite_is_not_finite(value: float) -> None:
    good = array([1, 2], [3, 4])
    assert not batch(logits=array([1, 2], [3, value]), probabilities=good).finite
    assert batch(logits=good, probabilities=good).finite


def test_without_logits_the_probabilities_are_checked() -> None:
    assert not batch(probabilities=array([0, 1], [NAN, NAN])).finite
    assert batch(probabilities=array([0, 1])).finite


def test_infinities_that_cancel_are_detected() -> None:
    assert not batch(logits=array([INF, -INF])).finite


def test_numbers_whose_sum_overflows_are_finite() -> None:
    assert batch(logits=array([3e38, 3e38], [3e38, 3e38])).finite


def test_a_failed_batch_is_finite() -> None:
    assert batch().finite


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_the_error_names_the_first_row_that_is_not_finite(value: float) -> None:
    logits = array([1, 2], [3, 4], [5, value], [value, 8])
    assert str(first_nonfinite({"logits": logits}, 0)) == (
        "row 2: inputs overflow float32; the output is not finite"
    )


def test_the_row_is_counted_from_the_requests_first_row() -> None:
    error = first_nonfinite({"logits": array([1, 2], [NAN, 4])}, 16)
    assert str(error).startswith("row 17: ")


def test_every_output_of_a_row_is_checked() -> None:
    outputs = {"logits": array([1], [2], [NAN]), "gate_mean": array([1, 2], [3, INF], [5, 6])}
    assert str(first_nonfinite(outputs, 0)).startswith("row 1: ")


def test_finite_outputs_have_no_error() -> None:
    assert first_nonfinite({"logits": array([1, -3.4e38], [0, 3.4e38])}, 0) is None


# The outputs of a batch and of its requests.


def test_the_rows_of_a_batchs_outputs_are_views() -> None:
    arrays = {"logits": array([1, 2], [3, 4], [5, 6]), "gate_mean": array([7], [8], [9])}
    rows = BatchOutputs(arrays).rows(1, 3)
    assert {name: values.tolist() for name, values in rows.items()} == {
        "logits": [[3, 4], [5, 6]],
        "gate_mean": [[8], [9]],
    }
    assert all(np.shares_memory(rows[name], arrays[name]) for name in arrays)


def test_a_request_refers_to_its_rows_of_a_batch() -> None:
    pending = part(array([1, 2], [3, 4])).pending
    assert (pending.batch, pending.first, pending.outputs) == (None, 0, None)
    pending.batch, pending.first = BatchOutputs({"logits": array([1], [2], [3], [4])}), 1
    assert pending.outputs is not None
    assert pending.outputs["logits"].tolist() == [[2], [3]]


def test_requests_do_not_share_the_values_that_are_set_at_their_end() -> None:
    one, two = part(array([1, 2])).pending, part(array([3, 4])).pending
    one.batch, one.first, one.taken, one.error = BatchOutputs({}), 3, 1, ValueError()
    assert (two.batch, two.first, two.taken, two.error) == (None, 0, 0, None)


def test_a_batch_has_no_scaled_row_and_no_waiting_requests_by_default() -> None:
    one = batch(logits=array([1]))
    assert (one.scaled, one.clients, one.wait_ns) == (False, 0, 0)
