"""API keys: the page requests one, keeps it in memory only, and goes on where it was."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from service.settings import BUNDLED_MODEL
from tests.inspector.browser import state, until, update
from tests.inspector.conftest import Visits
from tests.inspector.inputs import SEVEN, SEVEN_INPUT
from tests.service.serving import serving

BOTH, PREDICT = "hwk_both", "hwk_predict"  # tests only


def _line(name: str, scopes: str, token: str) -> str:
    return f"{name} {scopes} {sha256(token.encode()).hexdigest()}\n"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    file = tmp_path / "keys.txt"
    file.write_text(_line("anna", "predict,inspect", BOTH) + _line("shop", "predict", PREDICT))
    return file


@pytest.fixture
def guarded_port(keys: Path) -> Iterator[int]:
    with serving(BUNDLED_MODEL, HIGHWAY_API_KEYS=str(keys)) as (_, port):
        yield port


def test_the_page_needs_a_key_keeps_it_in_memory_and_goes_on(
    visits: Visits, guarded_port: int, keys: Path
) -> None:
    visit = visits(guarded_port)
    page = visit.page
    page.goto("/#scales=0:0")
    dialog = page.get_by_role("dialog", name="This server needs an API key")
    field = dialog.get_by_label("API key")
    expect(field).to_be_focused()
    assert (field.get_attribute("type"), field.get_attribute("autocomplete")) == ("password", "off")

    field.fill("wrong")
    field.press("Enter")
    expect(dialog.get_by_role("alert")).to_have_text(
        "API key: expected a valid one, found another; check the key"
    )
    field.fill(PREDICT)
    field.press("Enter")
    expect(dialog).to_be_hidden()
    until(page, "s.model !== null")
    assert state(page, "s.scales") == {"highway 1": 0}
    update(page, input=SEVEN_INPUT, instance=SEVEN)
    until(page, "s.whatIf !== null")
    _assert_only_in_memory(page, PREDICT)

    page.get_by_role("link", name="Drift").click()
    update(page, view="try")  # a key of another scope says so, and the rest works
    page.evaluate(
        """async () => {
          const main = document.querySelector("script[type=module][src$='/main.js']").src;
          const { send } = await import(new URL("api.js", main));
          await send("drift").catch((error) =>
            document.dispatchEvent(new CustomEvent("api-error", { detail: error })));
        }"""
    )
    status = page.locator("status-line")
    expect(status).to_contain_text(
        "API key: expected one with the scope inspect for this path. Try it goes on working with"
        " this key."
    )
    status.get_by_role("button", name="Enter a key").click()
    field.fill(BOTH)
    field.press("Enter")
    expect(dialog).to_be_hidden()
    expect(status).to_have_text("")

    keys.write_text(_line("new", "predict", "hwk_new"))  # the key is revoked
    page.wait_for_timeout(1200)  # the server reads the file within a second
    update(page, scales={"highway 2": 0})
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("alert")).to_have_text(
        "API key: expected a valid one, found another; check the key"
    )
    update(page, scales={"highway 3": 0})  # more input meanwhile costs no attempts
    dialog.get_by_role("button", name="Cancel").click()
    expect(status).to_contain_text("This server needs an API key.")
    update(page, scales={"highway 4": 0})
    expect(dialog).to_be_hidden()
    assert state(page, "s.input.name") == "seven"

    status.get_by_role("button", name="Enter a key").click()
    _guess(page)
    field.fill("hwk_new")
    field.press("Enter")
    expect(dialog).to_be_hidden()
    until(page, "s.whatIf !== null && 'highway 4' in s.scales")
    expect(status).to_have_text("")
    _assert_only_in_memory(page, "hwk_new")
    visit.forgive()


def _guess(page: Page) -> None:
    """Try wrong keys until the server refuses more; it says how long."""
    dialog = page.get_by_role("dialog", name="This server needs an API key")
    for _ in range(10):
        dialog.get_by_label("API key").fill("guess")
        dialog.get_by_label("API key").press("Enter")
        expect(dialog.get_by_role("button", name="Use this key")).to_be_enabled()
    expect(dialog.get_by_role("alert")).to_contain_text("at most 10 wrong keys in a minute")
    expect(dialog.get_by_role("alert")).to_contain_text("; wait ")


def _assert_only_in_memory(page: Page, token: str) -> None:
    stored = page.evaluate(
        """async () => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie,
          location.href, history.state, (await indexedDB.databases()).length,
          document.querySelector("#key").value, document.documentElement.outerHTML])"""
    )
    assert token not in stored
    assert page.context.cookies() == []
