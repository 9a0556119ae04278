import numpy as np
from matplotlib.text import Annotation

from models.reproduction.curves import COLOURS, Mark, loss_curves


def test_each_title_is_a_panel_and_each_name_a_curve() -> None:
    figure = loss_curves({"deep": {"one": [1.0, 0.1], "two": [2.0]}, "flat": {"one": [0.5]}})
    assert [axes.get_title() for axes in figure.axes] == ["deep", "flat"]
    one, two = figure.axes[0].lines
    assert (np.asarray(one.get_xdata()).tolist(), np.asarray(one.get_ydata()).tolist()) == (
        [1, 2],
        [1.0, 0.1],
    )
    assert (one.get_label(), two.get_label()) == ("one", "two")
    assert figure.axes[0].get_yscale() == "log"
    assert figure.axes[0].get_ylabel() == "training loss, nats"
    assert figure.axes[1].get_ylabel() == ""


def test_a_loss_rounded_to_zero_is_drawn_at_the_rounding() -> None:
    [axes] = loss_curves({"depth 3": {"highway": [0.5, 0.0]}}).axes
    assert np.asarray(axes.lines[0].get_ydata()).tolist() == [0.5, 1e-6]


def test_more_curves_than_colours_are_all_drawn() -> None:
    curves = {f"seed {seed}": [1.0] for seed in range(len(COLOURS) + 1)}
    [axes] = loss_curves({"depth 3": curves}).axes
    colours = [line.get_color() for line in axes.lines]
    assert colours == [*COLOURS, COLOURS[0]]


def test_a_single_epoch_is_a_mark_at_an_integer() -> None:
    [axes] = loss_curves({"depth 3": {"highway": [1.0], "plain": [2.0, 1.0]}}).axes
    assert [line.get_marker() for line in axes.lines] == ["o", "None"]
    assert all(float(tick).is_integer() for tick in axes.get_xticks())


def test_a_mark_is_a_line_and_a_dot_where_a_curve_reaches_it() -> None:
    panels = {title: {"highway": [1.0, 0.2], "plain": [1.0, 0.5]} for title in ("a", "b", "c")}
    marks = {"a": Mark(loss=0.5, epoch=2), "b": Mark(loss=0.0, epoch=None)}
    reached, never, unmarked = loss_curves(panels, marks).axes
    line, dot = reached.lines[2:]
    assert np.asarray(line.get_ydata()).tolist() == [0.5, 0.5]
    assert (np.asarray(dot.get_xdata()).tolist(), np.asarray(dot.get_ydata()).tolist()) == (
        [2],
        [0.5],
    )
    assert [found.get_text() for found in reached.findobj(Annotation)] == ["epoch 2"]
    [line] = never.lines[2:]
    assert np.asarray(line.get_ydata()).tolist() == [1e-6, 1e-6]  # below the rounding
    assert len(unmarked.lines) == 2
