import math

import numpy as np
import pytest

from service.baselines import InputBaseline
from service.inference.usual_inputs import UsualInputs

NAN = math.nan

# A number, one that may be missing, a category of which 2 is the most frequent, a constant.
TABLE = UsualInputs.of(
    InputBaseline(
        usual=[40, 0.5, 2, 7],
        values=[[30, 40, 55], [0.25, 0.5, 0.75], [0, 2], [7]],
        missing=[False, True, False, False],
    )
)


def replaced(*row: float) -> list[float]:
    values: list[float] = TABLE.replacement(np.array(row, np.float32)).tolist()
    return values


def test_a_value_is_replaced_by_the_usual_one_or_missing_where_training_rows_lack_it() -> None:
    assert replaced(33, 0.6, 1, 8) == pytest.approx([40, NAN, 2, 7], nan_ok=True)


def test_a_usual_value_is_replaced_by_the_next_higher_one_and_the_highest_by_the_next_lower() -> (
    None
):
    assert replaced(40, NAN, 2, 8) == [55, 0.5, 0, 7]


def test_a_column_that_knows_no_other_value_keeps_its_own() -> None:
    assert replaced(0, NAN, 0, 7)[3] == 7


def test_a_missing_value_is_replaced_by_the_usual_one_even_where_training_rows_have_all() -> None:
    assert replaced(NAN, NAN, NAN, NAN) == [40, 0.5, 2, 7]


def test_the_choices_are_all_other_usual_values_and_missing_if_allowed() -> None:
    assert TABLE.choices(0, 40) == [30, 55]
    assert TABLE.choices(0, NAN) == [30, 40, 55]
    assert TABLE.choices(1, 0.5) == pytest.approx([0.25, 0.75, NAN], nan_ok=True)
    assert TABLE.choices(1, NAN) == [0.25, 0.5, 0.75]
    assert TABLE.choices(3, 7) == []


def test_the_usual_value_is_a_choice_even_if_it_is_not_among_the_values() -> None:
    rare = UsualInputs.of(InputBaseline(usual=[3], values=[[]], missing=[False]))
    assert rare.choices(0, 1) == [3]
    assert rare.replacement(np.array([3], np.float32)).tolist() == [3]


def test_a_column_has_the_decimals_of_its_values() -> None:
    assert [TABLE.decimals(column) for column in range(4)] == [0, 2, 0, 0]
    large = InputBaseline(usual=[0], values=[[1e-7, 0.1, 1e30]], missing=[False])
    assert UsualInputs.of(large).decimals(0) == 7


def test_an_image_has_a_value_for_each_channel_and_no_columns() -> None:
    image = UsualInputs.of(InputBaseline(usual=[0, 128, 255], values=[], missing=[]))
    assert image.usual.tolist() == [0, 128, 255]
    assert len(image.values) == 0
