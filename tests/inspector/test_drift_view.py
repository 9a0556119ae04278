"""Drift: the windows of the monitor against the held-out rows."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.inspector.browser import Visit, module
from tests.service.serving import fetch


@pytest.fixture(scope="module")
def visit(browser: Browser, port: int) -> Iterator[Visit]:
    """One page for all tests, because loading it takes most of their time."""
    visit = Visit(browser, f"http://127.0.0.1:{port}")
    visit.open()
    yield visit
    visit.close()
    assert visit.faults == []


@pytest.fixture
def view(visit: Visit) -> Page:
    """The page before it shows drift."""
    visit.page.unroute_all()
    visit.page.get_by_role("link", name="Try it").click()
    expect(visit.page.locator("try-view")).to_be_visible()
    return visit.page


@pytest.fixture
def document(port: int) -> Any:
    """The server's own response, in which the first window drifts."""
    document = fetch(port, "/drift")
    model = document["models"][0]
    model.update(summary="digits version 1 drifts: all is seven.", drifting=True)
    window, other = model["windows"][:2]
    window.update(rows=200, drifting=True, threshold=1e-8)
    other.update(rows=6, drifting=False)
    for layer in window["layers"]:
        layer.update(psi=0.25, p_value=1e-4, drifting=False)
    window["layers"][2].update(psi=5.277, p_value=1.407e-118, drifting=True)
    window["labels"].update(p_value=1e-177, drifting=True)
    for label in window["classes"]:
        label.update(rows=0, share=0.0)
    window["classes"][7].update(rows=200, share=1.0)
    window["atypical"][0].update(rows=3, share=0.015, p_value=0.31, drifting=False)
    window["atypical"][1].update(rows=100, share=0.5, p_value=1e-40, drifting=True)
    return document


def shown(page: Page, document: Any) -> Locator:
    """Show a response; returns the card of the shortest window."""
    body = json.dumps(document)
    page.route("**/drift", lambda route: route.fulfill(body=body))
    page.get_by_role("link", name="Drift").click()
    expect(page.locator("drift-view .view-content")).to_have_attribute("aria-busy", "false")
    return page.locator("[data-window='5m']")


def cells(table: Locator, row: int) -> list[str]:
    name, _, *numbers = table.locator("tbody tr").nth(row).locator("th, td").all_inner_texts()
    return [" ".join(text.split()) for text in (name, *numbers)]


def test_a_window_that_drifts_is_drawn_with_its_numbers(view: Page, document: Any) -> None:
    page = view
    card = shown(page, document)
    expect(page.locator(".summary")).to_have_text("digits version 1 drifts: all is seven.")
    expect(card.get_by_role("heading")).to_have_text("Last 5 minutes ▲ drifts")
    expect(card).to_contain_text("200 rows,")
    expect(card).to_contain_text("tested every 30 seconds.")

    layers = card.get_by_role("table", name="Layers: how open they were")
    assert cells(layers, 0) == ["highway 1", "1.0e-4", "0.25"]
    assert cells(layers, 2) == ["highway 3", "▲ 1.4e-118 drifts", "5.28"]
    bar = layers.locator("tbody tr").nth(0).locator("rect")
    assert bar.get_attribute("width") == "33.33%"  # half the digits of the threshold
    expect(bar).to_have_class("seen")
    over = layers.locator("tbody tr").nth(2).locator("rect")
    expect(over).to_have_class("over")
    assert float((over.get_attribute("width") or "").rstrip("%")) > 90

    labels = card.get_by_role("table", name="Labels: their share")
    expect(labels.locator("caption")).to_have_text(
        "Labels: their share of the rows, p-value 1.0e-177 ▲ drifts"
    )
    assert cells(labels, 7)[:2] == ["7", "100 %"]
    assert labels.locator("tbody tr").nth(7).locator("rect").first.get_attribute("width") == "100%"
    unusual = card.get_by_role("table", name="Unusual rows: as unusual")
    assert cells(unusual, 0) == ["1 %", "1.5 %", "0.31"]
    assert cells(unusual, 1) == ["10 %", "50 %", "▲ 1.0e-40 drifts"]

    card.locator("summary").click()
    filled = card.locator("details table").first.locator("tbody td")
    expect(filled).not_to_have_count(0)
    numbers = filled.all_inner_texts()
    window = document["models"][0]["windows"][0]
    values = [v for layer in window["layers"] for v in (layer["psi"], layer["p_value"])]
    values += [window["labels"]["psi"], window["labels"]["p_value"]]
    assert [float(text) for text in numbers] == values

    hour = page.locator("[data-window='1h']")
    expect(hour.get_by_role("heading")).to_have_text("Last hour not tested")
    expect(hour).to_contain_text("Too few rows to judge: 6 of 110.")
    expect(hour.locator("table.tests").first).to_be_hidden()
    hour.get_by_text("Its layers and labels so far").click()
    expect(hour.locator("table.tests").first).to_be_visible()
    rule = page.locator("details").filter(has_text="How it is decided")
    rule.locator("summary").click()
    expect(rule.locator("p")).to_contain_text("At most one in 100 weeks")
    assert rule.locator("li").count() > 3
    day = page.locator("[data-window='1d']")
    expect(day.get_by_role("heading")).to_contain_text("Last day")


