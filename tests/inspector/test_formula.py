"""The formula of a highway layer with the numbers of one unit."""

import json

from playwright.sync_api import Page, expect

from tests.inspector.browser import module, update
from tests.inspector.inputs import example, show_picture
from tests.service.serving import fetch


def test_the_rounded_parts_of_the_formula_add_up_to_one(module_page: Page) -> None:
    parts = module(
        module_page,
        "units/formula.js",
        "(m) => [0.834, 0.005, 0.996, 0, 1, 4.15].map(m.formulaParts)",
    )
    shown = [f"{part['computed']} {part['sign']} {part['carried']}" for part in parts]
    assert shown == [
        "0.83 + 0.17",
        "0.01 + 0.99",
        "1.00 + 0.00",
        "0.00 + 1.00",
        "1.00 + 0.00",
        "4.15 − 3.15",
    ]


def test_a_sentence_says_what_the_unit_takes(module_page: Page) -> None:
    def sentence(openness: float, factor: float = 1) -> str:
        said = "(m, openness, factor) => m.formulaSentence(openness, factor)"
        text = module(module_page, "units/formula.js", said, openness, factor)
        assert isinstance(text, str)
        return text

    takes = "This unit takes"
    assert sentence(0.834) == (
        f"{takes} 83 % of what the layer computes and 17 % of what it was given."
    )
    assert sentence(0.004) == (
        f"{takes} less than 1 % of what the layer computes and more than 99 % of what it was given."
    )
    assert sentence(0.997) == (
        f"{takes} more than 99 % of what the layer computes and less than 1 % of what it was given."
    )
    assert sentence(0, 0) == (
        "Its layer is closed: this unit passes on what it was given, unchanged."
    )
    assert sentence(1.6, 2) == (
        "Its layer is opened beyond its range: this unit takes 160 % of what the layer computes, "
        "and subtracts 60 % of what it was given."
    )


def test_the_panel_has_the_numbers_of_the_chosen_unit_and_its_layers_factor(
    page: Page, port: int
) -> None:
    show_picture(page, example("seven"))
    body = {"instance": example("seven"), "gate_scale": [{}, {"highway 2": 0.5}]}
    answer = fetch(port, "/v2/models/digits/versions/1/what-if", json.dumps(body).encode())
    before, after = (prediction["gate_units"] for prediction in answer["predictions"])
    panel = page.locator("formula-panel")
    most = max((gate, i, j) for i, layer in enumerate(before) for j, gate in enumerate(layer))
    expect(panel.get_by_role("heading").first).to_have_text(
        f"highway {most[1] + 1}, unit {most[2] + 1}, the most open one"
    )

    update(page, unit={"layer": 1, "unit": 4}, scales={"highway 2": 0.5})
    expect(panel.get_by_role("heading").first).to_have_text("highway 2, unit 5")
    own = round(before[1][4], 2)
    expect(panel.locator(".own").first).to_have_text(f"y = {own:.2f} · H(x) + {1 - own:.2f} · x")
    expect(panel).to_contain_text("T is their mean")

    expect(panel.locator(".own").last).to_be_visible()
    halved = round(after[1][4] / 2, 2)
    expect(panel.locator(".own").last).to_have_text(
        f"y = {halved:.2f} · H(x) + {1 - halved:.2f} · x"
    )
    expect(panel).to_contain_text(f"T = {after[1][4]:.2f} · 0.5 = {after[1][4] / 2:.2f}")
    whole = round(100 * halved)
    expect(panel).to_contain_text(
        f"This unit takes {whole} % of what the layer computes and {100 - whole} % of what it was"
    )

    for unit in ({"layer": 8, "unit": 0}, {"layer": 0, "unit": 16}):  # the model has none of both
        update(page, unit=unit)
        expect(panel.get_by_role("heading").first).to_contain_text("the most open one")
