"""The page as it loads, its views, and their addresses."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.inspector.browser import update
from tests.inspector.conftest import Visits
from tests.inspector.inputs import example, show_picture

VIEWS = {
    "Past requests": "requests",
    "Drift": "drift",
    "Traffic": "traffic",
    "Model": "model",
    "Try it": "try",
}


def test_the_page_has_a_title_a_language_and_one_sentence(page: Page) -> None:
    expect(page).to_have_title("Try it · Inspector")
    assert page.locator("html").get_attribute("lang") == "en"
    expect(page.get_by_role("heading", level=1)).to_have_text("Which layers did the work?")
    expect(page.locator("try-view > header")).to_contain_text(
        "Draw a digit. The road shows how much each layer of the network works on it, and how much"
        " it passes on unchanged. Past requests, drift and traffic are those of this server."
    )
    expect(page.locator("status-line")).to_have_text("")
    expect(page.get_by_role("link", name="API", exact=True)).to_have_attribute("href", "docs")
    assert page.locator("input-panel, answer-panel, highway-view, what-if-controls").count() == 4


def test_views_have_titles_addresses_and_the_focus(page: Page) -> None:
    views = page.get_by_role("navigation", name="Views")
    for title, name in VIEWS.items():
        link = views.get_by_role("link", name=title, exact=True)
        link.click()
        expect(page).to_have_title(f"{title} · Inspector")
        expect(link).to_have_attribute("aria-current", "page")
        expect(page.locator(f"main > {name}-view")).to_be_visible()
        page.wait_for_function("() => document.activeElement.matches('h1')")
        assert page.locator("[aria-current=page]").count() == 1
    assert re.search("#view=model$", page.evaluate("location.href")) is None


@pytest.mark.parametrize("prefix", ["", "/below/"])
def test_every_request_of_the_page_is_of_this_server(visits: Visits, prefix: str) -> None:
    visit = visits()
    if prefix:  # a proxy that serves the page below a path
        visit.context.route(
            f"**{prefix}**",
            lambda route: route.fulfill(
                response=route.fetch(url=route.request.url.replace(prefix, "/"))
            ),
        )
    failed: list[str] = []
    visit.page.on("requestfailed", lambda request: failed.append(request.url))
    visit.page.goto(prefix or "/")
    visit.page.locator("#model").wait_for()
    if prefix:
        update(visit.page, view="model")
        visit.page.locator("model-view").wait_for()
        visit.context.unroute_all(behavior="wait")
    assert failed == []


def test_a_view_that_is_chosen_twice_while_it_loads_is_filled_once(visits: Visits) -> None:
    page = visits().open()
    held: list[Route] = []
    page.route("**/past/requests-view.js", lambda route: held.append(route))
    page.evaluate("""() => {
      window.filled = [];
      const note = ({ addedNodes }) =>
        window.filled.push(...[...addedNodes].map(({ localName }) => localName));
      new MutationObserver((changes) => changes.forEach(note))
        .observe(document.getElementById("content"), { childList: true });
    }""")
    for view in ("requests", "try", "requests"):
        update(page, view=view)
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()
    page.get_by_role("heading", name="Past requests", level=1).wait_for()
    assert page.evaluate("window.filled") == ["try-view", "requests-view"]


def test_a_part_that_did_not_load_does_when_the_server_answers_again(visits: Visits) -> None:
    visit = visits()
    page = visit.open()
    page.route("**/units/**", lambda route: route.abort())
    show_picture(page, example("seven"))
    expect(page.locator("status-line")).to_contain_text("a part of the page cannot be shown")
    page.unroute_all()
    update(page, scales={"highway 1": 0})  # the next answer shows that the server is there
    expect(page.get_by_role("button", name="Pin this answer")).to_be_enabled()
    expect(page.locator("status-line")).to_have_text("")
    visit.forgive()
