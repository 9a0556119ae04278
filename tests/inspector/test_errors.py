"""What the reader sees if the server fails: a sentence, and the page goes on working."""

import json
import time
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.inspector.browser import Visit, module, state, until, update
from tests.inspector.conftest import Visits
from tests.inspector.inputs import SEVEN, SEVEN_INPUT

WHAT_IF = "**/what-if"
HTML = "<html><body>Bad gateway</body></html>"


def _fail(page: Page, **response: Any) -> list[float]:
    """Let the next prediction fail once; gives the times of all."""
    times: list[float] = []

    def handle(route: Route) -> None:
        times.append(time.monotonic())
        if len(times) > 1:
            route.continue_()
        elif response.get("abort"):
            route.abort()
        else:
            route.fulfill(**response)

    page.unroute_all()
    page.route(WHAT_IF, handle)
    return times


def _answered(visits: Visits) -> tuple[Visit, Page]:
    visit = visits()
    page = visit.open()
    update(page, input=SEVEN_INPUT, instance=SEVEN)
    until(page, "s.answer !== null")
    return visit, page


def test_each_failure_is_a_sentence_and_the_page_tries_again(visits: Visits) -> None:
    visit, page = _answered(visits)
    status = page.locator("status-line")
    nan = {"digest": state(page, "s.model.digest"), "predictions": [{"probability": None}]}
    empty = {**nan, "predictions": []}
    failures: list[tuple[dict[str, Any], str]] = [
        (
            {
                "status": 429,
                "headers": {"Retry-After": "1"},
                "body": '{"error": "queue: full"}',
            },
            "The server is busy: queue: full. Trying again in 1 s.",
        ),
        ({"status": 503, "headers": {"Retry-After": "1"}, "body": '{"error": "stopping"}'}, ""),
        ({"status": 502, "headers": {"Retry-After": "1"}, "body": HTML}, "with status 502."),
        ({"status": 200, "body": HTML}, "The response is not JSON"),
        ({"status": 200, "body": '{"predictions": [NaN]}'}, "The response is not JSON"),
        ({"status": 200, "body": json.dumps(nan)}, "The response is not the answer of a model"),
        ({"status": 200, "body": "null"}, "The response is not the answer of a model"),
        ({"status": 200, "body": json.dumps(empty)}, "The response is not the answer of a model"),
        ({"abort": True}, "The server does not respond. Trying again in 2 s."),
    ]
    for number, (response, sentence) in enumerate(failures):
        times = _fail(page, **response)
        update(page, scales={"highway 1": number / 10})
        expect(status).to_contain_text(sentence or "Trying again in")
        assert state(page, "[s.input.name, s.answer.label]") == ["seven", "7"]
        if number > 2:  # rather than wait
            page.evaluate("document.dispatchEvent(new CustomEvent('try-again'))")
        expect(status).to_have_text("")
        until(page, "s.whatIf !== null")
        if number <= 2:
            assert times[1] - times[0] >= 0.95
    visit.forgive()


def test_what_does_not_pass_by_itself_is_not_tried_again(visits: Visits) -> None:
    visit, page = _answered(visits)
    status = page.locator("status-line")
    times = _fail(page, status=500, body='{"error": "internal error"}')
    update(page, scales={"highway 1": 0})
    expect(status).to_contain_text("Internal error. The next input may be answered.")
    until(page, "s.answer === null && s.input !== null")  # the answer was of another state
    status.get_by_role("button", name="Try again").click()
    until(page, "s.whatIf !== null")
    assert len(times) == 2

    update(page, instance=[[1, 2]])
    expect(status).to_contain_text("instance: ")
    update(page, instance=SEVEN)
    expect(status).to_have_text("")
    visit.forgive()


