"""Linear networks: label 0 has the logit of its weights, label 1 has 0."""

import anyio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.arrays import FloatArray, Outputs
from service.baselines import InputBaseline
from service.inference import occlusion
from service.inference.occlusion import (
    ColumnOcclusion,
    PatchOcclusion,
    occlude_columns,
    occlude_patches,
)
from service.inference.usual_inputs import UsualInputs
from service.inference.variants import Variants


class Linear:
    """The logit of label 0 is the sum of the inputs, each times its weight."""

    def __init__(self, *weights: float) -> None:
        self._weights = np.array(weights, np.float32)
        self.rows = 0

    async def __call__(self, rows: FloatArray) -> Outputs:
        self.rows += len(rows)
        logits = np.stack([rows @ self._weights, np.zeros(len(rows), np.float32)], axis=1)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return {"logits": logits, "probabilities": powers / powers.sum(axis=1, keepdims=True)}


def zeros(columns: int) -> UsualInputs:
    baseline = InputBaseline(usual=[0] * columns, values=[[0]] * columns, missing=[False] * columns)
    return UsualInputs.of(baseline)


def columns_of(network: Linear, *row: float) -> ColumnOcclusion:
    variants = Variants(network, np.array(row, np.float32), 64)
    return anyio.run(occlude_columns, variants, zeros(len(row)), 0)


def patches_of(network: Linear, image: object, pixel: list[float]) -> PatchOcclusion:
    row = np.array(image, np.float32)
    unchanged = anyio.run(network, row.reshape(1, -1))["probabilities"][0]
    network.rows = 0
    variants = Variants(network, row, 64)
    return anyio.run(occlude_patches, variants, np.array(pixel, np.float32), unchanged)


def test_each_column_is_replaced_alone() -> None:
    found = columns_of(Linear(1, 2, -3), 4, 1, 1)
    assert found.complete
    assert found.columns.tolist() == [0, 1, 2]
    assert found.replaced_by.tolist() == [0, 0, 0]
    assert found.outputs["logits"][:, 0].tolist() == [-1, 1, 6]  # of 3 with all columns


def test_of_many_columns_those_of_the_most_important_blocks_are_replaced_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(occlusion, "MAX_ROWS", 7)  # of three blocks: 0 to 2, 3 to 5, 6 and 7
    network = Linear(0, 0, 1, 0, 5, 0, 2, 2)
    found = columns_of(network, *[1] * 8)
    assert not found.complete
    assert found.columns.tolist() == [3, 4, 5, 6]
    assert network.rows == 7


def test_patches_are_a_seventh_of_a_side_and_overlap_by_half() -> None:
    found = patches_of(Linear(*[0.001] * 28 * 28), np.ones((28, 28)), [0])
    assert found.patch == (4, 4)
    assert found.tops == found.lefts == tuple(range(0, 26, 2))
    assert found.probabilities.shape == (13, 13, 2)


def test_the_last_patch_ends_with_the_image() -> None:
    weights = np.zeros((1, 18), np.float32)
    weights[0, -1] = 1
    found = patches_of(Linear(*weights[0]), np.ones((1, 18)), [0])
    assert (found.patch, found.tops) == ((1, 3), (0,))
    assert found.lefts == (0, 2, 4, 6, 8, 10, 12, 14, 15)
    changed = found.probabilities[0, :, 0] == 0.5  # from 1 / (1 + 1/e)
    assert changed.tolist() == [*[False] * 8, True]


def test_a_patch_that_has_the_usual_value_is_not_computed() -> None:
    network = Linear(1, 1, 1, 1)
    found = patches_of(network, [[0, 0], [0, 2]], [0])
    assert network.rows == 1
    assert found.probabilities[1, 1].tolist() == [0.5, 0.5]
    assert np.allclose(found.probabilities[0, 0], [1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))])


def test_an_image_like_the_usual_one_needs_no_row() -> None:
    network = Linear(1, 1)
    assert patches_of(network, [[3, 3]], [3]).probabilities.shape == (1, 2, 2)
    assert network.rows == 0


def test_all_channels_of_a_patch_are_replaced() -> None:
    found = patches_of(Linear(1, 10, 100), [[[1, 1, 1]]], [0.5, 0.1, 0])
    assert found.probabilities[0, 0, 0] == pytest.approx(1 / (1 + np.exp(-1.5)))


@given(st.integers(1, 500))
def test_a_side_has_at_most_16_patches_of_which_each_changes_something(width: int) -> None:
    network = Linear(*[1.0] * width)
    found = patches_of(network, np.full((1, width), 1 / width), [0])
    assert found.probabilities.shape[1] <= 16
    assert (found.probabilities[0, :, 0] < 1 / (1 + np.exp(-1))).all()
    assert found.lefts[-1] + found.patch[1] == width


def test_a_very_large_image_has_fewer_and_larger_patches() -> None:
    network = Linear(*np.ones(1024 * 1024 * 3))
    found = patches_of(network, np.ones((1024, 1024, 3)), [0, 0, 0])
    assert (found.patch, found.tops, found.lefts) == ((512, 512), (0, 256, 512), (0, 256, 512))
    assert network.rows == 9


def test_a_very_wide_table_has_fewer_columns_replaced_alone() -> None:
    columns = 1 << 20
    weights = np.zeros(columns)
    weights[[5, columns - 1]] = 1, 2
    network = Linear(*weights)
    found = columns_of(network, *np.ones(columns))
    assert not found.complete
    assert network.rows == 32  # 16 blocks, then 16 columns of the block that matters most
