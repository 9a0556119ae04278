import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from models.networks.columns import ColumnPreparation, Columns, columns_for, piece_ends
from service.contract import Column, Input

NAN = float("nan")
# age, job (one of three categories), income; age and job have missing values
ROWS = torch.tensor([[20.0, 0, 100], [40.0, 2, 100], [NAN, 1, 100], [30.0, NAN, 100]])
TABLE = Columns(categories=(0, 3, 0), missing_flags=(True, True, False))


def fitted(columns: Columns, rows: Tensor) -> ColumnPreparation:
    module = ColumnPreparation(columns)
    module.fit(rows)
    return module


def prepare(rows: Tensor) -> list[list[float]]:
    values: list[list[float]] = fitted(TABLE, ROWS)(rows).tolist()
    return values


def table_of(*columns: Column) -> Input:
    return Input(kind="table", shape=(len(columns),), unit="value", columns=columns)


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
    columns = Columns(categories=(0, 0), missing_flags=(True, False))
    module = fitted(columns, torch.tensor([[NAN, 1.0], [NAN, 3.0]]))
    assert torch.isfinite(torch.cat([module.mean, module.spread])).all()
    assert module(torch.tensor([[NAN, 2.0]])).tolist() == [[0, 0, 1]]


@pytest.mark.parametrize("unit", [1e-30, 1e-13, 1.0, 1e13, 1e28])
def test_numbers_are_standardised_in_any_unit(unit: float) -> None:
    rows = torch.tensor([[1.0], [2.0], [3.0]]) * unit
    columns = Columns(categories=(0,), missing_flags=(False,), pieces=(2,), quantiles=2)
    one = fitted(columns, rows / unit)(rows / unit)
    assert fitted(columns, rows)(rows).numpy() == pytest.approx(one.numpy(), abs=1e-5)


def test_a_spread_that_is_only_rounding_is_not_scaled() -> None:
    big = np.float32(1e9)
    rows = torch.tensor([[big], [np.nextafter(big, np.float32(np.inf))]] * 2)
    columns = Columns(categories=(0,), missing_flags=(False,))
    assert fitted(columns, rows).spread.tolist() == [1.0]


@given(st.lists(st.floats(width=32, allow_infinity=False), min_size=3, max_size=3))
def test_the_output_is_never_nan(values: list[float]) -> None:
    assert not np.isnan(prepare(torch.tensor([values]))).any()


def test_pieces_rise_from_0_to_1_between_quantiles() -> None:
    rows = torch.tensor([[0.0], [1.0], [3.0], [7.0], [15.0]])  # their quartiles
    columns = Columns(categories=(0,), missing_flags=(False,), pieces=(4,), quantiles=4)
    module = fitted(columns, rows)
    _, *pieces = module(torch.tensor([[2.0]]))[0].tolist()
    assert pieces == [0.5, 0.25, 0, 0]  # each divided by √4
    for value, expected in ((-9.0, [0, 0, 0, 0]), (99.0, [0.5] * 4), (NAN, [0, 0, 0, 0])):
        assert module(torch.tensor([[value]]))[0, 1:].tolist() == expected


def test_equal_quantiles_and_missing_values_make_fewer_pieces() -> None:
    values = np.array([0, 0, 0, 0, 1, 2, NAN], np.float32)
    assert piece_ends(values, 4).tolist() == [0, 0.75, 2]
    assert len(piece_ends(np.array([0, 1] * 9, np.float32), 16)) == 3  # and 0.5, the median
    assert len(piece_ends(np.full(5, 3, np.float32), 4)) == 1
    assert len(piece_ends(np.full(5, NAN, np.float32), 4)) == 1


def test_pieces_that_float32_cannot_resolve_are_merged() -> None:
    values = (1e6 + np.arange(100)).astype(np.float32)
    assert len(piece_ends(values, 50)) == 1
    assert len(piece_ends(values - np.float32(1e6), 50)) == 51


def test_a_date_is_a_number_with_flags_of_weekday_and_month() -> None:
    row = table_of(Column(name="when", date="iso"))
    days = np.array([[20_784.0], [20_785.25], [NAN]], np.float32)  # Friday, 27 November 2026
    columns = columns_for(row, days, quantiles=0, flag_size=0.5)
    assert columns == Columns(
        categories=(0,), missing_flags=(True,), dates=(True,), pieces=(0,), flag_size=0.5
    )
    friday, saturday, missing = fitted(columns, torch.from_numpy(days))(torch.from_numpy(days))
    assert friday[0] == -saturday[0]
    assert friday[1:8].tolist() == [0, 0, 0, 0, 0.5, 0, 0]
    assert saturday[1:8].tolist() == [0, 0, 0, 0, 0, 0.5, 0]
    assert friday[8:20].tolist() == [0] * 10 + [0.5, 0]
    assert missing.tolist() == [0] * 20 + [1]


def test_the_pieces_of_a_table_are_those_of_its_numbers() -> None:
    row = table_of(Column(name="age"), Column(name="job", categories=("a", "b")))
    rows = np.array([[n, n % 2] for n in range(20)], np.float32)
    columns = columns_for(row, rows, quantiles=16, flag_size=0.3)
    assert columns.pieces == (16, 0)
    module = fitted(columns, torch.from_numpy(rows))
    assert module.outputs == 1 + 16 + 2
    assert module(torch.from_numpy(rows)).shape == (20, 19)
    assert module(torch.tensor([[5.0, 1.0]]))[0, -2:].tolist() == pytest.approx([0, 0.3])
