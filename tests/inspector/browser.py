"""Chromium for the tests of the inspector, and a page that remembers what went wrong on it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

# The shell is Chromium without windows: its tests take two thirds of the time.
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
OPTIONS = ["--no-sandbox", "--disable-dev-shm-usage"]
TIMEOUT_MS = 10_000


@contextmanager
def launched() -> Iterator[Browser]:
    """Start the system's Chromium; a test is skipped where there is none."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(
            "Chromium is not installed; on Debian: apt install chromium-headless-shell, or chromium"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


def module(page: Page, path: str, expression: str, *arguments: Any) -> Any:
    """Call a function of JavaScript, `(m, …) => …`, with a module of the page and JSON values."""
    return page.evaluate(
        f"""async (values) => {{
          const main = document.querySelector("script[type=module][src$='/main.js']").src;
          const m = await import(new URL({path!r}, main));
          return await ({expression})(m, ...values);
        }}""",
        arguments,
    )


def update(page: Page, **members: Any) -> None:
    """Replace members of the page's state."""
    module(page, "store.js", "(m, changes) => m.store.update(changes)", members)


def state(page: Page, expression: str) -> Any:
    """Return a value of the page's state, such as `s.answer.label`."""
    return module(page, "store.js", f"(m) => ((s) => {expression})(m.store.state)")


def until(page: Page, expression: str, value: Any = None) -> None:
    """Wait until an expression of the state is true, such as `s.answer.label === value`."""
    store = page.evaluate_handle(
        """async () => {
          const main = document.querySelector("script[type=module][src$='/main.js']").src;
          return (await import(new URL("store.js", main))).store;
        }"""
    )
    page.wait_for_function(
        f"([store, value]) => ((s) => {expression})(store.state)", arg=[store, value]
    )


class Visit:
    """A page of a server, and its faults: console errors, failed and foreign requests."""

    def __init__(self, browser: Browser, origin: str, **options: Any) -> None:
        """`options` are those of a browser context, such as `viewport`."""
        self.origin = origin
        self.faults: list[str] = []
        self.context: BrowserContext = browser.new_context(base_url=origin, **options)
        self.context.set_default_timeout(TIMEOUT_MS)
        self.page: Page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("console", self._read_console)
        self.page.on("request", self._read_request)

    def open(self, address: str = "") -> Page:
        """Open the page and wait for its model; `address` is what follows the `#`."""
        self.page.goto(f"/#{address}" if address else "/")
        self.page.locator("#model").wait_for()
        return self.page

    def forgive(self, status: str = "Failed to load resource") -> None:
        """Drop the lines that the browser itself writes about responses with errors."""
        self.faults[:] = [fault for fault in self.faults if status not in fault]

    def close(self) -> None:
        self.context.close()

    def _read_console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"{message.type}: {message.text}")

    def _read_request(self, request: Any) -> None:
        url = urlsplit(request.url)
        if url.scheme not in ("data", "blob") and f"{url.scheme}://{url.netloc}" != self.origin:
            self.faults.append(f"request to another origin: {request.url}")
