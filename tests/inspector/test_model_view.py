"""The model: metadata, provenance, verification, and what the server says of its models."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.inspector.browser import Visit
from tests.inspector.conftest import Visits
from tests.service.conftest import METADATA, Recipe
from tests.service.serving import fetch, serving


@pytest.fixture(scope="module")
def page(browser: Browser, port: int) -> Iterator[Page]:
    """The view of the bundled model."""
    visit = Visit(browser, f"http://127.0.0.1:{port}")
    page = visit.open()
    page.get_by_role("link", name="Model", exact=True).click()
    card(page, "Since the server started").wait_for()
    card(page, "Models of this server").wait_for()
    yield page
    visit.close()
    assert visit.faults == []


@pytest.fixture
def properties(port: int) -> Any:
    document = fetch(port, "/v2/models/digits/versions/1")["properties"]
    plain = ("digest", "contract", "signature")
    return {name: t if name in plain else json.loads(t) for name, t in document.items()}


def card(page: Page, title: str) -> Locator:
    return page.locator("section.card").filter(
        has=page.get_by_role("heading", name=title, exact=True)
    )


def fact(card: Locator, name: str) -> str:
    rows = card.locator(".facts > div")
    return rows.filter(has=card.page.locator("dt", has_text=name)).first.locator("dd").inner_text()


def test_the_cards_have_the_metadata(page: Page, properties: Any) -> None:
    expect(page.locator("model-view .summary")).to_have_text(
        "Matches the trained network on 10,000 test rows; signature not checked."
    )
    assert fact(card(page, "This model"), "Digest") == properties["digest"]
    assert fact(card(page, "This model"), "Signature").startswith("not checked: ")
    assert fact(card(page, "Input and labels"), "Input") == "a picture of 28 × 28 pixels"
    assert fact(card(page, "Input and labels"), "Range") == "0 to 255"
    assert fact(card(page, "Input and labels"), "Labels") == ", ".join(properties["labels"])

    training = card(page, "Training")
    metrics, config = properties["training"]["metrics"], properties["training"]["config"]
    accuracy = training.get_by_title(str(metrics["test_accuracy"]))
    expect(accuracy).to_have_text("99.4 %")
    assert fact(training, "Epochs") == str(config["epochs"])
    assert fact(training, "Preset") == properties["training"]["preset"]
    assert fact(training, "Source revision") == properties["training"]["source_revision"]
    training.get_by_text("All metrics").click()
    expect(training.get_by_title(str(metrics["test_loss"]))).to_have_text("0.01823")
    expect(training.get_by_title(str(metrics["test_rows"]))).to_have_text("10,000")

    rows = card(page, "Layers").locator("tbody tr")
    assert [row.split("\t")[:3] for row in rows.all_inner_texts()] == [
        [layer["name"], layer["kind"], str(layer["width"])] for layer in properties["layers"]
    ]
    tensors = card(page, "Tensors").locator("tbody tr").all_inner_texts()
    assert "input\tinput\tFP32\trows × 784" in tensors
    assert len(tensors) == 8


def test_what_the_export_verified_is_a_table(page: Page, properties: Any) -> None:
    verification = card(page, "Verification")
    outputs = properties["verification"]["report"]["outputs"]
    expect(verification).to_contain_text("compared with the trained network on 10,000 test rows")
    verification.get_by_text(f"Errors of {len(outputs)} comparisons").click()
    table = verification.get_by_role("table", name="Errors of each output")
    expect(table.locator("tbody tr")).to_have_count(len(outputs))
    cells = table.locator("tbody tr").first.locator("th, td")
    shown = cells.all_inner_texts()
    assert shown[:2] == [outputs[0]["reference"], outputs[0]["output"]]
    numbers = list(outputs[0].values())[2:]
    titles = cells.locator("span").evaluate_all("all => all.map((e) => e.title)")
    assert [float(title) for title in titles] == numbers  # with all their digits
    assert [float(text) for text in shown[2:]] == pytest.approx(numbers, rel=0.01)


def test_the_server_lists_its_models_and_counters(page: Page, port: int) -> None:
    models = card(page, "Models of this server").locator("tbody tr")
    assert models.all_inner_texts() == ["digits\t1\tready\t–"]
    counters = fetch(port, "/v2/models/digits/versions/1/stats")["model_stats"][0]
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator("#announcement")).to_have_text("Read again")
    expect(card(page, "Since the server started")).to_contain_text(
        f"{counters['inference_count']:,} rows in {counters['execution_count']:,} batches."
    )
    links = (
        card(page, "More")
        .get_by_role("link")
        .evaluate_all("a => a.map((e) => e.getAttribute('href'))")
    )
    assert links == ["docs", "openapi.json", "metrics"]


def test_a_response_of_another_kind_is_a_sentence(page: Page) -> None:
    for pattern in ("**/repository/index", "**/stats"):
        page.route(pattern, lambda route: route.fulfill(body="{}"))
    page.get_by_role("button", name="Refresh").click()
    for title in ("Models of this server", "Since the server started"):
        expect(card(page, title).locator(".problem")).to_contain_text("not of this API")
    page.unroute_all()
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator(".problem")).to_have_count(0)


def test_unknown_members_are_shown_and_refused_files_too(visits: Visits, tmp_path: Path) -> None:
    training = {"author": "<b>me</b>", "passes": list(range(30)), "nested": {"deep": [{"x": 1}]}}
    content = Recipe(metadata=replace(METADATA, training=training)).build()
    for version, file in (("1", content), ("2", b"no model")):
        folder = tmp_path / "tiny" / version
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(file)
    with serving(tmp_path, HIGHWAY_LEDGER_URL="off") as (_, port):
        visit = visits(port, viewport={"width": 320, "height": 640})
        page = visit.open()
        page.get_by_role("link", name="Model", exact=True).click()
        shown = card(page, "Training")
        assert fact(shown, "Author") == "<b>me</b>"
        shown.get_by_text("30 entries").click()
        expect(shown).to_contain_text("27, 28, 29")
        shown.get_by_text("1 value").click()
        shown.get_by_text("1 entry").click()
        expect(shown.get_by_role("table", name="deep")).to_contain_text("X")
        expect(card(page, "Verification")).to_contain_text("no report of its export")
        refused = card(page, "Models of this server").locator("tbody tr").filter(has_text="2")
        expect(refused).to_contain_text("▲ not served")
        assert len(refused.locator("td").nth(2).inner_text()) > 10
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0

        page.get_by_role("link", name="Past requests").click()
        expect(page.locator(".ledger-status")).to_contain_text("The ledger is off")
        expect(page.locator("request-list")).to_contain_text("The ledger is off; set")
    visit.forgive()  # the ledger's 503
