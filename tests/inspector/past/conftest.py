"""The view of past requests, with three requests in the ledger."""

import json
from collections.abc import Iterator
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.inspector.browser import Visit, update
from tests.inspector.past_requests import BATCHES, EXAMPLES, ODD_ID, rows_of
from tests.service.serving import eventually, fetch


@pytest.fixture(scope="session")
def recorded(port: int) -> None:
    """In the ledger: two requests of usual sevens with one id, then an unusual one."""
    noisy = json.loads((EXAMPLES / "noisy_seven.json").read_text())["instances"]
    seven = json.loads((EXAMPLES / "seven.json").read_text())["instances"]
    eventually(lambda: fetch(port, "/ledger")["state"] == "writing")
    written = 0
    for name, tags, instances in (
        ("batch", "list", seven * BATCHES[0]),
        ("batch", "list", seven * BATCHES[1]),
        (ODD_ID, "list, odd", noisy),
    ):
        headers = {"Content-Type": "application/json", "X-Request-Id": name, "X-Tags": tags}
        body = json.dumps({"instances": instances}).encode()
        urlopen(Request(f"http://127.0.0.1:{port}/predict", body, headers)).close()
        written += len(instances)
        eventually(lambda: len(rows_of(port, "tag=list&limit=100")) == written)  # noqa: B023


@pytest.fixture(scope="module")
def shared_visit(recorded: None, browser: Browser, port: int) -> Iterator[Visit]:
    """One page for all tests of a module, because loading it takes most of their time."""
    visit = Visit(browser, f"http://127.0.0.1:{port}")
    show(visit.open())
    yield visit
    visit.close()
    assert visit.faults == []


@pytest.fixture
def shared_page(shared_visit: Visit) -> Page:
    return shared_visit.page


@pytest.fixture
def requests_page(shared_page: Page) -> Page:
    """The view of past requests, with the rows of these tests only."""
    page = shared_page
    update(page, view="requests", record=None, filters={})
    page.get_by_label("Tag", exact=True).first.fill("list")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("request-list")).to_have_attribute("aria-busy", "false")
    expect(page.locator("request-list .below")).to_contain_text("50 requests so far.")
    return page


@pytest.fixture
def detail(requests_page: Page) -> Page:
    """The unusual request, opened from the list by the keyboard."""
    button = requests_page.get_by_role("button", name=ODD_ID)
    button.focus()
    button.press("Enter")
    expect(requests_page.get_by_role("button", name="Close highway 2")).to_be_enabled()
    return requests_page


def show(page: Page) -> None:
    page.get_by_role("link", name="Past requests").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Past requests")
    expect(page.locator("request-list")).to_have_attribute("aria-busy", "false")
