"""Steps of the tests of the input panel: draw, and wait for the answer."""

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

from tests.inspector.browser import state, until
from tests.service.serving import fetch

DIGITS = json.loads((Path(__file__).parent / "fixtures" / "digits.json").read_text())

Points = list[tuple[float, float]]


def area(page: Page) -> Locator:
    return page.get_by_label("Drawing area")


def drag(page: Page, points: Points, *, lift: bool = True) -> None:
    """Draw a stroke by mouse; points are in units of the drawing area."""
    first, *others = places(page, points)
    page.mouse.move(*first)
    page.mouse.down()
    for x, y in others:
        page.mouse.move(x, y)
    if lift:
        page.mouse.up()


def draw_at_once(page: Page, strokes: list[Points]) -> None:
    """Draw strokes by pointer events of the page itself: much faster than by the mouse."""
    area(page).evaluate(
        """(canvas, strokes) => {
          const box = canvas.getBoundingClientRect();
          const send = (type, [x, y]) => canvas.dispatchEvent(new PointerEvent(type, {
            pointerId: 1, pointerType: "mouse",
            clientX: box.left + x * box.width, clientY: box.top + y * box.height,
          }));
          canvas.setPointerCapture = () => {}; // there is no such pointer
          for (const points of strokes) {
            send("pointerdown", points[0]);
            for (const point of points) send("pointermove", point);
            send("pointerup", points.at(-1));
          }
          delete canvas.setPointerCapture;
        }""",
        strokes,
    )


def places(page: Page, points: Points) -> Points:
    """Return where points of the drawing area are on the page."""
    box = area(page).bounding_box()
    assert box is not None
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]


def wait_for_answer(page: Page, port: int) -> Any:
    """Return the API's prediction of the page's instance, when the page shows the same numbers."""
    instance = state(page, "s.instance")
    body = json.dumps({"instances": [instance]}).encode()
    [prediction] = fetch(port, "/predict", body)["predictions"]
    until(page, "s.answer?.probability === value", prediction["probability"])
    answer = state(page, "s.answer")
    assert answer["label"] == prediction["label"]
    assert answer["probabilities"] == prediction["probabilities"]
    assert answer["gates"] == prediction["gate_mean"]
    return prediction
