import numpy as np
import pytest
import torch

from models.networks.columns import Columns
from models.networks.preparation import (
    ContrastNormalisation,
    Scale,
    ShiftAndScale,
    Standardise,
    build_preparation,
    preparation_for,
)
from service.contract import Column, Input


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
    assert preparation_for(table, rows) == Columns(
        categories=(0, 2), missing_flags=(True, False), dates=(False, False), pieces=(0, 0)
    )
    image = Input(kind="image", shape=(1, 2), unit="pixel")
    assert preparation_for(image, rows) == Standardise()


@pytest.mark.parametrize("unit", [1e-13, 1.0, 1e13])
def test_images_are_prepared_in_any_unit(unit: float) -> None:
    pixels = torch.tensor([[1.0, 2.0, 3.0, 7.0], [4.0, 4.0, 4.0, 4.0]])
    for module in (ShiftAndScale(4), ContrastNormalisation(4)):
        prepared = []
        for rows in (pixels, pixels * unit):
            if isinstance(module, ShiftAndScale):
                module.fit(rows)
            prepared.append(module(rows).numpy())
        assert prepared[1] == pytest.approx(prepared[0], abs=1e-5)