def test_what_is_shown_while_the_server_is_busy_belongs_together(visits: Visits) -> None:
    visit, page = _answered(visits)
    update(page, scales={"highway 1": 0})
    until(page, "s.whatIf?.label === '1'")
    page.route(
        WHAT_IF,
        lambda route: route.fulfill(
            status=503, headers={"Retry-After": "60"}, body='{"error": "stopping"}'
        ),
    )
    consequence = page.locator("what-if-controls .consequence")
    said = "With highway 1 closed, the label changes from “7” to “1”."
    expect(consequence).to_have_text(said)
    update(page, scales={"highway 1": 0, "highway 2": 0.5})
    expect(page.locator("status-line")).to_contain_text("stopping")
    expect(consequence).to_have_text(said)
    expect(page.locator("answer-panel .after .title")).to_have_text("With highway 1 closed")
    factor = page.locator("formula-panel .case").last
    update(page, unit={"layer": 1, "unit": 0})
    expect(factor).to_contain_text("What-if")
    expect(factor.locator(".formula").first).to_be_hidden()  # highway 2 was not scaled
    update(page, scales={})
    for gone in (factor, consequence, page.get_by_role("button", name="Difference")):
        expect(gone).to_be_hidden()

    blank = [[0] * 28] * 28
    update(page, input={"kind": "pixels", "pixels": blank, "name": "blank"}, instance=blank)
    page.get_by_role("button", name="Pin this answer").click()
    assert state(page, "[s.pinned.input.name, s.pinned.answer.label]") == ["seven", "7"]
    assert state(page, "s.pinned.instance === s.pinned.answer.instance")
    visit.forgive()


def test_a_status_leaves_the_notice_and_its_button_alone(page: Page) -> None:
    update(page, notice="This link is damaged.")
    button = page.get_by_role("button", name="Dismiss")
    button.focus()
    status = {"text": "The server is busy.", "path": None, "until": None, "action": None}
    update(page, status=status)
    expect(page.locator("status-line")).to_contain_text("The server is busy.")
    expect(button).to_be_focused()
    button.press("Enter")
    expect(page.locator("status-line")).to_have_text("The server is busy.")


def test_retry_after_is_honoured_and_the_newest_input_is_sent(visits: Visits) -> None:
    visit, page = _answered(visits)
    times = _fail(page, status=429, headers={"Retry-After": "1"}, body='{"error": "queue: full"}')
    draw = """async ({ store }) => {
      for (let i = 0; i < 8; i += 1) {
        store.update({ scales: { "highway 1": i / 10 } });
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }"""
    module(page, "store.js", draw)  # in the page, where it takes less than a second
    until(page, "s.whatIf !== null")
    assert len(times) == 2
    assert times[1] - times[0] >= 0.95
    visit.forgive()


def test_a_wait_is_neither_a_loop_nor_without_end(module_page: Page) -> None:
    waits = module(
        module_page,
        "api.js",
        """async ({ send }) => {
          const fetchNow = window.fetch;
          const waits = [];
          try {
            for (const value of ["-5", "Infinity", "3000000", "0.001", "soon", "7"]) {
              const headers = { "Retry-After": value };
              window.fetch = async () => new Response("{}", { status: 429, headers });
              waits.push((await send("what-if").catch((error) => error)).retryAfter);
            }
          } finally {
            window.fetch = fetchNow;
          }
          return waits;
        }""",
    )
    assert waits == [None, None, 3600, 1, None, 7]


def test_a_model_that_is_not_found_again_and_again_is_a_sentence(visits: Visits) -> None:
    visit, page = _answered(visits)
    page.route(WHAT_IF, lambda route: route.fulfill(status=404, body='{"error": "no model"}'))
    update(page, scales={"highway 1": 0})
    expect(page.locator("status-line")).to_contain_text("does not find the model that it lists")
    visit.forgive()


