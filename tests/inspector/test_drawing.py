"""Drawing on the page: by mouse, touch, pen and keyboard, and what the model makes of it."""

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import CDPSession, Page, Request, expect

from tests.inspector.browser import module, state, until, update
from tests.inspector.conftest import Visits
from tests.inspector.input_steps import (
    DIGITS,
    Points,
    area,
    drag,
    draw_at_once,
    places,
    wait_for_answer,
)
from tests.service.serving import fetch

SEVEN = next(digit for digit in DIGITS if digit["style"] == "crossed")


@pytest.fixture
def page(shared_page: Page) -> Page:
    return shared_page


def variants(count: int, seed: int) -> list[tuple[str, list[list[dict[str, float]]]]]:
    """Return drawings as people vary them: moved, turned, larger and smaller, with more wobble."""
    random = np.random.default_rng(seed)
    found = []
    for index in range(count):
        digit = DIGITS[index % len(DIGITS)]
        turn, shear = random.normal(scale=0.08), random.normal(scale=0.1)
        size = random.uniform(0.4, 1.35)
        matrix = size * np.array(
            [[np.cos(turn), shear - np.sin(turn)], [np.sin(turn), np.cos(turn)]]
        )
        strokes = [
            (np.array(stroke) - 0.5 + wobble(stroke, random)) @ matrix.T
            for stroke in digit["strokes"]
        ]
        points = np.concatenate(strokes)
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        room = np.maximum(0, 0.9 - np.ptp(points, axis=0)) / 2
        moved = 0.5 - middle + room * random.uniform(-1, 1, 2)
        found.append((digit["digit"], [[{"x": x, "y": y} for x, y in s + moved] for s in strokes]))
    return found


def wobble(stroke: Points, random: np.random.Generator) -> NDArray[np.float64]:
    """Return what a hand adds to a stroke: slow and quick waves."""
    steps = np.hypot(*np.diff(np.array(stroke), axis=0).T)
    along = np.concatenate([[0], np.cumsum(steps)])[:, None]
    waves = [
        random.normal(scale=0.008 / np.sqrt(f), size=2)
        * np.sin(2 * np.pi * f * along + random.uniform(0, 6))
        for f in (2, 5, 9)
    ]
    total: NDArray[np.float64] = np.sum(waves, axis=0)
    return total


def test_ten_digits_that_are_drawn_are_read_as_the_api_reads_them(page: Page, port: int) -> None:
    styles = {digit["digit"]: digit for digit in DIGITS}  # the last style of each
    assert len(styles) == 10
    right = 0
    for name, digit in styles.items():
        draw_at_once(page, digit["strokes"])
        prediction = wait_for_answer(page, port)
        right += prediction["label"] == name
        pixels = np.array(state(page, "s.instance"), float)
        assert pixels.shape == (28, 28)
        assert np.isfinite(pixels).all()
        assert pixels.min() == 0
        assert 200 < pixels.max() <= 255
        page.get_by_role("button", name="Clear").click()
    assert right >= 9


def test_drawings_of_many_hands_are_right_and_mostly_usual(page: Page, port: int) -> None:
    drawings = variants(207, seed=1)
    pens = [(0.05, 0.08, 0.12)[index % 3] for index in range(len(drawings))]
    body = module(
        page,
        "input/drawing.js",
        """({drawn}, text) => JSON.stringify({instances: JSON.parse(text).map(([pen, strokes]) =>
          drawn({strokes, pen, centred: true}, {shape: [28, 28], low: 0, high: 255})
        )})""",
        json.dumps([(pen, strokes) for pen, (_, strokes) in zip(pens, drawings, strict=True)]),
    )
    predictions = fetch(port, "/predict", body.encode())["predictions"]
    right = [p["label"] == digit for p, (digit, _) in zip(predictions, drawings, strict=True)]
    typicality = [prediction["typicality"]["combined"] for prediction in predictions]
    assert np.mean(right) >= 0.97
    assert np.median(typicality) > 0.3
    assert np.mean(np.array(typicality) < 0.01) < 0.05


