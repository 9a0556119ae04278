from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import ArrayLike

from models.gates.curves import LEAST_RANGE
from models.gates.outcomes import Outcome
from tests.models.gates.conftest import drawn, report


def words_in(figure: Figure) -> list[str]:
    """The labels inside the axes."""
    found = [child for axes in figure.axes for child in axes.get_children()]
    words = [child.get_text() for child in found if isinstance(child, Text)]
    return [word for word in words if word]


def numbers(data: ArrayLike) -> list[float]:
    """The coordinates of a line."""
    found: list[float] = np.asarray(data, np.float64).tolist()
    return found


def test_widely_spread_losses_have_a_logarithmic_scale() -> None:
    gates = report([4] * 3)
    for losses in ((0.0, 0.0, 0.0, 0.0), (0.1, 0.2, 0.3, 2.0), (1e-6, 1.0, 10.0, 1e6)):
        joint = tuple(
            replace(lesion, loss=loss)
            for lesion, loss in zip(gates.joint_lesions, losses, strict=True)
        )
        intact = Outcome(accuracy=1.0, loss=losses[0])
        figure = drawn("joint_lesions", replace(gates, joint_lesions=joint, intact=intact))
        assert figure.axes[1].get_yscale() == ("log" if losses[0] else "linear")


def test_stages_are_separated_and_numbered() -> None:
    figure = drawn("refinement", report([3, 3, 5, 5]))
    assert words_in(figure) == ["stage 1", "stage 2"]
    assert [2.5, 2.5] in [numbers(line.get_xdata()) for line in figure.axes[0].lines]


def test_one_stage_has_no_number() -> None:
    assert words_in(drawn("refinement", report([3, 3]))) == []


def test_errors_are_drawn_by_the_layer_s_number() -> None:
    gates = report([3, 3, 5, 5])
    spread, mean, *_ = drawn("refinement", gates).axes[0].lines
    first, second = gates.estimation[:2]
    assert numbers(spread.get_xdata()) == [1, 2]
    assert numbers(spread.get_ydata()) == [first.relative_spread, second.relative_spread]
    assert numbers(mean.get_ydata()) == [first.relative_mean, second.relative_mean]


def test_an_error_without_a_relative_number_is_left_out() -> None:
    gates = report([3, 3])
    unknown = tuple(
        replace(layer, relative_mean=None, relative_spread=None) for layer in gates.estimation
    )
    drawn("refinement", replace(gates, estimation=unknown))


@pytest.mark.parametrize("name", ["refinement", "reordering"])
def test_a_network_without_neighbours_says_so(name: str) -> None:
    sentence = "each stage has one highway layer only, so no layer has a neighbour to compare with"
    assert words_in(drawn(name, report([4, 6, 8]))) == [sentence]


@pytest.mark.parametrize("name", ["refinement", "reordering"])
def test_a_report_of_an_earlier_version_is_drawn(name: str) -> None:
    earlier = replace(report([4, 4]), estimation=(), reorderings=None)
    assert len(words_in(drawn(name, earlier))) == 1


def test_swaps_of_different_stages_are_not_joined() -> None:
    swapped = drawn("reordering", report([3, 3, 3, 5, 5])).axes[0]
    assert [numbers(line.get_xdata()) for line in swapped.lines[1:]] == [[1, 2], [4]]


def test_equal_accuracies_keep_a_range() -> None:
    gates = report([3, 3])
    assert gates.reorderings is not None
    intact = gates.reorderings.intact
    same = tuple(replace(s, accuracy=intact.accuracy) for s in gates.reorderings.swapped)
    changed = replace(gates.reorderings, swapped=same)
    low, high = drawn("reordering", replace(gates, reorderings=changed)).axes[0].get_ylim()
    assert high - low == pytest.approx(LEAST_RANGE)


def test_the_title_counts_the_rows_of_the_draws_if_they_are_fewer() -> None:
    gates = report([3, 3])
    assert gates.reorderings is not None
    title = "Layers in another order: 1,437 rows, digits (train)"
    assert drawn("reordering", gates).get_suptitle() == title
    fewer = replace(gates, reorderings=replace(gates.reorderings, drawn_rows=1000))
    words = drawn("reordering", fewer).get_suptitle().replace("\n", " ")
    assert words == f"{title}; dropped and shuffled: the first 1,000"
