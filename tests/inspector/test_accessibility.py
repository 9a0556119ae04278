"""Every state of the page by axe, by keyboard, in all themes and at all widths."""

from typing import Any

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.inspector.accessibility import violations
from tests.inspector.browser import module, until, update
from tests.inspector.conftest import Visits
from tests.inspector.inputs import SEVEN, SEVEN_INPUT

DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 360, "height": 740}
THEMES: dict[str, dict[str, Any]] = {
    "light desktop": {"viewport": DESKTOP},
    "dark phone": {"viewport": PHONE, "color_scheme": "dark", "has_touch": True},
}
VIEWS = ("requests", "drift", "traffic", "model")


def answered(page: Page) -> None:
    update(page, input=SEVEN_INPUT, instance=SEVEN)
    until(page, "s.answer !== null")


def what_if(page: Page) -> None:
    update(page, scales={"highway 1": 0, "highway 3": 0.5})
    until(page, "s.whatIf !== null")


def unit(page: Page) -> None:
    update(page, unit={"layer": 1, "unit": 3})


def explained(page: Page) -> None:
    page.get_by_role("button", name="Which layers decide this label?").click()
    until(page, "s.explanation !== null")


def pinned(page: Page) -> None:
    page.get_by_role("button", name="Pin this answer").click()
    until(page, "s.pinned !== null")


def opened(page: Page) -> None:
    """Every table behind a picture, and the list of the model chooser."""
    page.evaluate("() => document.querySelectorAll('details').forEach((d) => { d.open = true; })")


def failed(page: Page) -> None:
    module(
        page,
        "store.js",
        "(m) => m.store.update({ notice: 'The server replaced the model.', status: {"
        "text: 'The server is busy.', path: null, until: Date.now() + 9000, action: 'again' } })",
    )


# All that the first view can show: the rules take a second or two each time.
EVERYTHING = (answered, what_if, unit, explained, pinned, opened, failed)


@pytest.mark.parametrize("theme", THEMES)
def test_no_state_breaks_a_rule_of_accessibility(visits: Visits, theme: str) -> None:
    page = visits(**THEMES[theme], reduced_motion="reduce").open()
    found = {}
    if theme == "light desktop":
        found["empty"] = violations(page)
    for change in EVERYTHING:
        change(page)
    found["everything"] = violations(page)
    if theme == "light desktop":
        _assert_fits_at_all_widths(page)
    page.context.request.post("/predict", data={"instances": [SEVEN]})
    for view in VIEWS:
        update(page, view=view, status=None, notice=None)
        page.locator(f"{view}-view").wait_for()
        page.wait_for_load_state("networkidle")
        opened(page)
        found[view] = violations(page)
        _assert_fits(page)
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_a_table_and_the_key_dialog_break_no_rule(visits: Visits, table_port: int) -> None:
    for theme, options in THEMES.items():
        page = visits(table_port, **options).open()
        row = {"age": 31, "job": "pilot", "member": True, "income": None}
        update(page, input={"kind": "row", "values": row}, instance=row)
        until(page, "s.answer !== null")
        opened(page)
        assert violations(page) == []
        _assert_fits(page)
        if theme == "dark phone":
            module(page, "key-dialog.js", "(m) => m.openKeyDialog()")
            assert violations(page) == []


def _assert_fits_at_all_widths(page: Page) -> None:
    for width in (320, 640, 1024, 1920):
        page.set_viewport_size({"width": width, "height": 800})
        _assert_fits(page)
        assert page.evaluate(SMALL_TARGETS) == []
    page.set_viewport_size(DESKTOP)


SMALL_TARGETS = """() => [...document.querySelectorAll(
    "button, select, summary, input, a[href], [role=button]")]
  .filter((node) => node.checkVisibility() && !node.closest(".skip, p, td, .unseen") )
  .map((node) => [node.closest("label") ?? node, node]).filter(([target]) => {
    const { width, height } = target.getBoundingClientRect();
    return width < 24 || height < 24;
  }).map(([, node]) => node.outerHTML.slice(0, 120))"""


def test_the_whole_flow_works_by_keyboard(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    assert "#" not in page.url  # the link's target is not a part of the state

    _tab_to(page, AT_EXAMPLES, "the examples")
    for _ in range(7):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    until(page, "s.answer !== null && s.answer.label === '7'")

    _tab_to(page, AT_LAYER, "a layer")
    page.keyboard.press("Enter")
    until(page, "Object.values(s.scales).includes(0) && s.whatIf !== null")
    _tab_to(page, _named("Open all"), "Open all")
    page.keyboard.press("Enter")
    until(page, "Object.keys(s.scales).length === 0")
    _tab_to(page, _named("Which layers decide this label?"), "explain")
    page.keyboard.press("Enter")
    until(page, "s.explanation !== null")
    _tab_to(page, _named("Pin this answer"), "pin")
    page.keyboard.press("Enter")
    until(page, "s.pinned !== null")

    # The end of the page is reached, and the beginning after it: no trap.
    _tab_to(page, "() => document.activeElement === document.body", "the end", seen=False)
    for name in ("Past requests", "Try it"):
        _tab_to(page, f"() => document.activeElement.textContent === '{name}'", name)
        page.keyboard.press("Enter")
        page.wait_for_function("() => document.activeElement.matches('h1, main')")


AT_EXAMPLES = "() => document.activeElement.matches('.examples button')"
AT_LAYER = """() => document.activeElement.closest("highway-view svg") !== null
  && document.activeElement.matches("[tabindex], button")"""


def _named(name: str) -> str:
    return f"() => document.activeElement.textContent.trim() === '{name}'"


def _tab_to(page: Page, expression: str, what: str, *, seen: bool = True) -> None:
    """Press Tab until the focus is where it should be; each stop on the way must be visible."""
    for _ in range(150):
        page.keyboard.press("Tab")
        reached, is_seen = page.evaluate(f"() => [({expression})(), ({FOCUS_IS_SEEN})()]")
        if reached:
            break
        if seen:
            assert is_seen, page.evaluate("document.activeElement.outerHTML")
    else:
        pytest.fail(f"{what} is not reached by Tab")


# The outline or another change of the focused element, or of the label around it.
FOCUS_IS_SEEN = """() => {
  const node = document.activeElement;
  if (node === document.body) return true;
  const places = [node, node.parentElement, node.nextElementSibling].filter(Boolean);
  return places.some((place) => {
    const style = getComputedStyle(place);
    return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0)
      || style.boxShadow !== "none";
  }) || [...node.querySelectorAll("*")].some((place) =>
    getComputedStyle(place).outlineStyle !== "none"
    || parseFloat(getComputedStyle(place).strokeWidth) >= 2);
}"""


def test_motion_themes_and_forced_colours_are_respected(visits: Visits) -> None:
    page = visits(reduced_motion="reduce", forced_colors="active", color_scheme="dark").open()
    answered(page)
    what_if(page)
    assert page.evaluate("document.getAnimations().length") == 0
    moving = page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter((node) =>
          getComputedStyle(node).transitionDuration.split(", ")
            .some((time) => parseFloat(time) > 0)).length"""
    )
    assert moving == 0
    assert violations(page) == []


def _assert_fits(page: Page) -> None:
    wide = page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
          [...document.querySelectorAll("body *")].filter((node) =>
            node.getBoundingClientRect().right > innerWidth + 1)
            .map((node) => node.outerHTML.slice(0, 90))"""
    )
    assert wide == []