def test_the_answer_follows_while_the_pen_is_down(page: Page, port: int) -> None:
    one = next(digit for digit in DIGITS if digit["digit"] == "1")
    drag(page, one["strokes"][0], lift=False)
    until(page, "s.answer !== null")
    page.mouse.up()
    assert wait_for_answer(page, port)["label"] == "1"


def test_a_new_version_of_the_model_does_not_disturb_a_stroke(page: Page) -> None:
    drag(page, [(0.3, 0.2), (0.3, 0.8)])
    area(page).evaluate("(canvas) => { canvas.id = 'kept'; canvas.focus(); }")
    page.route("**/what-if", lambda _: None)  # never answered: the server has no such model
    model = state(page, "s.model")
    drag(page, [(0.7, 0.2), (0.7, 0.5)], lift=False)
    update(page, model={**model, "digest": "other", "version": "2"})
    page.mouse.move(*places(page, [(0.7, 0.8)])[0])
    page.mouse.up()
    expect(page.locator("canvas#kept")).to_be_focused()
    assert [len(stroke) for stroke in state(page, "s.input.strokes")] == [2, 3]
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Undo").click()
    assert state(page, "s.input") is None
    update(page, model=model, input=None, instance=None)
    page.unroute("**/what-if")


def test_moves_of_one_frame_update_the_input_once(page: Page) -> None:
    updates = area(page).evaluate(
        """async (canvas) => {
          const { src } = document.querySelector("script[type=module]");
          const { store } = await import(src.replace("main.js", "store.js"));
          let updates = -1; // the first call is for the current state
          store.follow(["input"], () => { updates += 1; });
          const box = canvas.getBoundingClientRect();
          const send = (type, x) => canvas.dispatchEvent(new PointerEvent(type, {
            pointerId: 1, pointerType: "mouse", clientX: box.left + x, clientY: box.top + 50,
          }));
          canvas.setPointerCapture = () => {}; // there is no such pointer
          send("pointerdown", 10);
          for (let x = 11; x < 111; x += 1) send("pointermove", x);
          const frame = () => new Promise(requestAnimationFrame);
          await frame();
          await frame();
          send("pointerup", 111);
          return [updates, store.state.input.strokes[0].length];
        }"""
    )
    assert updates[0] <= 4  # down, one or two frames, up
    assert updates[1] == 51  # every second: the others are too near


def test_an_empty_drawing_sends_nothing(page: Page) -> None:
    sent: list[str] = []

    def remember(request: Request) -> None:
        if not request.url.endswith("icon.svg"):  # the browser itself requests it, when it likes
            sent.append(request.url)

    page.on("request", remember)
    expect(page.locator("drawing-area .hint")).to_have_text("Draw a digit")
    assert state(page, "s.instance") is None
    undo, clear = (page.get_by_role("button", name=name) for name in ("Undo", "Clear"))
    expect(undo).to_be_disabled()
    expect(clear).to_be_disabled()
    page.get_by_label("Centre like the training pictures").uncheck()
    page.get_by_label("thick").check()
    assert sent == []
    page.remove_listener("request", remember)

    drag(page, [(0.5, 0.2), (0.5, 0.8)])
    until(page, "s.answer !== null")
    expect(page.locator("drawing-area .hint")).to_have_text("")
    clear.click()
    assert state(page, "s.input") is None
    assert state(page, "s.answer") is None
    expect(page.locator("drawing-area .hint")).to_have_text("Draw a digit")


def test_undo_takes_back_one_step_after_another(page: Page) -> None:
    undo = page.get_by_role("button", name="Undo")
    drag(page, [(0.3, 0.2), (0.3, 0.8)])
    drag(page, [(0.7, 0.2), (0.7, 0.8)])
    both = state(page, "s.instance")
    page.get_by_role("button", name="Clear").click()
    undo.click()
    assert state(page, "s.instance") == both
    undo.click()
    assert len(state(page, "s.input.strokes")) == 1
    undo.click()
    assert state(page, "s.instance") is None
    expect(undo).to_be_disabled()


