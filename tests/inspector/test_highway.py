"""The highway: its numbers, its buttons, its folding, and its words."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.inspector.browser import module, state, update
from tests.inspector.conftest import Visits
from tests.inspector.inputs import NOISY_SEVEN, SEVEN, numbers, restart, show_picture, what_if
from tests.inspector.models import layered_model
from tests.service.serving import serving

TABLE = "Numbers of the highway"
NAMES = [f"highway {number}" for number in range(1, 9)]


@pytest.fixture(scope="module")
def deep_ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, int]]:
    """Ports of servers of models by their number of layers."""
    folder = tmp_path_factory.mktemp("deep")
    files = {count: folder / f"{count}.onnx" for count in (50, 100)}
    for count, file in files.items():
        file.write_bytes(layered_model(count, 4))
    off = {"HIGHWAY_LEDGER_URL": "off"}
    with serving(files[50], **off) as (_, first), serving(files[100], **off) as (_, second):
        yield {50: first, 100: second}


@pytest.fixture
def page(module_page: Page) -> Page:
    """The loaded page, without an input."""
    return restart(module_page)


def test_the_highway_shows_the_gates_of_the_api(page: Page, port: int) -> None:
    show_picture(page)
    prediction = what_if(port, {})[0]
    rows = numbers(page, "highway-view", TABLE)
    assert [row[0] for row in rows] == NAMES
    assert [row[1:3] for row in rows] == [["convolution", "16"]] * 8
    assert [float(row[3]) for row in rows] == prediction["gate_mean"]
    assert [float(row[4]) for row in rows] == prediction["usual"]["low"]
    assert [float(row[5]) for row in rows] == prediction["usual"]["high"]
    assert [float(row[6]) for row in rows] == prediction["layer_typicality"]
    assert [row[7:] for row in rows] == [["1", "–"]] * 8
    layers = page.locator("highway-view .layer")
    expect(layers).to_have_count(8)
    shown = layers.locator(".openness").all_text_contents()
    assert shown == [f"{gate:.2f}" for gate in prediction["gate_mean"]]
    expect(page.locator("highway-view .dot:visible")).to_have_count(8)
    # 0.63689053 of 41 pixels above the gap of 10
    bend = layers.first.locator(".bend").get_attribute("d") or ""
    assert f"{-10 - 0.63689053 * 41:.2f}H" in bend
    expect(page.locator("highway-view .end .label")).to_have_text("7")


def test_what_is_outside_the_usual_range_is_marked_by_shape_and_words(
    page: Page, port: int
) -> None:
    show_picture(page, NOISY_SEVEN)
    prediction = what_if(port, {}, instance=NOISY_SEVEN)[0]
    usual = prediction["usual"]
    layers = page.locator("highway-view .layer")
    for index, gate in enumerate(prediction["gate_mean"]):
        below, above = gate < usual["low"][index], gate > usual["high"][index]
        rare = prediction["layer_typicality"][index] <= 0.01
        sign = "▼ " if below else "▲ " if above else ""
        words = "below" if below else "above" if above else ""
        layer = layers.nth(index)
        expect(layer.locator(".mark")).to_have_text(sign + ("unusual" if rare else words))
        assert ("strong" in (layer.get_attribute("class") or "").split()) == rare
    assert layers.nth(0).locator(".mark").text_content() == "▼ unusual"
    shapes = layers.locator(".dot").evaluate_all("(dots) => dots.map((d) => d.getAttribute('d'))")
    assert shapes[0].count("L") == 1  # a triangle
    assert "a5" in shapes[4]  # a dot
    expect(layers.nth(0)).to_have_accessible_name(
        "highway 1, openness 0.60, usual for a 7: 0.64 to 0.65, below the middle 80 %, unusual, "
        "open"
    )


def test_a_layer_closes_by_a_click_and_the_road_goes_straight(page: Page, port: int) -> None:
    show_picture(page)
    first = page.locator("highway-view .layer").first
    first.click()
    expect(first).to_have_attribute("aria-pressed", "true")
    expect(first.locator(".openness")).to_have_text("closed")
    expect(page.locator("highway-view .end .label")).to_have_text("1")
    original, closed = what_if(port, {}, {"highway 1": 0})
    assert closed["label"] == "1"
    rows = numbers(page, "highway-view", TABLE)
    assert [float(row[3]) for row in rows] == original["gate_mean"]
    assert [float(row[8]) for row in rows] == closed["gate_mean"]
    assert [row[7] for row in rows] == ["0", *["1"] * 7]
    bend = first.locator(".bend").get_attribute("d") or ""
    assert "-10H" in bend  # no wider than the gap
    assert f"{-10 - original['gate_mean'][0] * 41:.2f}H" in (
        first.locator(".ghost").get_attribute("d") or ""
    )
    expect(first).to_have_accessible_name(
        "highway 1, openness 0.637, usual for a 7: 0.638 to 0.650, below the middle 80 %, "
        "openness in the what-if 0.64, closed"
    )
    first.click()
    expect(first).to_have_attribute("aria-pressed", "false")
    expect(page.locator("highway-view .end .label")).to_have_text("7")
    assert first.locator(".ghost").get_attribute("d") is None
    assert state(page, "s.scales") == {}


def test_the_road_stays_under_the_pointer_when_a_layer_closes(page: Page) -> None:
    show_picture(page)
    place = "(frame) => frame.getBoundingClientRect().top + window.scrollY"
    frame = page.locator(".road-frame")
    before = frame.evaluate(place)
    page.locator("highway-view .layer").first.click()
    expect(page.locator("highway-view .end .label")).to_have_text("1")
    assert frame.evaluate(place) == before


def test_a_factor_beyond_the_whole_stream_is_named_and_the_picture_is_capped(page: Page) -> None:
    show_picture(page)
    update(page, scales={"highway 1": 3})
    first = page.locator("highway-view .layer").first
    expect(first.locator(".openness")).to_have_text("0.64 × 3")
    assert "-51H" in (first.locator(".bend").get_attribute("d") or "")  # 10 + the whole of 41


def test_layers_are_one_tab_stop_and_arrows_move_between_them(page: Page) -> None:
    show_picture(page)
    layers = page.locator("highway-view .layer")
    focused = page.locator("highway-view .layer:focus")
    stops = page.locator("highway-view .layer[tabindex='0']")
    expect(stops).to_have_count(1)
    layers.first.focus()
    for key, index in (("ArrowRight", 1), ("End", 7), ("ArrowRight", 7), ("ArrowLeft", 6)):
        page.keyboard.press(key)
        expect(focused).to_have_attribute("data-index", str(index))
        expect(stops).to_have_count(1)
    readout = page.locator("highway-view .readout")
    expect(readout).to_contain_text("highway 7: Openness 0.51, usual for a 7: 0.50 to 0.53.")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(page.locator("highway-view .end .label")).to_have_text("1")
    expect(readout).to_contain_text("Closed; its gates would be 0.64 open.")
    page.keyboard.press("Space")
    expect(page.locator("highway-view .end .label")).to_have_text("7")
    expect(focused).to_have_attribute("data-index", "0")
    assert state(page, "s.layer") == 0
    width = focused.locator(".hit").evaluate("(hit) => getComputedStyle(hit).strokeWidth")
    assert width == "3px"  # of the visible focus


def test_pointing_at_a_layer_reads_its_numbers(page: Page) -> None:
    show_picture(page)
    page.locator("highway-view .layer").nth(1).hover()
    readout = page.locator("highway-view .readout")
    expect(readout).to_have_text(
        "highway 2: Openness 0.79, usual for a 7: 0.78 to 0.83. Its gates are more typical than "
        "90 % of the held-out pictures."
    )
    page.locator("h1").hover()
    expect(readout).to_have_text("Point at a layer to read its numbers here.")


def test_decisive_layers_are_marked_while_the_explanation_is_of_this_answer(page: Page) -> None:
    show_picture(page)
    page.get_by_role("button", name="Which layers decide this label?").wait_for()
    closed = {"label": "1", "probability": 0.8, "probability_change": -0.2}
    explanation = {
        "prediction": {"label": "7", "probability": 1},
        "layers": [{"name": name, "closed": closed} for name in NAMES],
        "decisive_layers": ["highway 1"],
        "counterfactual": {"closed_layers": ["highway 1", "highway 3"], "label": "1"},
    }
    set_explanation = """({ store }, explanation, isOfAnswer) => {
      const instance = isOfAnswer ? store.state.answer.instance : [[0]];
      store.update({ explanation: { ...explanation, instance } });
    }"""
    module(page, "store.js", set_explanation, explanation, True)
    titles = page.locator("highway-view .layer .title")
    assert titles.all_text_contents() == ["◆ 1 decides", "2", "◇ 3", "4", "5", "6", "7", "8"]
    legend = page.locator("highway-view .legend")
    expect(legend).to_contain_text("◆ decides: closing it changes the label")
    module(page, "store.js", set_explanation, explanation, False)
    assert titles.all_text_contents() == list("12345678")


def test_before_an_input_the_road_is_muted_and_says_what_will_appear(page: Page) -> None:
    view = page.locator("highway-view")
    expect(view).to_contain_text("Draw or choose an input, and its way through the 8 layers")
    expect(view.locator(".layer")).to_have_count(8)
    expect(view.locator(".end .label")).to_have_text("?")
    expect(view.locator(".input-picture")).to_be_hidden()
    show_picture(page)
    expect(view.locator(".input-picture")).to_be_visible()
    pixels = view.locator(".input-picture").evaluate(
        "(canvas) => [...canvas.getContext('2d').getImageData(0, 8, 28, 1).data]"
    )
    assert pixels[0::4] == [round(value) for value in SEVEN[8]]
    assert pixels[3::4] == [255] * 28
    update(page, instance=None)
    expect(view).to_contain_text("Draw or choose an input")


CLIPPED = """(view) => {
  const frame = view.querySelector(".road-frame");
  const outer = frame.getBoundingClientRect();
  const inside = (box) => box.left >= outer.left - 1 && box.right <= outer.right + 1
    && box.top + frame.scrollTop >= outer.top - 1
    && box.bottom + frame.scrollTop <= outer.top + frame.scrollHeight + 1;
  const parts = view.querySelectorAll(".layer, .layer *, .end, .begin");
  const clipped = [...parts].filter((part) =>
    part.checkVisibility() && !inside(part.getBoundingClientRect()));
  const wide = [...view.querySelectorAll(".layer")].filter((layer) => {
    const cell = layer.querySelector(".hit").getBBox();
    const reaches = (box) =>
      box.width > 0 && (box.x < cell.x - 2 || box.x + box.width > cell.x + cell.width + 2);
    return cell.width < 40 || [...layer.querySelectorAll("text")].some((t) => reaches(t.getBBox()));
  });
  return [...clipped, ...wide].map((part) => part.outerHTML);
}"""


@pytest.mark.parametrize("count", [8, 50, 100])
def test_the_highway_folds_without_clipping(
    port: int, deep_ports: dict[int, int], visits: Visits, count: int
) -> None:
    page = visits(deep_ports.get(count, port), viewport={"width": 1280, "height": 800}).open()
    show_picture(page)
    view = page.locator("highway-view")
    expect(view.locator(".layer")).to_have_count(count)
    for width in (1280, 1920, 768, 320):
        drawn = view.locator(".road").get_attribute("width")
        page.set_viewport_size({"width": width, "height": 800})
        if width != 1280:
            expect(view.locator(".road")).not_to_have_attribute("width", drawn or "")
        view.locator(".layer").last.focus()  # far down, where the picture scrolls
        expect(view.locator(".layer").last.locator(".openness")).to_have_text(
            re.compile(r"0\.\d\d")
        )
        assert view.evaluate(CLIPPED) == []
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_markup_in_the_names_of_a_model_is_text(visits: Visits, tmp_path: Path) -> None:
    markup = "<img src=x onerror=alert(1)>"
    file = tmp_path / "markup.onnx"
    file.write_bytes(layered_model(3, 4, labels=(markup, "b" * 200), names=(markup, "</b>", "c")))
    with serving(file, HIGHWAY_LEDGER_URL="off") as (_, port):
        page = visits(port).open()
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        show_picture(page)
        update(page, scales={markup: 0, "</b>": 0.5}, layer=0)
        panels = "highway-view, answer-panel, what-if-controls"
        expect(page.locator("what-if-controls .changes")).to_contain_text(f"{markup}: closed")
        expect(page.locator("answer-panel .bars")).to_contain_text(markup)
        assert numbers(page, "highway-view", TABLE)[0][0] == markup
        assert page.locator(panels).locator("img, b").count() == 0
        assert dialogs == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
