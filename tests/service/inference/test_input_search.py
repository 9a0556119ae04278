"""Linear networks: label 0 has the logit of its weights, label 1 has 0."""

import math

import anyio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.baselines import InputBaseline
from service.contract import Column
from service.inference.input_search import InputCounterfactual, InputSearch
from service.inference.occlusion import occlude_columns
from service.inference.usual_inputs import UsualInputs
from service.inference.variants import Variants
from tests.service.inference.test_occlusion import Linear

Values = list[list[float]]


def found(
    network: Linear,
    row: list[float],
    values: Values,
    *,
    missing: bool = False,
    columns: list[Column] | None = None,
) -> InputCounterfactual | None:
    """Search with the first of a column's values as the usual one."""
    usual = UsualInputs.of(
        InputBaseline(
            usual=[each[0] for each in values],
            values=[sorted(each) for each in values],
            missing=[missing] * len(values),
        )
    )
    columns = columns or [Column(name=f"{index}") for index in range(len(row))]

    async def search() -> InputCounterfactual | None:
        variants = Variants(network, np.array(row, np.float32), 64)
        occlusion = await occlude_columns(variants, usual, 0)
        return await InputSearch(variants, usual, columns, 0).find(occlusion)

    return anyio.run(search)


class Ignoring(Linear):
    """Takes a missing value for 0."""

    async def __call__(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        return dict(await super().__call__(np.nan_to_num(rows)))


def test_one_column_is_changed_if_one_is_enough() -> None:
    result = found(Linear(1, 1), [3, 2], [[-3], [-1]])
    assert result == InputCounterfactual({0: -3}, label=1)


def test_columns_are_changed_until_the_label_changes() -> None:
    result = found(Linear(1, 1, 1), [3, 2, 1], [[-1], [-1], [-1]])
    assert result is not None
    assert (sorted(result.changes), result.label) == ([0, 1], 1)


def test_there_is_none_if_all_columns_change_nothing_or_have_no_other_value() -> None:
    assert found(Linear(1, 1), [3, 2], [[1], [1]]) is None
    assert found(Linear(1, 1), [3, 2], [[3], [2]]) is None


def test_there_is_none_if_five_columns_are_not_enough() -> None:
    assert found(Linear(*[1.0] * 6), [1] * 6, [[0]] * 6) is None
    assert found(Linear(*[1.0] * 6), [1] * 6, [[-1]] * 6) is not None


def test_a_change_that_is_no_longer_needed_is_undone() -> None:
    # 0 lowers the logit most, but 1 and 2 together are enough.
    class Switch(Linear):
        async def __call__(self, rows: np.ndarray) -> dict[str, np.ndarray]:
            table: dict[tuple[int, ...], float] = {
                (1, 0, 0): 1,
                (0, 1, 0): 2,
                (0, 0, 1): 3,
                (0, 0, 0): 5,
            }
            table |= {(1, 1, 0): 0.5, (1, 0, 1): 0.7, (0, 1, 1): -1, (1, 1, 1): -2}
            logits = [[table[tuple(map(int, row))], 0] for row in rows]
            array = np.array(logits, np.float32)
            return {"logits": array, "probabilities": array}

    columns = [Column(name=name, categories=("no", "yes")) for name in "abc"]
    result = found(Switch(), [0, 0, 0], [[1]] * 3, columns=columns)
    assert result == InputCounterfactual({1: 1, 2: 1}, label=1)


def test_a_number_moves_back_towards_the_rows_own_in_eighths_of_the_way() -> None:
    # The label changes below 16; from 80 to 0 the first eighth below is 10.
    result = found(Linear(1, -16), [80, 1], [[0, 80], [1]])
    assert result == InputCounterfactual({0: 10}, label=1)


def test_a_moved_number_has_as_many_decimals_as_the_usual_ones() -> None:
    # The label changes below 7.6; the eighths of the way to 0 are 8.75, 7.5 and 6.25.
    integer = found(Linear(1, -1), [10, 7.6], [[0, 3], [7.6]])
    assert integer == InputCounterfactual({0: 6}, label=1)
    decimal = found(Linear(1, -1), [10, 7.6], [[0, 3.5], [7.6]])
    assert decimal == InputCounterfactual({0: 7.5}, label=1)


def test_a_category_and_a_missing_value_do_not_move() -> None:
    category = [Column(name="a", categories=tuple("abcdefghi")), Column(name="b")]
    assert found(Linear(1, -4.5), [8, 1], [[0], [1]], columns=category) == InputCounterfactual(
        {0: 0}, label=1
    )
    lost = found(Ignoring(1, -4.5), [8, 1], [[8], [1]], missing=True)
    assert lost is not None
    assert list(lost.changes) == [0]
    assert math.isnan(lost.changes[0])
    assert found(Ignoring(1, 5), [math.nan, 1], [[-8], [1]]) == InputCounterfactual({0: -8}, 1)


ROWS = st.lists(st.integers(-20, 20), min_size=1, max_size=7)


@given(ROWS, st.data())
def test_every_counterfactual_changes_the_label_and_needs_all_its_changes(
    row: list[int], data: st.DataObject
) -> None:
    weights = data.draw(st.lists(st.integers(-3, 3), min_size=len(row), max_size=len(row)))
    values = data.draw(
        st.lists(
            st.lists(st.integers(-20, 20), min_size=1, max_size=4, unique=True),
            min_size=len(row),
            max_size=len(row),
        )
    )
    logit = np.dot(weights, row)
    if logit < 0:
        return
    result = found(Linear(*weights), [*map(float, row)], [[*map(float, each)] for each in values])
    if result is None:
        return

    def with_changes(changes: dict[int, float]) -> float:
        changed = [changes.get(index, value) for index, value in enumerate(row)]
        return float(np.dot(weights, changed))

    changes = dict(result.changes)
    assert 1 <= len(changes) <= 5
    assert with_changes(changes) < 0
    for undone in changes:
        if len(changes) > 1:
            fewer = {column: value for column, value in changes.items() if column != undone}
            assert with_changes(fewer) >= 0
    for column, value in changes.items():
        low, high = min(row[column], *values[column]), max(row[column], *values[column])
        assert low <= value <= high


@pytest.mark.parametrize("columns", [1, 300])
def test_a_step_tries_at_most_256_sets_of_changes(columns: int) -> None:
    network = Linear(*[1.0] * columns)
    found(network, [1] * columns, [[0, 0.5, 0.25]] * columns)
    assert network.rows <= columns + 5 * 256
