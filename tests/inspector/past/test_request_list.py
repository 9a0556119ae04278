"""The list of past requests: filters, order, pages and gaps."""

from typing import Any

from playwright.sync_api import Page, expect

from tests.inspector.browser import Visit, module, state
from tests.inspector.past_requests import FOREIGN, ODD_ID, answer, rows_of, shown_ids
from tests.service.serving import fetch


def test_the_list_has_the_rows_of_the_api_and_reads_the_next_page(
    requests_page: Page, port: int
) -> None:
    rows = rows_of(port, "tag=list&limit=100")
    listed = requests_page.locator("request-list")
    expect(requests_page.locator("#announcement")).to_have_text("50 requests so far")
    expect(listed.locator(".below")).to_contain_text("50 requests so far.")

    listed.get_by_role("button", name="More").click()

    expect(listed.locator(".below")).to_have_text("53 requests.")
    expect(listed.get_by_role("button", name="More")).to_have_count(0)
    assert shown_ids(requests_page) == [row["id"] for row in rows]
    assert listed.locator("tbody time").evaluate_all("all => all.map(e => e.title)") == [
        row["time"] for row in rows
    ]
    assert listed.locator("tbody .probability").evaluate_all("all => all.map(e => +e.title)") == [
        row["probability"] for row in rows
    ]
    expect(listed.locator("tbody tr").first.locator(".id")).to_have_text(ODD_ID)
    expect(listed.locator("tbody tr").first.locator(".how-usual")).to_contain_text(
        "unusual, like 1 in 10,000 (estimated)"
    )
    expect(listed.locator("tbody tr").nth(1).locator(".id")).to_contain_text("row 12 of 12")
    assert requests_page.evaluate("document.activeElement.textContent") == "batch"  # the 51st


def test_filters_and_order_choose_the_rows(requests_page: Page, port: int) -> None:
    listed = requests_page.locator("request-list")
    expect(listed.locator("th[aria-sort]")).to_have_text("Time")

    requests_page.get_by_label("Order").select_option("typicality")
    expect(listed.locator("th[aria-sort]")).to_have_text("Typicality")
    expect(listed.locator("caption")).to_have_text("Past requests, most unusual first")
    assert shown_ids(requests_page)[0] == ODD_ID

    requests_page.get_by_role("combobox", name="Typicality").select_option("0.01")
    expect(listed.locator("tbody tr")).to_have_count(1)
    requests_page.get_by_role("combobox", name="Typicality").select_option("")
    requests_page.get_by_label("Id", exact=True).fill("batch")
    requests_page.get_by_label("Time").select_option("hour")
    expect(listed.locator(".below")).to_contain_text("50 requests so far.")

    requests_page.get_by_role("combobox", name="Label").fill("3")
    requests_page.get_by_role("combobox", name="Label").press("Enter")
    expect(listed.locator(".below")).to_have_text("No requests match.")
    expect(listed.locator("table")).to_be_hidden()
    label = requests_page.get_by_role("combobox", name="Label")
    label.fill("nine")
    label.blur()  # a text applies when it is entered
    expect(listed.locator(".below")).to_have_text("No requests match.")
    label.press("Enter")
    expect(listed.locator(".below")).to_have_text(
        "No requests have the label “nine”; the labels are 0 to 9."
    )
    label.fill("3")
    label.press("Enter")
    expect(listed.locator(".below")).to_have_text("No requests match.")
    filters = {"sort": "typicality", "period": "hour", "label": "3", "tag": "list", "id": "batch"}
    assert state(requests_page, "s.filters") == filters

    requests_page.wait_for_function("() => location.hash.includes('label%3D3')")  # a link has them
    address = requests_page.url.split("#")[1]
    found = module(requests_page, "address.js", "(m, text) => m.readAddress(text)", address)
    assert found["linked"]["filters"] == filters

    requests_page.get_by_role("button", name="Clear filters").click()
    expect(listed.locator("table")).to_be_visible()
    expect(requests_page.get_by_label("Id", exact=True)).to_have_value("")
    expect(requests_page.get_by_role("button", name="Clear filters")).to_be_hidden()


