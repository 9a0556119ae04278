import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from models.networks.preparation import (
    ColumnPreparation,
    Columns,
    ContrastNormalisation,
    Scale,
    ShiftAndScale,
    Standardise,
    build_preparation,
    preparation_for,
)
from service.contract import Column, Input

NAN = float("nan")
# age, job (one of three categories), income; age and job have missing values
ROWS = torch.tensor([[20.0, 0, 100], [40.0, 2, 100], [NAN, 1, 100], [30.0, NAN, 100]])
TABLE = Columns(categories=(0, 3, 0), missing_flags=(True, True, False))


def prepare(rows: Tensor) -> list[list[float]]:
    module = ColumnPreparation(TABLE)
    module.fit(ROWS)
    values: list[list[float]] = module(rows).tolist()
    return values


def test_a_table_becomes_numbers_then_category_flags_then_missing_flags() -> None:
    # known ages 20, 40, 30: mean 30, spread √(200/3); the income is constant
    z = 10 / (200 / 3) ** 0.5
    assert prepare(ROWS) == [
        pytest.approx([-z, 0, 1, 0, 0, 0, 0]),
        pytest.approx([z, 0, 0, 0, 1, 0, 0]),
        pytest.approx([0, 0, 0, 1, 0, 1, 0]),
        pytest.approx([0, 0, 0, 0, 0, 0, 1]),
    ]


def test_an_unknown_category_index_sets_no_flag() -> None:
    assert prepare(torch.tensor([[30.0, 7.0, 100.0]])) == [[0, 0, 0, 0, 0, 0, 0]]


def test_a_value_never_missing_in_training_is_replaced_by_the_mean() -> None:
    (row,) = prepare(torch.tensor([[30.0, 1.0, NAN]]))
    assert row == [0, 0, 0, 1, 0, 0, 0]


def test_a_column_without_training_values_becomes_zero() -> None:
    module = ColumnPreparation(Columns(categories=(0, 0), missing_flags=(True, False)))
    module.fit(torch.tensor([[NAN, 1.0], [NAN, 3.0]]))
    assert torch.isfinite(torch.cat([module.mean, module.spread])).all()
    assert module(torch.tensor([[NAN, 2.0]])).tolist() == [[0, 0, 1]]


@given(st.lists(st.floats(width=32), min_size=3, max_size=3))
def test_the_output_is_never_nan(values: list[float]) -> None:
    if not any(np.isinf(values)):
        assert not np.isnan(prepare(torch.tensor([values]))).any()


def test_an_images_pixels_share_one_mean_and_spread() -> None:
    module = ShiftAndScale(2)
    module.fit(torch.tensor([[0.0, 4.0], [8.0, 4.0]]))
    assert module.mean.tolist() == [4.0, 4.0]
    assert module.spread.tolist() == pytest.approx([(32 / 3) ** 0.5] * 2)


def test_images_without_contrast_are_not_scaled() -> None:
    module = ShiftAndScale(2)
    module.fit(torch.full((3, 2), 5.0))
    assert module(torch.tensor([[5.0, 6.0]])).tolist() == [[0.0, 1.0]]


def test_a_scale_only_divides() -> None:
    module = build_preparation(Scale(divisor=256.0), 2)
    assert module(torch.tensor([[128.0, 256.0]])).tolist() == [[0.5, 1.0]]


def test_contrast_scales_each_row_to_mean_zero_and_spread_one() -> None:
    module = ContrastNormalisation(4)
    first, flat = module(torch.tensor([[1.0, 1.0, 3.0, 3.0], [7.0, 7.0, 7.0, 7.0]])).tolist()
    assert first == pytest.approx([-1, -1, 1, 1], abs=1e-5)
    assert flat == [0, 0, 0, 0]


def test_contrast_does_not_amplify_the_rounding_of_a_flat_row() -> None:
    flat = torch.full((1, 3000), 1000.3)
    assert (flat - flat.mean()).abs().max() > 0  # the mean of equal numbers is rounded
    assert ContrastNormalisation(3000)(flat).abs().max() < 0.01


def test_tables_are_prepared_by_column_and_images_are_standardised() -> None:
    columns = (Column(name="age"), Column(name="job", categories=("a", "b")))
    table = Input(kind="table", shape=(2,), unit="value", columns=columns)
    rows = np.array([[1.0, 0.0], [np.nan, 1.0]], np.float32)
    assert preparation_for(table, rows) == Columns(categories=(0, 2), missing_flags=(True, False))
    image = Input(kind="image", shape=(1, 2), unit="pixel")
    assert preparation_for(image, rows) == Standardise()
