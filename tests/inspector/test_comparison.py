"""A pinned answer beside the current one."""

import json
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.inspector.browser import module, state, update
from tests.inspector.conftest import Visits
from tests.inspector.inputs import example, show_picture, show_row
from tests.service.serving import fetch

ROW = {"age": 3, "job": "pilot", "member": False, "income": None}


def panel(page: Page) -> Locator:
    return page.locator("comparison-panel")


def prediction(port: int, instance: Any) -> Any:
    return fetch(port, "/predict", json.dumps({"instances": [instance]}).encode())["predictions"][0]


def side(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name=f"{name} answer")


def numbers(page: Page) -> dict[str, tuple[float, float]]:
    page.get_by_text("Numbers of both answers").click()
    rows = panel(page).locator("details tbody tr")
    expect(rows).not_to_have_count(0)  # they are filled after the details have opened
    cells = [row.locator("th, td").all_inner_texts() for row in rows.all()]
    return {name: (float(pinned), float(current)) for name, pinned, current in cells}


def test_two_pictures_are_compared_with_the_numbers_of_their_answers(page: Page, port: int) -> None:
    pin = page.get_by_role("button", name="Pin this answer")
    seven, noisy = example("seven"), example("noisy_seven")
    show_picture(page, seven)
    pin.press("Enter")
    expect(page.get_by_role("button", name="Swap")).to_be_focused()
    expect(panel(page)).to_contain_text("Draw or choose another input to compare it")
    expect(side(page, "Current")).to_be_hidden()
    show_picture(page, noisy)

    first, second = prediction(port, seven), prediction(port, noisy)
    differences = [abs(b - a) for a, b in zip(first["gate_mean"], second["gate_mean"], strict=True)]
    most = differences.index(max(differences))
    before, after = first["gate_mean"][most], second["gate_mean"][most]
    expect(panel(page)).to_contain_text("Both have the label “7”.")
    expect(panel(page)).to_contain_text(
        f"They differ most in highway {most + 1}: {before:.2f} against {after:.2f}."
    )
    expect(side(page, "Pinned")).to_contain_text("“7” with > 99.99 %")
    rank = round(100 * first["typicality"]["combined"])
    expect(side(page, "Pinned")).to_contain_text(
        f"more typical than {rank} % of the held-out pictures"
    )
    row = panel(page).locator(".gate-pairs li").nth(most)
    expect(row).to_contain_text(f"{before:.2f} → {after:.2f}")
    shown = numbers(page)
    assert shown["probability of 7"] == (first["probability"], second["probability"])
    for layer, gates in enumerate(zip(first["gate_mean"], second["gate_mean"], strict=True), 1):
        assert shown[f"openness of highway {layer}"] == pytest.approx(gates, abs=1e-6)
    typicality = first["typicality"]["combined"], second["typicality"]["combined"]
    assert shown["typicality, combined"] == pytest.approx(typicality, abs=1e-5)

    show_picture(page, noisy, scales={"highway 1": 0})  # a what-if changes neither of both
    expect(row).to_contain_text(f"{before:.2f} → {after:.2f}")


def test_the_pinned_input_is_brought_back_and_unpinned(page: Page) -> None:
    seven, noisy = example("seven"), example("noisy_seven")
    show_picture(page, seven)
    page.get_by_role("button", name="Pin this answer").click()
    show_picture(page, noisy)
    page.get_by_role("button", name="Swap").press("Enter")
    assert state(page, "s.instance") == seven
    assert state(page, "s.input.pixels") == seven
    assert state(page, "s.pinned.instance") == noisy
    expect(side(page, "Pinned").get_by_role("img")).to_have_attribute(
        "aria-label", "Pinned picture, predicted “7”"
    )
    page.keyboard.press("Enter")
    assert state(page, "s.instance") == noisy

    update(page, input=None, instance=None)  # the drawing is cleared, the pinned one stays
    expect(side(page, "Pinned")).to_be_visible()
    expect(side(page, "Current")).to_be_hidden()
    page.get_by_role("button", name="Swap").press("Enter")
    assert state(page, "s.instance") == seven
    page.get_by_role("button", name="Unpin").press("Enter")
    assert state(page, "s.pinned") is None
    expect(page.get_by_role("button", name="Pin this answer")).to_be_focused()
    update(page, input=None, instance=None)
    expect(page.get_by_role("button", name="Pin this answer")).to_be_disabled()


def test_of_two_rows_only_the_columns_that_differ_are_shown(
    visits: Visits, table_port: int
) -> None:
    page = visits(table_port).open()
    show_row(page, ROW)
    page.get_by_role("button", name="Pin this answer").click()
    show_row(page, {**ROW, "age": 1, "income": 900})
    # The logits are 3, 2, 0 and then 1, 2, 0.
    expect(panel(page)).to_contain_text("The pinned one is “a”, the current one “b”.")
    expect(panel(page)).to_contain_text(
        "The rows differ in age (3 against 1) and income (missing against 900)."
    )
    rows = panel(page).get_by_role("group", name="Columns that differ").locator("tbody tr")
    assert [row.locator("th, td").all_inner_texts() for row in rows.all()] == [
        ["age", "3", "1"],
        ["income", "missing", "900"],
    ]
    expect(side(page, "Pinned").get_by_role("img")).to_be_hidden()
    show_row(page, dict(ROW))
    expect(panel(page)).to_contain_text("Both rows have the same values.")


def test_a_sentence_has_the_largest_difference(module_page: Page) -> None:
    layers = [{"name": "highway 1"}, {"name": "highway 2"}]
    said = [
        module(
            module_page,
            "units/comparison.js",
            "(m, layers, a, b) => m.layerSentence(layers, a, b)",
            layers,
            pinned,
            current,
        )
        for pinned, current in [([0.4, 0.46], [0.5, 0.31]), ([0.4, 0.5], [0.404, 0.5])]
    ]
    assert said == [
        "They differ most in highway 2: 0.46 against 0.31.",
        "No layer's openness differs by 0.01 or more.",
    ]


def test_a_picture_without_bounds_is_drawn_from_0_to_255(module_page: Page) -> None:
    def pixels(instance: Any, low: float | None, high: float | None) -> list[int]:
        drawn = module(
            module_page,
            "picture.js",
            "(m, instance, bounds) => [...m.screenPixels(instance, bounds)]",
            instance,
            {"low": low, "high": high},
        )
        assert isinstance(drawn, list)
        return drawn

    assert pixels([[0, 51]], 0, 255) == [0, 0, 0, 255, 51, 51, 51, 255]
    assert pixels([[-2, 255]], None, None) == [0, 0, 0, 255, 255, 255, 255, 255]
    assert pixels([[[1, 0, 0.2]]], 0, 1) == [255, 0, 51, 255]
    assert pixels([[3]], None, None) == [3, 3, 3, 255]