def test_a_period_between_two_times_has_two_more_fields(requests_page: Page) -> None:
    expect(requests_page.get_by_label("From")).to_be_hidden()
    requests_page.get_by_label("Time").select_option("between")
    requests_page.get_by_label("From").fill("2001-01-01T00:00:00")
    requests_page.get_by_label("Until").fill("2001-01-02T00:00:00")
    requests_page.get_by_label("Until").press("Enter")
    expect(requests_page.locator("request-list .below")).to_have_text("No requests match.")


def test_the_query_follows_the_filters(shared_page: Page) -> None:
    def query(filters: dict[str, str]) -> str:
        call = "(m, filters, model) => m.queryOf(filters, model, new Date(7_200_000))"
        model = {"name": "a b", "version": "2"}
        return str(module(shared_page, "past/request-query.js", call, filters, model))

    assert query({}) == "model=a+b&version=2"
    assert query({"models": "*", "id": "a&b+c"}) == "model=*&id=a%26b%2Bc"
    assert query({"period": "hour", "below": "0.01", "sort": "typicality"}) == (
        "model=a+b&version=2&since=1970-01-01T01%3A00%3A00.000Z&sort=typicality"
        "&typicality_below=0.01"
    )
    assert query({"period": "between", "until": ""}) == "model=a+b&version=2"
    call = '(m) => m.nextQuery("tag=a", "b=&c")'
    assert module(shared_page, "past/request-query.js", call) == "tag=a&cursor=b%3D%26c"


def test_gaps_are_placed_by_time_and_come_first_in_another_order(shared_page: Page) -> None:
    rows = [{"time": f"2026-01-01T00:00:0{second}Z"} for second in (8, 6, 4)]
    gaps = [{"ended": f"2026-01-01T00:00:0{second}.5Z", "rows": second} for second in (8, 6, 3)]

    def order(**options: bool) -> list[str]:
        call = """(m, rows, gaps, options) => m.rowsAndGaps(rows, gaps, options)
          .map(({ row, gap }) => gap ? `gap ${gap.rows}` : row.time.slice(-2, -1))"""
        return list(module(shared_page, "past/ledger-rows.js", call, rows, gaps, options))

    assert order(newestFirst=True, complete=True) == ["gap 8", "8", "gap 6", "6", "4", "gap 3"]
    assert order(newestFirst=True, complete=False) == ["gap 8", "8", "gap 6", "6", "4"]
    assert order(newestFirst=False, complete=True)[:3] == ["gap 8", "gap 6", "gap 3"]


def test_the_ledger_says_its_state_in_a_sentence(shared_page: Page, port: int) -> None:
    def sentence(**changes: Any) -> str:
        counts = {"written": 1, "sampled_out": 0, "lost": 0}  # other tests send rows, too
        status = {**fetch(port, "/ledger"), **counts, **changes}
        return str(
            module(shared_page, "past/ledger-status.js", "(m, s) => m.ledgerSentence(s)", status)
        )

    assert sentence() == "1 row recorded since the start, with their inputs, kept for 30 days."
    assert sentence(lost=2, sampled_out=3).endswith(
        " 2 rows were lost. 3 rows beyond the rate of 100 a second left out."
    )
    assert sentence(state="off").startswith("The ledger is off")
    unavailable = sentence(state="unavailable", last_error="disk full", waiting=120)
    assert "is unavailable (disk full). Predictions go on, and 120 rows wait" in unavailable


