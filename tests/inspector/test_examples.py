"""The ready examples of the bundled model."""

import pytest
from playwright.sync_api import Page, expect

from tests.inspector.browser import state
from tests.inspector.input_steps import wait_for_answer


@pytest.fixture
def page(shared_page: Page) -> Page:
    return shared_page


def test_the_examples_of_digits_are_right_and_usual(page: Page, port: int) -> None:
    for digit in "0123456789":
        page.get_by_role("button", name=f"Example: {digit}", exact=True).click()
        prediction = wait_for_answer(page, port)
        assert prediction["label"] == digit
        assert prediction["typicality"]["combined"] > 0.05


def test_the_other_examples_are_unusual(page: Page, port: int) -> None:
    for name in ("a hash sign", "a 7 with spots"):
        page.get_by_role("button", name=f"Example: {name}").click()
        assert wait_for_answer(page, port)["typicality"]["combined"] < 0.001


def test_an_example_has_the_chosen_pen_and_can_be_undone(page: Page) -> None:
    page.get_by_label("thin").check()
    page.get_by_role("button", name="Example: 4").click()
    assert state(page, "s.input.pen") == 0.05
    page.get_by_role("button", name="Undo").click()
    assert state(page, "s.input") is None


def test_an_example_is_chosen_by_keyboard(page: Page, port: int) -> None:
    button = page.get_by_role("button", name="Example: 7")
    button.focus()
    page.keyboard.press("Enter")
    assert wait_for_answer(page, port)["label"] == "7"
    expect(button).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("button", name="Example: 6")).to_be_focused()
    stops = page.locator(".examples button[tabindex='0']")
    assert stops.evaluate_all("(all) => all.map((one) => one.title)") == ["6"]
    page.get_by_role("button", name="Example: 0").focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator(".examples button").last).to_be_focused()


def test_an_example_moves_no_other(page: Page) -> None:
    place = "(button) => button.getBoundingClientRect().top + scrollY"
    button = page.get_by_role("button", name="Example: 4")
    before = button.evaluate(place)
    button.click()
    page.locator(".result").first.wait_for()
    assert button.evaluate(place) == before
