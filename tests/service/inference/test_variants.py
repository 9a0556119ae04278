import anyio
import numpy as np
import pytest

from service.arrays import FloatArray, Outputs
from service.inference import variants
from service.inference.variants import Change, Variants


class RowSums:
    """Computes the sum of each row, and keeps the rows of each batch."""

    def __init__(self) -> None:
        self.batches: list[list[list[float]]] = []

    async def __call__(self, rows: FloatArray) -> Outputs:
        self.batches.append(rows.tolist())
        return {"sum": rows.sum(axis=1, keepdims=True)}


def computed(row: object, *changes: Change, max_rows: int = 8) -> tuple[list[list[float]], RowSums]:
    network = RowSums()
    array = np.array(row, np.float32)
    outputs = anyio.run(Variants(network, array, max_rows).compute, changes)
    assert array.tolist() == row
    return outputs["sum"].tolist(), network


def test_each_change_is_made_alone() -> None:
    sums, network = computed([1, 2, 3], Change(0, 5), Change([1, 2], [7, 0]))
    assert network.batches == [[[5, 2, 3], [1, 7, 0]]]
    assert sums == [[10], [8]]


def test_a_part_of_an_image_is_changed() -> None:
    place = (slice(0, 2), slice(1, 2))
    _, network = computed([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], Change(place, [0, 9]))
    assert network.batches == [[[1, 2, 0, 9, 5, 6, 0, 9]]]


def test_a_limited_number_of_rows_is_computed_at_once() -> None:
    changes = [Change(0, value) for value in range(5)]
    sums, network = computed([0, 1], *changes, max_rows=2)
    assert [len(batch) for batch in network.batches] == [2, 2, 1]
    assert sums == [[1], [2], [3], [4], [5]]


def test_rows_of_many_values_are_made_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "MAX_VALUES", 5)
    changes = [Change(0, value) for value in range(3)]
    assert [len(batch) for batch in computed([0, 1], *changes)[1].batches] == [2, 1]
    assert [len(batch) for batch in computed([0] * 6, *changes)[1].batches] == [1, 1, 1]
