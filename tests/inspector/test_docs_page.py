"""The page of the API: Swagger UI without another server."""

from pathlib import Path

from playwright.sync_api import Page, expect

from service.http.api_keys import new_key
from service.http.callers import Scope
from service.settings import BUNDLED_MODEL
from tests.inspector.conftest import Visits
from tests.service.serving import serving

LIST_MODELS = "#operations-Open_Inference_Protocol-list_models_v2_models_get"


def call(page: Page) -> str:
    """Call GET /v2/models by its form; return the response that the page shows."""
    operation = page.locator(LIST_MODELS)
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    response = operation.locator(".live-responses-table")
    expect(response.locator(".response-col_status").nth(1)).to_contain_text("200")
    return response.inner_text()


# Attempts that the page's policy must block; 0 if it did.
SCRIPTS = """() => new Promise((resolve) => setTimeout(() => {
  const script = document.createElement("script");
  try { script.textContent = "globalThis.ran = 1"; } catch {}
  document.head.append(script);
  try { globalThis.eval("globalThis.ran = 2"); } catch {}
  resolve(globalThis.ran ?? 0);
}))"""


def test_the_page_lists_the_operations_and_calls_them_and_runs_no_other_script(
    visits: Visits,
) -> None:
    visit = visits()
    page = visit.page
    page.goto("/docs")
    expect(page).to_have_title("API · highway-networks")
    assert page.locator("html").get_attribute("lang") == "en"
    # The first request for Swagger UI compresses it.
    expect(page.locator(".opblock", has_text="/what-if").first).to_be_visible(timeout=20_000)
    assert page.locator(".opblock").count() > 30
    assert '"name": "digits"' in call(page)
    expect(page.locator("#key")).to_be_hidden()
    assert visit.faults == []
    assert page.evaluate(SCRIPTS) == 0
    visit.faults.clear()
    page.get_by_role("link", name="Inspector").click()
    page.locator("#model").wait_for()


def test_with_api_keys_the_page_requests_one_and_stores_none(
    visits: Visits, tmp_path: Path
) -> None:
    token, key = new_key("anna", [Scope.PREDICT])
    keys = tmp_path / "keys"
    keys.write_text(key.line)
    with serving(BUNDLED_MODEL, HIGHWAY_API_KEYS=str(keys), HIGHWAY_LEDGER_URL="off") as (_, port):
        visit = visits(port)
        page = visit.page
        page.goto("/docs")
        field = page.get_by_label("API key")
        expect(field).to_be_focused()
        expect(page.get_by_role("status")).to_have_text(
            "This server needs a key with the scope predict."
        )
        field.fill("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_have_text(
            "API key: expected a valid one, found another; check the key"
        )
        field.fill(token)
        page.keyboard.press("Enter")
        expect(field).to_be_hidden()
        assert '"name": "digits"' in call(page)
        assert page.evaluate("() => [localStorage.length, sessionStorage.length]") == [0, 0]
        assert page.evaluate("document.cookie") == ""
        assert [fault for fault in visit.faults if "401" not in fault] == []
        visit.faults.clear()
