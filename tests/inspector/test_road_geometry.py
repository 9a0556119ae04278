"""The geometry of the highway and its gauges, with values worked out by hand."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.inspector.browser import module

ROAD = "highway/road.js"
GAUGE = "highway/gauge.js"
SIMPLE = {"cell": 100, "stream": 40, "gap": 10}


def layout(page: Page, width: int, count: int) -> dict[str, Any]:
    found: dict[str, Any] = module(page, ROAD, "(m, w, n) => m.roadLayout(w, n)", width, count)
    return found


def test_layers_fold_into_rows_of_equal_length(module_page: Page) -> None:
    # 878 − 76 − 84 = 718 pixels for 8 layers: 89 each, 41 for the stream, and a gap of 10
    one_row = layout(module_page, 878, 8)
    assert {name: one_row[name] for name in ("rows", "columns", "cell", "stream", "gap")} == {
        "rows": 1,
        "columns": 8,
        "cell": 89,
        "stream": 41,
        "gap": 10,
    }
    assert (one_row["width"], one_row["height"]) == (76 + 8 * 89 + 84, 22 + 10 + 2 * 41 + 60)
    folded = layout(module_page, 878, 100)  # at most 16 of 44 pixels: 7 rows, of 15 layers
    assert (folded["rows"], folded["columns"], folded["cell"]) == (7, 15, 47)
    narrow = layout(module_page, 254, 8)  # 254 − 48 − 44 = 162: 3 of 54 pixels
    assert (narrow["rows"], narrow["columns"], narrow["cell"]) == (3, 3, 54)
    assert layout(module_page, 1500, 2)["cell"] == 176


def test_layers_stand_in_reading_order(module_page: Page) -> None:
    places = module(
        module_page,
        ROAD,
        "(m) => { const l = m.roadLayout(254, 8);"
        " return [0, 2, 3, 7].map((i) => m.layerPosition(l, i)); }",
    )
    # a row: 22 + 6 + 2 · 26 + 60 + 16 = 156 pixels; the stream begins 22 + 6 + 26 below its top
    assert places == [
        {"x": 48, "y": 54},
        {"x": 156, "y": 54},
        {"x": 48, "y": 210},
        {"x": 102, "y": 366},
    ]


def test_half_of_the_stream_bends_away_and_half_goes_straight(module_page: Page) -> None:
    bend, carried = module(
        module_page, ROAD, "(m, l) => [m.bendPath(l, 0.5), m.carriedPath(l, 0.5)]", SIMPLE
    )
    assert bend == (
        "M4 0C20.5 0 20.5 -30 37 -30H63C79.5 -30 79.5 0 96 0"
        "V20C79.5 20 79.5 -10 63 -10H37C20.5 -10 20.5 20 4 20Z"
    )
    assert carried == "M0 0H4.6V20H95.4V0H100V40H0Z"


def test_a_closed_layer_is_straight_road(module_page: Page) -> None:
    bend, carried = module(
        module_page, ROAD, "(m, l) => [m.bendPath(l, 0), m.carriedPath(l, 0)]", SIMPLE
    )
    assert carried == "M0 0H4.6V0H95.4V0H100V40H0Z"
    # the outer and the inner edge are one line
    assert bend == (
        "M4 0C20.5 0 20.5 -10 37 -10H63C79.5 -10 79.5 0 96 0"
        "V0C79.5 0 79.5 -10 63 -10H37C20.5 -10 20.5 0 4 0Z"
    )


def test_the_usual_range_lies_around_the_outer_edge_of_a_bend(module_page: Page) -> None:
    wide, narrow = module(
        module_page,
        ROAD,
        "(m, l) => [[0.25, 0.75], [0.5, 0.5]].map((r) => m.usualPath(l, ...r))",
        SIMPLE,
    )
    assert "-40H63" in wide  # 10 + 0.75 · 40 above the stream
    assert "-20H37" in wide  # 10 + 0.25 · 40
    assert "-31H63" in narrow  # at least 2 pixels high
    assert "-29H37" in narrow


def test_rows_are_linked_and_the_road_begins_and_ends_at_them(module_page: Page) -> None:
    link, funnel, ends = module(
        module_page,
        ROAD,
        "(m) => { const l = m.roadLayout(254, 8);"
        " return [m.linkPath(l, 0), m.funnelPath(l, 0), m.endPaths(l, 8)]; }",
    )
    assert link.startswith("M224 67q")  # 48 + 3 · 54 + 14, and the middle of the stream at 54
    assert link.count("q") == 4
    assert funnel.startswith("M210 54C")
    assert ends == {"entry": "M34 54H48V80H34Z", "exit": "M156 366L170 379L156 392Z"}


@pytest.mark.parametrize(
    ("value", "place"), [(0.5, 0.5), (0.4, 1 / 3), (0.6, 2 / 3), (0.7, 5 / 6), (0.1, 0), (0.9, 1)]
)
def test_the_usual_range_is_the_middle_third_of_a_gauge(
    module_page: Page, value: float, place: float
) -> None:
    found = module(module_page, GAUGE, "(m, v) => m.gaugePlace(v, 0.4, 0.6)", value)
    assert found == pytest.approx(place, abs=0.0001)


@pytest.mark.parametrize(
    ("arguments", "kind", "strong"),
    [
        ((0.5, 0.4, 0.6, 0.5), "usual", False),
        ((0.4, 0.4, 0.6, 0.5), "usual", False),
        ((0.61, 0.4, 0.6, 0.5), "above", False),
        ((0.39, 0.4, 0.6, 0.01), "below", True),
        ((0.5, 0.4, 0.6, 0.01), "unusual", True),
        ((0.5, None, None, 0.001), "usual", False),
    ],
)
def test_a_layer_outside_its_usual_range_is_marked(
    module_page: Page, arguments: tuple[float | None, ...], kind: str, strong: bool
) -> None:
    found = module(module_page, GAUGE, "(m, ...values) => m.deviation(...values)", *arguments)
    assert found == {"kind": kind, "strong": strong}


def test_numbers_have_the_decimals_that_tell_them_apart(module_page: Page) -> None:
    shown = module(
        module_page,
        GAUGE,
        "(m) => [[0.63689, 0.638175, 0.649667], [0.5, 0.4, 0.6], [0.5, 0.5, 0.5000001]]"
        ".map(m.distinctDigits)",
    )
    assert shown == [
        ["0.637", "0.638", "0.650"],
        ["0.50", "0.40", "0.60"],
        ["0.500000", "0.500000", "0.500000"],
    ]
