"""Inputs that a test shows on the page without drawing or typing them, and the API's answers."""

import json
from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Page, expect

from tests.conftest import ROOT
from tests.inspector.browser import until, update
from tests.service.serving import fetch

Pixels = list[list[int]]


def example(name: str) -> Pixels:
    """Return the picture of an example, 28 rows of 28 pixels."""
    rows: Pixels = json.loads((ROOT / "examples" / f"{name}.json").read_text())["instances"][0]
    return rows


SEVEN = example("seven")
NOISY_SEVEN = example("noisy_seven")
SEVEN_INPUT = {"kind": "pixels", "pixels": SEVEN, "name": "seven"}


def show_picture(page: Page, pixels: Pixels = SEVEN, **members: Any) -> None:
    """Show a picture, and wait for its answer."""
    shown = {"kind": "pixels", "pixels": pixels, "name": "example"}
    _show(page, shown, pixels, members)


def show_row(page: Page, row: dict[str, Any], **members: Any) -> None:
    """Show a row of a table, and wait for its answer."""
    _show(page, {"kind": "row", "values": row}, row, members)


def _show(page: Page, shown: Any, instance: Any, members: dict[str, Any]) -> None:
    update(page, answer=None)
    update(page, input=shown, instance=instance, **members)
    until(page, "s.answer !== null")
    if members.get("scales"):
        until(page, "s.whatIf !== null")


def restart(page: Page) -> Page:
    """Take the page's input and all changes of the layers back."""
    update(page, input=None, instance=None, scales={}, layer=None, explanation=None)
    expect(page.locator("answer-panel .invitation")).to_be_visible()
    return page


def what_if(port: int, *scales: Mapping[str, float], instance: Any = SEVEN) -> list[Any]:
    """Return the API's predictions of a picture under gate scales."""
    body = json.dumps({"instance": instance, "gate_scale": scales}).encode()
    predictions: list[Any] = fetch(port, "/what-if", body)["predictions"]
    return predictions


def numbers(page: Page, panel: str, summary: str) -> list[list[str]]:
    """Open a table of numbers and return its cells."""
    details = page.locator(f"{panel} details").filter(has_text=summary)
    details.evaluate("(details) => { details.open = true; }")
    expect(details.locator("tbody tr").first).to_be_visible()
    rows: list[list[str]] = details.locator("tbody").evaluate(
        "(body) => [...body.rows].map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    return rows