def test_gaps_and_empty_pages_are_shown(requests_page: Page, port: int) -> None:
    page = requests_page
    row = rows_of(port, "tag=odd")[0]
    gap = {"began": "2001-01-01T00:00:00Z", "ended": "2001-01-01T01:00:00Z", "rows": 120}
    empty = {"requests": [], "gaps": [], "next": "later"}
    answer(page, "**/requests?*", empty)
    last = {"requests": [row], "gaps": [{**gap, "reason": "disk full"}], "next": None}
    answer(page, "**/requests?*cursor=later", last)

    page.get_by_role("button", name="Refresh").click()

    lines = page.locator("request-list tbody tr")
    expect(lines).to_have_count(2)
    expect(lines.nth(1)).to_contain_text("120 rows were lost between")
    expect(lines.nth(1)).to_contain_text(": disk full")
    expect(lines.nth(1).locator("time").first).to_have_attribute("title", "2001-01-01T00:00:00Z")

    page.unroute("**/requests?*cursor=later")
    page.get_by_role("button", name="Refresh").click()
    below = page.locator("request-list .below")
    expect(below).to_contain_text("No request found so far")
    expect(below.get_by_role("button", name="More")).to_be_visible()
    page.unroute_all()


def test_a_list_that_the_server_refuses_is_explained(
    shared_visit: Visit, requests_page: Page
) -> None:
    page = requests_page
    refusal = {"error": "this key has no scope inspect"}
    for pattern in ("**/requests?*", "**/ledger"):
        answer(page, pattern, refusal, 403)
    page.get_by_role("button", name="Refresh").click()
    listed = page.locator("request-list")
    expect(listed).to_contain_text("This key has no scope inspect.")
    expect(listed).to_contain_text("Request a key with the scope inspect from the server's")
    page.unroute_all()
    listed.get_by_role("button", name="Try again").click()
    expect(listed.locator("tbody tr")).to_have_count(50)
    shared_visit.forgive()


def test_a_list_that_is_not_of_the_api_is_a_sentence(requests_page: Page) -> None:
    page = requests_page
    listed = page.locator("request-list")
    documents: list[Any] = [{}, None, [], {"requests": [{}], "gaps": []}]
    for document in documents:
        answer(page, "**/requests?*", document)
        answer(page, "**/ledger", document)
        page.get_by_role("button", name="Refresh").click()
        expect(listed.locator(".problem")).to_contain_text(FOREIGN)
        expect(listed).to_have_attribute("aria-busy", "false")
        page.unroute_all()
        listed.get_by_role("button", name="Try again").click()
        expect(listed.locator(".problem")).to_have_count(0)


def test_the_list_comes_by_itself_when_the_ledger_has_started(
    shared_visit: Visit, requests_page: Page, port: int
) -> None:
    page = requests_page
    starting = {**fetch(port, "/ledger"), "state": "starting"}
    answer(page, "**/requests?*", {"error": "the ledger is starting"}, 503)
    answer(page, "**/ledger", starting)
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator("request-list")).to_contain_text("The ledger is starting.")
    page.unroute_all()
    expect(page.locator("request-list tbody tr")).to_have_count(50)
    expect(page.locator(".ledger-status")).to_contain_text(" recorded since the start, ")
    shared_visit.forgive()


def test_long_names_do_not_widen_the_page(requests_page: Page, port: int) -> None:
    page = requests_page
    size = page.viewport_size
    assert size is not None
    long = "x" * 900
    row = {**rows_of(port, "tag=odd")[0], "label": long, "tags": [long], "id": long}
    answer(page, "**/requests?*", {"requests": [row], "gaps": [], "next": None})
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator("request-list tbody tr")).to_have_count(1)
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.set_viewport_size(size)
    page.unroute_all()


def test_a_page_that_is_often_shown_does_not_send_more_often(shared_page: Page) -> None:
    call = """async (m) => {
      let calls = 0;
      const end = new AbortController();
      m.whileVisible(() => { calls += 1; }, 60_000, end.signal);
      for (let n = 0; n < 200; n++) document.dispatchEvent(new Event("visibilitychange"));
      const atOnce = calls;
      await new Promise((resolve) => setTimeout(resolve, 1100));
      end.abort();
      return [atOnce, calls];
    }"""
    assert module(shared_page, "past/visible-timer.js", call) == [1, 2]
