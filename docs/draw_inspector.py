"""Take the pictures of the inspector page: `.venv/bin/python -m docs.draw_inspector`.

Starts the server with the bundled model and draws with the page's own examples. Writes
docs/inspector/*.png. `--all DIR` writes every state instead, light and dark, for desktop and phone.
"""

import argparse
import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Locator, Page

from service.settings import BUNDLED_MODEL
from tests.inspector.browser import Visit, launched, until, update
from tests.service.serving import serving

FOLDER = Path(__file__).parent / "inspector"
SETTLE_MS = 500  # for parts that are loaded late
MAX_BYTES = 120_000
COLOURS = 256  # of a palette; the page has few
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
TALL: dict[str, Any] = {"viewport": {"width": 1280, "height": 1010}}  # with the whole highway
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True}
DARK: dict[str, Any] = {"color_scheme": "dark"}
DEVICES = {"desktop": DESKTOP, "phone": PHONE}
THEMES: dict[str, dict[str, Any]] = {"light": {}, "dark": DARK}
VIEWS = ("requests", "drift", "traffic", "model")
State = Callable[[Page], None]


def example(page: Page, name: str = "7") -> None:
    """Choose an example of the page, and wait for its answer."""
    page.get_by_role("button", name=f"Example: {name}", exact=True).click()
    until(page, "s.answer !== null")


def empty(page: Page) -> None:
    """Leave the page as it loads."""


def what_if(page: Page) -> None:
    """Close the first layer of the seven."""
    example(page)
    update(page, scales={"highway 1": 0})
    until(page, "s.whatIf !== null")


def unit(page: Page) -> None:
    """Choose a unit of the seven."""
    example(page)
    update(page, unit={"layer": 1, "unit": 3})


def explained(page: Page) -> None:
    """Show which layers decide the seven."""
    example(page)
    page.get_by_role("button", name="Which layers decide this label?").click()
    until(page, "s.explanation !== null")


def compared(page: Page) -> None:
    """Pin the seven, and compare it with the one."""
    example(page)
    page.get_by_role("button", name="Pin this answer").click()
    example(page, "1")


def failed(page: Page) -> None:
    """Show an error beside an answer."""
    example(page)
    text = "The server is busy: queue: full."
    update(page, status={"text": text, "path": None, "until": None, "action": "again"})


def view(name: str) -> State:
    """Return the state that shows a view with a few recorded requests."""

    def show(page: Page) -> None:
        update(page, view=name)
        page.locator(f"{name}-view").wait_for()
        if name == "requests":
            page.locator("requests-view tbody tr").first.wait_for()

    return show


def recorded_request(page: Page) -> None:
    """Open the most unusual of a few recorded requests."""
    update(page, filters={"sort": "typicality"})
    view("requests")(page)
    page.locator("requests-view tbody tr button").first.click()
    page.locator("record-detail .recorded-input canvas").wait_for()
    page.evaluate("scrollTo(0, 0)")


def road(page: Page) -> None:
    """Show the highway of the seven, which is below the drawing on a phone."""
    example(page)
    page.evaluate("document.querySelector('highway-view').scrollIntoView()")


STATES: dict[str, State] = {
    "empty": empty,
    "answered": example,
    "what-if": what_if,
    "unit": unit,
    "explained": explained,
    "compared": compared,
    "failed": failed,
    **{name: view(name) for name in VIEWS},
}

# Name, options of the browser, state, and the part of the page; None is what fits the window.
PICTURES: tuple[tuple[str, dict[str, Any], State, str | None], ...] = (
    ("what-if-light", TALL, what_if, None),
    ("what-if-dark", {**TALL, **DARK}, what_if, None),
    ("explanation", DESKTOP, explained, "explanation-panel"),
    ("unit-map", DESKTOP, unit, "unit-map"),
    ("ledger", TALL, recorded_request, None),
    ("phone", PHONE, road, None),
)


def main() -> None:
    """Take the pictures of the pages, or of all states."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", type=Path, metavar="DIR", help="write every state to this folder")
    folder = parser.parse_args().all
    with served() as port, launched() as browser:
        origin = f"http://127.0.0.1:{port}"
        if folder is None:
            FOLDER.mkdir(exist_ok=True)
            for name, options, state, part in PICTURES:
                with shown(browser, origin, state, options) as page:
                    save(page if part is None else page.locator(part), FOLDER / f"{name}.png")
        else:
            draw_all(browser, origin, folder)


def draw_all(browser: Browser, origin: str, folder: Path) -> None:
    """Write every state in both themes on both devices, as high as the page is."""
    folder.mkdir(parents=True, exist_ok=True)
    for device, size in DEVICES.items():
        for theme, colours in THEMES.items():
            for name, state in STATES.items():
                with shown(browser, origin, state, {**size, **colours}) as page:
                    path = folder / f"{name}-{theme}-{device}.png"
                    page.screenshot(path=path, full_page=True)


@contextmanager
def served() -> Iterator[int]:
    """Serve the bundled model with an empty ledger; gives the port."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"HIGHWAY_LEDGER_URL": f"sqlite:///{folder}/ledger.db"}
        with serving(BUNDLED_MODEL, HIGHWAY_LEDGER_INPUTS="all", **settings) as (_, port):
            yield port


@contextmanager
def shown(browser: Browser, origin: str, state: State, options: dict[str, Any]) -> Iterator[Page]:
    """Open the page in a state, without motion."""
    visit = Visit(browser, origin, reduced_motion="reduce", **options)
    try:
        page = visit.open()
        if state not in (empty, example, road):
            record(page)
        state(page)
        page.mouse.move(0, 0)
        page.wait_for_timeout(SETTLE_MS)
        yield page
    finally:
        visit.close()


def record(page: Page) -> None:
    """Send the instances of examples, so that the ledger and the statistics have rows."""
    for name in ("7", "3", "8", "a 7 with spots"):
        example(page, name)
        page.evaluate(
            """async () => {
              const main = document.querySelector("script[type=module][src$='/main.js']").src;
              const { store } = await import(new URL("store.js", main));
              await fetch("predict", {
                method: "POST",
                headers: { "Content-Type": "application/json", "X-Tags": "example" },
                body: JSON.stringify({ instances: [store.state.instance] }),
              });
            }"""
        )
    update(page, input=None, instance=None)


def save(place: Page | Locator, path: Path) -> None:
    """Write a picture with a palette, which needs a third of the bytes."""
    picture = Image.open(io.BytesIO(place.screenshot()))
    picture.convert("RGB").quantize(COLOURS).save(path, optimize=True)
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise SystemExit(f"{path}: expected at most {MAX_BYTES} bytes, found {size}")


if __name__ == "__main__":
    main()