def test_the_pen_and_the_centring_change_the_drawing(page: Page) -> None:
    ink = "s.instance.flat().reduce((sum, value) => sum + value, 0)"
    drag(page, [(0.2, 0.2), (0.2, 0.5)])
    medium = state(page, ink)
    page.get_by_label("thin").check()
    assert state(page, ink) < medium
    page.get_by_label("thick").check()
    assert state(page, ink) > medium
    rows = np.flatnonzero(np.array(state(page, "s.instance")).sum(axis=1))
    assert (rows[0], rows[-1]) == (4, 23)  # 20 of 28 pixels
    page.get_by_label("Centre like the training pictures").uncheck()
    rows = np.flatnonzero(np.array(state(page, "s.instance")).sum(axis=1))
    assert rows[0] < 5
    assert rows[-1] < 18


def touch(client: CDPSession, kind: str, *points: tuple[float, float]) -> None:
    places = [{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(points)]
    client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})


def test_a_finger_draws_without_scrolling_and_a_second_one_is_ignored(visits: Visits) -> None:
    visit = visits(viewport={"width": 360, "height": 400}, has_touch=True)
    page = visit.open()
    area(page).scroll_into_view_if_needed()
    scrolled = page.evaluate("scrollY")
    box = area(page).bounding_box()
    assert box is not None
    x, y, side = box["x"], box["y"], box["width"]
    client = visit.context.new_cdp_session(page)
    first = (x + 0.3 * side, y + 0.3 * side)
    touch(client, "touchStart", first)
    for step in range(1, 6):
        touch(client, "touchMove", (first[0], first[1] + 12 * step))
    lower = (first[0], first[1] + 60)
    touch(client, "touchStart", lower, (x + 0.8 * side, y + 0.8 * side))
    touch(client, "touchMove", lower, (x + 0.9 * side, y + 0.5 * side))
    touch(client, "touchMove", (x - 10, lower[1]), (x + 0.9 * side, y + 0.4 * side))
    touch(client, "touchEnd")
    assert page.evaluate("scrollY") == scrolled
    [stroke] = state(page, "s.input.strokes")
    assert stroke[0] == pytest.approx({"x": 0.3, "y": 0.3}, abs=0.01)
    assert max(point["x"] for point in stroke) < 0.4
    assert stroke[-1]["x"] < 0  # the stroke leaves the area and is drawn up to its edge
    assert np.array(state(page, "s.instance")).max() > 200


def test_a_pen_draws_wider_where_it_is_pressed(page: Page) -> None:
    box = area(page).bounding_box()
    assert box is not None
    client = page.context.new_cdp_session(page)

    def pen(kind: str, y: float, force: float) -> None:
        place = {"x": box["x"] + 0.5 * box["width"], "y": box["y"] + y * box["height"]}
        button = {"button": "left", "buttons": 1, "pointerType": "pen", "force": force}
        client.send("Input.dispatchMouseEvent", {"type": kind, **place, **button})

    pen("mousePressed", 0.2, 0.1)
    for y in (0.3, 0.4):
        pen("mouseMoved", y, 0.1)
    for y in (0.6, 0.7, 0.8):
        pen("mouseMoved", y, 1)
    pen("mouseReleased", 0.8, 0)
    [stroke] = state(page, "s.input.strokes")
    assert [stroke[0]["pressure"], stroke[-1]["pressure"]] == [0.6, 1.5]
    rows = np.array(state(page, "s.instance")).sum(axis=1)
    assert rows[20] > 1.5 * rows[7] > 0


def test_the_pixels_do_not_depend_on_the_screen(page: Page, visits: Visits) -> None:
    pictures = []
    fine = visits(device_scale_factor=3, viewport={"width": 1100, "height": 700}).open()
    for scale, shown in ((1, page), (3, fine)):
        for stroke in SEVEN["strokes"]:
            drag(shown, stroke[::4])
        pictures.append(np.array(state(shown, "s.instance")))
        pixels = area(shown).evaluate("(canvas) => canvas.width / canvas.clientWidth")
        assert pixels == pytest.approx(scale, abs=0.02)
    assert np.abs(pictures[1] - pictures[0]).max() <= 1


