"""The what-if controls: layers closed, opened and scaled."""

import pytest
from playwright.sync_api import Page, expect

from tests.inspector.browser import module, state, update
from tests.inspector.inputs import restart, show_picture, what_if

NAMES = [f"highway {number}" for number in range(1, 9)]


@pytest.fixture
def page(module_page: Page) -> Page:
    """The loaded page, with an input."""
    restart(module_page)
    show_picture(module_page)
    return module_page


def test_all_layers_and_all_after_one_close_and_open(page: Page, port: int) -> None:
    controls = page.locator("what-if-controls")
    expect(controls).to_contain_text("Closing a layer means it passes its input on unchanged.")
    opens = controls.get_by_role("button", name="Open all")
    expect(opens).to_be_disabled()
    controls.get_by_role("button", name="Close all").click()
    assert state(page, "s.scales") == dict.fromkeys(NAMES, 0)
    label = page.locator("answer-panel .outcome.after .label")
    expect(label).to_have_text(what_if(port, {}, dict.fromkeys(NAMES, 0))[1]["label"])
    expect(controls.locator(".changes li")).to_have_count(8)
    opens.click()
    assert state(page, "s.scales") == {}
    expect(controls.locator(".changes li")).to_have_count(0)
    expect(controls.locator(".consequence")).to_be_hidden()
    controls.get_by_label("Close all after").select_option("highway 6")
    controls.get_by_role("button", name="Close", exact=True).click()
    scales = {"highway 7": 0, "highway 8": 0}
    assert state(page, "s.scales") == scales
    expected = what_if(port, {}, scales)[1]["label"]
    expect(label).to_have_text(expected)
    expect(controls.locator(".consequence")).to_contain_text("With 2 layers closed, the label")


def test_a_slider_scales_the_chosen_layer_and_the_number_is_exact(page: Page) -> None:
    controls = page.locator("what-if-controls")
    controls.get_by_label("Layer", exact=True).select_option("highway 3")
    assert state(page, "s.layer") == 2
    slider = controls.get_by_label("Multiply its gates by")
    number = controls.get_by_label("Exact factor")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert state(page, "s.scales") == {"highway 3": pytest.approx(0.95)}
    expect(number).to_have_value("0.95")
    expect(controls.locator(".changes")).to_have_text("highway 3: scaled by 0.95×")
    page.keyboard.press("Home")
    assert state(page, "s.scales") == {"highway 3": 0}
    expect(controls.get_by_role("button", name="Open it")).to_be_visible()
    number.fill("7.125")
    assert state(page, "s.scales") == {"highway 3": 7.125}
    expect(slider).to_have_value("2")
    number.fill("11")
    expect(number).to_have_attribute("aria-invalid", "true")
    expect(controls).to_contain_text("A factor is a number from 0 to 10.")
    assert state(page, "s.scales") == {"highway 3": 7.125}
    number.blur()
    expect(number).to_have_value("7.125")
    expect(number).not_to_have_attribute("aria-invalid", "true")
    number.fill("1")
    assert state(page, "s.scales") == {}


def test_the_controls_follow_the_layer_of_the_highway(page: Page) -> None:
    page.locator("highway-view .layer").nth(4).focus()
    controls = page.locator("what-if-controls")
    expect(controls.get_by_label("Layer", exact=True)).to_have_value("4")
    controls.get_by_role("button", name="Close it").focus()
    page.keyboard.press("Enter")
    expect(page.locator("highway-view .layer").nth(4)).to_have_attribute("aria-pressed", "true")


def test_changes_are_removed_one_by_one_and_the_focus_stays_near(page: Page) -> None:
    update(page, scales={"highway 2": 0, "highway 1": 0, "highway 5": 0.5})
    changes = page.locator("what-if-controls .changes li")
    items = ["highway 1: closed×", "highway 2: closed×", "highway 5: scaled by 0.5×"]
    assert changes.all_text_contents() == items
    page.get_by_role("button", name="Remove: highway 2: closed").focus()
    page.keyboard.press("Enter")
    assert changes.all_text_contents() == [items[0], items[2]]
    expect(page.get_by_role("button", name="Remove: highway 5")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove: highway 1")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#scaled-layer")).to_be_focused()
    assert state(page, "s.scales") == {}


def test_neighbours_are_one_change_where_there_are_many(module_page: Page) -> None:
    found = module(
        module_page,
        "scales.js",
        """(m) => {
          const layers = Array.from({ length: 12 }, (_, index) => ({ name: `l${index}` }));
          const scales = m.withFactor(m.closedFrom({ l0: 0.5 }, layers, 3), "l6", 2);
          return m.changes(scales, layers)
            .map(({ names, factor }) => [names[0], names.at(-1), factor]);
        }""",
    )
    assert found == [["l0", "l0", 0.5], ["l3", "l5", 0], ["l6", "l6", 2], ["l7", "l11", 0]]


def test_a_layer_can_have_any_name(module_page: Page) -> None:
    found = module(
        module_page,
        "scales.js",
        """(m) => ["constructor", "__proto__"].map((name) =>
          [m.factorOf({}, name), m.factorOf(m.toggled({}, name), name),
            Object.keys(m.toggled(m.toggled({}, name), name))])""",
    )
    assert found == [[1, 0, []], [1, 0, []]]
