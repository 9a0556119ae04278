"""Traffic: time series and totals from the server's counters."""

import re
from datetime import datetime

from playwright.sync_api import Locator, Page, expect

from service.settings import BUNDLED_MODEL
from tests.inspector.browser import module
from tests.inspector.conftest import Visits
from tests.service.serving import eventually, fetch

SEVEN = (BUNDLED_MODEL.parents[2] / "examples" / "seven.json").read_bytes()


def metric(port: int, name: str) -> float:
    match = re.search(rf"^highway_{name} (\S+)$", fetch(port, "/metrics"), re.MULTILINE)
    assert match is not None
    return float(match[1])


def total(page: Page, caption: str, name: str) -> float:
    table = page.get_by_role("table", name=caption)
    row = table.get_by_role("row", name=re.compile(f"^{name} "))
    return float(row.locator("td").inner_text())


def readout(page: Page, chart: str, name: str) -> str:
    return readout_of(page, chart, name).inner_text()


def readout_of(page: Page, chart: str, name: str) -> Locator:
    section = page.locator("section.chart").filter(has=page.get_by_role("heading", name=chart))
    return section.locator(".readout > div").filter(has_text=name).locator("dd")


def sample_times(page: Page) -> list[float]:
    call = "(m) => m.keptSamples().map(({ time }) => time)"
    return list(module(page, "past/traffic-history.js", call))


def test_charts_and_totals_follow_the_counters(visits: Visits, port: int) -> None:
    page = visits().open()
    page.get_by_role("link", name="Traffic").click()
    expect(page.locator("output")).to_have_text("The first interval ends in 5 seconds")
    rows = 'inference_rows_total{model="digits",version="1"}'
    before = metric(port, rows)
    for _ in range(4):
        fetch(port, "/predict", SEVEN)
    eventually(lambda: metric(port, rows) == before + 4)

    page.get_by_role("button", name="Measure now").click()

    expect(page.locator("#announcement")).to_have_text("Measured")
    assert total(page, "Requests and rows", "rows") == before + 4
    sevens = 'predictions_total{class="7",model="digits",version="1"}'
    assert total(page, "Predicted labels", "7") == metric(port, sevens)
    refused = 'rejected_total{model="digits",reason="deadline",version="1"}'
    assert total(page, "Refused requests", "deadline") == metric(port, refused)

    times = sample_times(page)
    seconds = (times[-1] - times[-2]) / 1000
    page.get_by_text("All intervals as a table").click()
    first = page.get_by_role("table", name="Intervals, newest first").locator("tbody tr").first
    assert abs(float(first.locator("td").nth(1).inner_text()) * seconds - 4) < 0.001
    assert float(readout(page, "Requests and rows", "rows")) > 0
    assert readout(page, "Latency (within", "p95").endswith((" ms", " s"))
    assert readout(page, "Memory of the worker that answered", "resident").endswith(" MiB")


def test_the_reader_moves_through_the_intervals(visits: Visits) -> None:
    page = visits().open()
    labels = "".join(
        f'highway_predictions_total{{{{class="{n}",model="digits",version="1"}}}} {{0}}\n'
        for n in range(30)
    )
    text = (
        labels
        + """highway_inference_rows_total{{model="digits",version="1"}} {0}
highway_rejected_total{{model="digits",reason="queue_full",version="1"}} {0}
highway_inference_requests_total{{model="digits",outcome="success",version="1"}} {0}
"""
    )
    numbers = iter([0, 10, 110, 5, 5, 5, 5])
    page.route("**/metrics", lambda route: route.fulfill(body=text.format(next(numbers))))
    page.clock.install()
    page.clock.pause_at(datetime(2100, 1, 1))
    page.get_by_role("link", name="Traffic").click()
    page.mouse.move(0, 0)  # a chart that moves away below the pointer ends its choice
    expect(page.locator("output")).to_be_visible()
    counts = page.get_by_role("group", name="Predicted labels")
    counts.focus()
    counts.evaluate("(box) => { box.scrollTop = 30; }")
    for count in (1, 2, 3):
        page.clock.run_for(5000)
        expect(page.get_by_label("Moment")).to_have_attribute("max", str(max(0, count - 1)))

    expect(counts.locator("td").first).to_have_text("5")
    expect(counts).to_be_focused()
    assert counts.evaluate("(box) => box.scrollTop") == 30
    moment = page.get_by_label("Moment")
    expect(page.locator("output")).to_contain_text(", the server was restarted")
    assert readout(page, "Requests and rows", "rows") == "1"  # 5 rows in 5 seconds
    assert page.locator("line.restart").count() == 6
    moment.press("ArrowLeft")
    expect(readout_of(page, "Requests and rows", "rows")).to_have_text("20")
    assert readout(page, "Refused requests", "queue full") == "20"
    assert readout(page, "Latency", "p50") == "–"
    expect(moment).to_have_attribute("aria-valuetext", re.compile(r"^\d\d:\d\d:\d\d$"))
    moment.press("Home")
    expect(readout_of(page, "Requests and rows", "rows")).to_have_text("2")
    picture = page.get_by_role("img", name="Requests and rows per second: requests 2, rows 2")
    expect(picture).to_be_visible()
    box = picture.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
    assert readout(page, "Requests and rows", "rows") == "20"
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