def test_the_real_response_is_read_again_without_disturbing_the_reader(
    view: Page, visit: Visit, port: int
) -> None:
    page = view
    page.clock.install()
    page.get_by_role("link", name="Drift").click()
    summary = page.locator(".summary")
    expect(summary).to_contain_text("digits version 1")
    expect(page.locator(".window")).to_have_count(3)
    hour = page.locator("[data-window='1h']")
    hour.get_by_text("Numbers", exact=True).click()
    box = hour.get_by_role("group", name="Numbers of the last hour")
    box.evaluate("(box) => { box.scrollTop = 40; }")

    changed = fetch(port, "/drift")
    model = changed["models"][0]
    model["summary"] = "digits version 1 changed."
    for window in model["windows"]:
        window["rows"] = 200  # each gets three tables above its numbers
    page.route("**/drift", lambda route: route.fulfill(body=json.dumps(changed)))
    page.clock.run_for(30_000)
    expect(summary).to_have_text("digits version 1 changed.")
    expect(hour.locator("table.tests")).to_have_count(3)
    expect(hour.locator("summary")).to_be_focused()
    expect(hour.locator("details")).to_have_attribute("open", "")
    assert box.evaluate("(box) => box.scrollTop") == 40

    page.unroute_all()
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator("#announcement")).to_contain_text("digits version 1 ")
    expect(summary).not_to_have_text("digits version 1 changed.")

    page.route("**/drift", lambda route: route.fulfill(status=503, body="{}"))
    page.clock.run_for(30_000)
    again = page.locator("drift-view").get_by_role("button", name="Try again")
    again.focus()
    with page.expect_response("**/drift"):
        page.clock.run_for(30_000)
    expect(page.locator("drift-view .view-content")).to_have_attribute("aria-busy", "false")
    expect(again).to_be_focused()
    visit.forgive()


def test_numbers_stay_open_when_a_window_has_enough_rows(
    view: Page, visit: Visit, port: int
) -> None:
    page, document = view, fetch(port, "/drift")
    for window in document["models"][0]["windows"]:
        window.update(rows=50, drifting=False)  # too few to show the tables unfolded
    page.route("**/drift", lambda route: route.fulfill(body=json.dumps(document)))
    page.get_by_role("link", name="Drift").click()
    hour = page.locator("[data-window='1h']")
    expect(hour).to_contain_text("Too few rows to judge: 50")
    numbers = hour.get_by_text("Numbers", exact=True)
    numbers.click()
    for window in document["models"][0]["windows"]:
        window["rows"] = 200
    page.get_by_role("button", name="Refresh").evaluate("(button) => button.click()")
    expect(hour).not_to_contain_text("Too few rows")
    expect(numbers).to_be_focused()
    expect(hour.locator("details")).to_have_attribute("open", "")
    visit.forgive()


def test_a_hundred_layers_and_a_model_without_held_out_rows(view: Page, document: Any) -> None:
    page, size = view, view.viewport_size
    assert size is not None
    page.set_viewport_size({"width": 320, "height": 640})
    model = document["models"][0]
    layer = model["windows"][0]["layers"][0]
    model["windows"][0]["layers"] = [{**layer, "name": f"highway {n + 1}"} for n in range(100)]
    empty = {"summary": "other has no held-out rows.", "held_out": None, "drifting": False}
    document["models"].append({**empty, "name": "other", "version": "1", "windows": []})
    card = shown(page, document)
    scroll = card.get_by_role("group", name="Layers: how open they were, Last 5 minutes")
    assert scroll.locator("tbody tr").count() == 100
    assert scroll.evaluate("e => e.scrollHeight > e.clientHeight && e.tabIndex === 0")
    expect(page.get_by_role("listitem").filter(has_text="other has no")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0

    document["models"] = [{**empty, "name": "digits", "version": "1", "windows": []}]
    page.unroute_all()
    page.get_by_role("link", name="Try it").click()
    shown(page, document)
    expect(page.locator(".summary")).to_have_text("other has no held-out rows.")
    expect(page.locator(".window")).to_have_count(0)
    page.set_viewport_size(size)


def test_evidence_is_half_the_picture_at_the_threshold(view: Page) -> None:
    call = "(m, values) => values.map((p) => m.evidence(p, 1e-8))"
    evidence = module(view, "past/drift-numbers.js", call, [1e-8, 1, None, 0, 1e-24, 1.0000001])
    assert evidence == [0.5, 0, None, 1, pytest.approx(0.75), 0]


def test_a_rule_is_a_list_of_sentences(view: Page) -> None:
    call = "(m, text) => m.sentences(text)"
    text = "A window drifts. The tests: one, two; the shares. 0.01 is small."
    assert module(view, "past/drift-numbers.js", call, text) == [
        "A window drifts.",
        "The tests.",
        "One, two.",
        "The shares.",
        "0.01 is small.",
    ]


def test_a_response_of_another_kind_is_a_sentence(view: Page) -> None:
    shown(view, {})
    problem = view.locator("drift-view .problem")
    expect(problem).to_contain_text("The response is not of this API")
    view.unroute_all()
    shown(view, {"models": [{"summary": "x", "windows": [{}]}]})
    view.get_by_role("link", name="Try it").click()
    shown(view, {"models": [{"summary": "x", "windows": [{}]}]})
    expect(problem).to_contain_text("The response is not of this API")


def test_a_server_that_refuses_is_shown_in_place(view: Page, visit: Visit) -> None:
    page = view
    refusal = json.dumps({"error": "this key has no scope inspect"})
    page.route("**/drift", lambda route: route.fulfill(status=403, body=refusal))
    page.get_by_role("link", name="Drift").click()
    expect(page.locator(".problem")).to_contain_text("This key has no scope inspect.")
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".summary")).to_be_visible()
    visit.forgive()