def test_a_digit_is_drawn_by_keyboard(page: Page, port: int) -> None:
    area(page).focus()
    keys = page.keyboard
    keys.press("ArrowRight")
    keys.press(" ")
    expect(page.locator("drawing-area [role=status]")).to_have_text("Pen lowered")
    for _ in range(4):
        keys.press("Shift+ArrowDown")
    keys.press("Escape")
    expect(page.locator("drawing-area [role=status]")).to_have_text("Pen lifted")
    keys.press("ArrowLeft")
    keys.press("End")
    assert len(state(page, "s.input.strokes")) == 1
    assert wait_for_answer(page, port)["label"] == "1"
    keys.press(" ")
    keys.press("PageUp")
    assert len(state(page, "s.input.strokes")) == 2
    keys.press("Control+z")
    assert len(state(page, "s.input.strokes")) == 1
    description = area(page).evaluate("(canvas) => canvas.getAttribute('aria-describedby')")
    expect(page.locator(f"#{description}")).to_contain_text("Space lowers or lifts")


def test_the_preview_has_its_numbers_behind_it(page: Page) -> None:
    drag(page, SEVEN["strokes"][0])
    preview = page.get_by_role("img", name="What the model sees: 28 × 28 pixels")
    expect(preview).to_be_visible()
    page.get_by_text("Pixel values", exact=True).click()
    rows = page.locator("input-preview tr td")
    expect(rows).to_have_count(28)
    shown = [[float(number) for number in text.split()] for text in rows.all_text_contents()]
    assert shown == state(page, "s.instance")
    drag(page, SEVEN["strokes"][1])
    shown = [[float(number) for number in text.split()] for text in rows.all_text_contents()]
    assert shown == state(page, "s.instance")


def test_an_input_of_others_is_shown_and_predicted(page: Page, port: int) -> None:
    drawing: dict[str, Any] = {
        "kind": "strokes",
        "strokes": [[{"x": x, "y": y} for x, y in stroke] for stroke in SEVEN["strokes"]],
        "pen": 0.12,
        "centred": True,
    }
    update(page, input=drawing, instance=None)
    assert wait_for_answer(page, port)["label"] == "7"
    expect(page.get_by_label("thick")).to_be_checked()
    pixels = {"kind": "pixels", "pixels": state(page, "s.instance"), "name": "a row"}
    update(page, input=pixels, instance=pixels["pixels"])
    expect(page.get_by_label("Centre like the training pictures")).to_be_disabled()
    expect(page.get_by_text("Pixels of a link or a past request stay")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    assert state(page, "s.input") == drawing


def test_a_model_of_coloured_pictures_has_pens_of_colours(page: Page) -> None:
    page.route("**/what-if", lambda _: None)  # never answered: the server has no such model
    model = state(page, "s.model")
    module(
        page,
        "store.js",
        """({store}) => store.update({model: {
          ...store.state.model, digest: "other", labels: ["cat", "dog"],
          input: {kind: "image", shape: [16, 32, 3], unit: "pixel", low: 0, high: 255, columns: []},
        }, input: null, instance: null})""",
    )
    expect(page.get_by_role("heading", name="Draw a picture")).to_be_visible()
    expect(page.get_by_label("Centre like the training pictures")).to_have_count(0)
    expect(page.get_by_label("Examples")).to_have_count(0)
    page.get_by_label("red", exact=True).check()
    page.get_by_label("thick").check()
    drag(page, [(0.5, 8.5 / 16), (0.6, 8.5 / 16)])
    pixels = np.array(state(page, "s.instance"))
    assert pixels.shape == (16, 32, 3)
    assert pixels[8, 17].tolist() == [200, 40, 30]
    assert pixels[0, 0].tolist() == [255, 255, 255]
    box = area(page).bounding_box()
    assert box is not None
    assert box["width"] == pytest.approx(2 * box["height"], rel=0.02)
    update(page, model=model, input=None, instance=None)
    page.unroute("**/what-if")