def test_the_last_stroke_wins_with_one_request_at_a_time(visits: Visits) -> None:
    visit, page = _answered(visits)
    sent: list[float] = []

    def handle(route: Route) -> None:
        sent.append(json.loads(route.request.post_data or "")["gate_scale"][-1]["highway 1"])
        route.continue_()

    page.evaluate(
        """(delays) => {
          const fetchNow = window.fetch;
          window.under = 0; window.most = 0; window.aborted = 0;
          window.fetch = async (path, options) => {
            if (!String(path).endsWith("what-if")) return fetchNow(path, options);
            window.most = Math.max(window.most, ++window.under);
            let isEnded = false;
            const end = () => { if (!isEnded) window.under -= 1; isEnded = true; };
            options.signal.addEventListener("abort", () => { window.aborted += 1; end(); });
            try {
              const response = await fetchNow(path, options);
              await new Promise((resolve, reject) => {
                setTimeout(resolve, delays.shift() ?? 0);
                options.signal.addEventListener("abort", () => reject(options.signal.reason));
              });
              return response;
            } finally { end(); }
          };
        }""",
        [350, 10, 200, 900, 10, 50],
    )
    page.route(WHAT_IF, handle)
    for number in range(1, 40):
        update(page, scales={"highway 1": number / 100})
        page.wait_for_timeout(30)
    until(page, "s.whatIf !== null")
    page.wait_for_timeout(150)
    assert sent == sorted(sent)
    assert sent[-1] == 0.39
    assert len(sent) < 39
    assert page.evaluate("[window.most, window.aborted >= 1]") == [1, True]
    expected = state(page, "s.whatIf.probability")
    update(page, scales={"highway 1": 0.5})
    update(page, scales={"highway 1": 0.39})
    page.wait_for_timeout(150)
    assert state(page, "s.whatIf.probability") == expected

    # An answer that arrives after the input was cleared is dropped.
    update(page, scales={"highway 1": 0.2})
    update(page, input=None, instance=None)
    page.wait_for_timeout(100)
    assert state(page, "[s.answer, s.whatIf]") == [None, None]
    visit.forgive()


def test_a_stalled_request_is_given_up_for_the_newest_input(visits: Visits) -> None:
    _, page = _answered(visits)
    held: list[Route] = []
    page.route(WHAT_IF, lambda route: route.continue_() if held else held.append(route))
    update(page, scales={"highway 1": 0.5})
    update(page, scales={"highway 1": 0})  # no further change follows
    until(page, "s.whatIf?.label === '1'")
    assert len(held) == 1


def test_a_server_that_is_gone_or_new_is_a_sentence(visits: Visits) -> None:
    visit, page = _answered(visits)
    status = page.locator("status-line")
    visit.context.set_offline(True)
    page.get_by_role("link", name="Model").click()
    expect(status).to_contain_text(
        "The server does not respond, so a part of the page cannot be shown."
    )
    update(page, view="try", scales={"highway 1": 0})
    expect(status).to_contain_text("Trying again in")
    visit.context.set_offline(False)  # the browser's event `online`
    until(page, "s.whatIf !== null")
    expect(status).to_have_text("")

    # After an update of the server the old files are gone, and the page names others.
    page.route("**/inspector/**", lambda route: route.fulfill(status=404, body="{}"))
    page.route("**/", lambda route: route.fulfill(body="<script src=inspector/1234/main.js>"))
    page.get_by_role("link", name="Traffic").click()
    expect(status).to_contain_text("The server has a new version of this page.")
    page.wait_for_function("() => location.hash.includes('pixels=')")
    page.unroute_all()
    status.get_by_role("button", name="Reload").click()
    page.locator("#model").wait_for()
    until(page, "s.whatIf !== null && s.view === 'traffic'")
    assert state(page, "[s.input.name, s.scales]") == ["seven", {"highway 1": 0}]
    visit.forgive()


@pytest.mark.parametrize("kind", ["gone", "html", "empty"])
def test_the_page_begins_as_soon_as_the_server_answers(visits: Visits, kind: str) -> None:
    visit = visits()
    page = visit.page
    respond = {
        "gone": lambda route: route.abort(),
        "html": lambda route: route.fulfill(status=200, body=HTML),
        "empty": lambda route: route.fulfill(status=200, body="{}"),
    }[kind]
    page.route("**/v2/models", respond)
    page.goto("/#scales=0:0")
    expect(page.locator("status-line")).to_contain_text("Trying again in")
    page.unroute_all()
    page.evaluate("document.dispatchEvent(new CustomEvent('try-again'))")
    until(page, "s.model !== null && s.scales['highway 1'] === 0")
    expect(page.locator("status-line")).to_have_text("")
    visit.forgive()
