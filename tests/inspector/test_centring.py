"""Centring, scaling and drawing of strokes: pure functions, called in the page."""

import json

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.inspector import centring
from tests.inspector.browser import module

SHAPES = json.loads(centring.FIXTURE.read_text())


@pytest.fixture
def page(shared_page: Page) -> Page:
    return shared_page


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape["name"])
def test_the_fixture_is_what_the_python_implementation_computes(shape: dict[str, object]) -> None:
    expected = next(listed for listed in centring.SHAPES if listed["name"] == shape["name"])
    picture = centring.centred(centring.grid_of(expected), tuple(expected["picture"]))
    assert shape == {**expected, "levels": centring.levels_of(picture)}


def test_the_page_centres_as_the_python_implementation_does(page: Page) -> None:
    centred = module(
        page,
        "input/centring.js",
        """({centre}, shapes) => shapes.map((shape) => {
          const [height, width] = shape.grid;
          const ink = new Float32Array(height * width);
          for (const [left, top, across, down, level] of shape.boxes) {
            for (let row = top; row < top + down; row += 1) {
              ink.fill(level / 255, row * width + left, row * width + left + across);
            }
          }
          const picture = { height: shape.picture[0], width: shape.picture[1] };
          return [...centre(ink, { width, height }, picture)].map((value) => 255 * value);
        })""",
        SHAPES,
    )
    for shape, levels in zip(SHAPES, centred, strict=True):
        expected = np.array(shape["levels"]).ravel()
        assert np.abs(np.array(levels) - expected).max() <= 1, shape["name"]


def test_scaling_averages_the_area_below_each_cell(page: Page) -> None:
    scaled = module(
        page,
        "input/scaling.js",
        "({scale}) => [[...scale([1, 2, 3], 3, 1, 2, 1)], [...scale([0, 8], 1, 2, 2, 4)], "
        "[...scale([5, 6], 2, 1, 2, 1)]]",
    )
    # 1 and half of 2 over 1.5 cells; each row twice; unchanged
    assert scaled[0] == pytest.approx([4 / 3, 8 / 3], abs=1e-6)
    assert scaled[1:] == [[0, 0, 0, 0, 8, 8, 8, 8], [5, 6]]


def test_a_stroke_covers_cells_by_their_distance_from_its_line(page: Page) -> None:
    ink = module(
        page,
        "input/strokes.js",
        "({rasterise}) => [...rasterise([[{x: 0.1, y: 0.5}, {x: 0.9, y: 0.5}]], "
        "{width: 10, height: 5, pen: 0.4})]",
    )
    rows = np.array(ink).reshape(5, 10)
    # the line is through the middle of the third row, and the pen two cells wide
    assert rows[:, 5].tolist() == [0, 0.5, 1, 0.5, 0]
    assert rows[2, 0] == 1
    assert rows[0].max() == 0


def test_a_colour_picture_has_the_colours_of_its_strokes_on_white(page: Page) -> None:
    picture = module(
        page,
        "input/drawing.js",
        """({drawn}) => drawn({
          kind: "strokes", pen: 0.5, centred: false, colours: ["#ff0000", "#0000ff"],
          strokes: [[{x: 0.25, y: 0.25}, {x: 0.25, y: 0.25}], [{x: 1, y: 0.75}, {x: 0.5, y: 0.75}]],
        }, { shape: [4, 8, 3], low: 0, high: 1 })""",
    )
    values = np.array(picture)
    assert values.shape == (4, 8, 3)
    assert values[0, 7].tolist() == [1, 1, 1]
    assert values[3, 7].tolist() == [0, 0, 1]
    red, green, blue = values[0, 1]
    assert red == 1
    assert green == blue < 0.5


def test_values_of_pixels_have_the_range_of_the_model(page: Page) -> None:
    rows = module(
        page,
        "input/drawing.js",
        "({instanceOf}) => [[0, 16], [-1, 1], [null, null]].map(([low, high]) => "
        "instanceOf([0, 1, 0.5, 1], {shape: [1, 4], low, high}))",
    )
    assert [row[0][:2] for row in rows] == [[0, 16], [-1, 1], [0, 255]]
    assert rows[2][0][2] == 128
