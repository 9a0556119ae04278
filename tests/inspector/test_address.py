"""The address carries the state: links, damaged links, Back and Forward."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.inspector.browser import module, state, until, update
from tests.inspector.conftest import Visits
from tests.inspector.inputs import SEVEN, SEVEN_INPUT

STROKES = {
    "kind": "strokes",
    "strokes": [
        [{"x": 0.25, "y": 0.2}, {"x": 0.75, "y": 0.2}, {"x": 0.45, "y": 0.85}],
        [{"x": 0.35, "y": 0.55}, {"x": 0.65, "y": 0.55}],
    ],
    "pen": 0.08,
    "centred": True,
}

# Random inputs by a small generator of its own, so that a failure can be repeated.
ROUND_TRIPS = """
async (m, layers) => {
  let seed = 7;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const integer = (most) => Math.floor(random() * (most + 1));
  const many = (most, make) => Array.from({ length: 1 + integer(most) }, make);
  const pick = (values) => values[integer(values.length - 1)];
  const text = () => many(6, () => pick(
    ["a", "Z", "&", "=", "#", "%", "+", " ", "é", "✓", '"', "/", ","])).join("");
  const point = (pressed) => ({ x: integer(1000) / 1000, y: (integer(1400) - 200) / 1000,
    ...(pressed ? { pressure: (500 + integer(1000)) / 1000 } : {}) });
  const value = () => pick([null, true, integer(99), -random(), 1e-7 * random(), text()]);
  const level = pick([() => integer(255), () => integer(255) / 255]);
  const inputs = [
    () => ({ kind: "strokes", strokes: many(3, () => {
        const pressed = random() < 0.3;
        return many(20, () => point(pressed));
      }),
      pen: random(), centred: random() < 0.5,
      ...(random() < 0.3 ? { colours: ["#00ff7a", "#123456"] } : {}) }),
    () => ({ kind: "row", values: Object.fromEntries(many(5, () => [text(), value()])) }),
    () => ({ kind: "pixels", name: text(),
      pixels: many(4, () => [level(), level(), random() < 0.1 ? random() : level()]) }),
  ];
  const trips = [];
  for (let round = 0; round < 75; round += 1) {
    const input = pick([null, ...inputs])?.() ?? null;
    const pinned = pick([null, ...inputs])?.() ?? null;
    const scales = Object.fromEntries(layers.filter(() => random() < 0.3).map(
      (name) => [name, pick([0, 0.5, random() * 10])]));
    const unit = random() < 0.5 ? null : { layer: integer(7), unit: integer(999) };
    const record = random() < 0.5 ? null
      : { id: text(), row: integer(1000), time: "2026-11-28T20:00:00Z" };
    const filters = pick([{}, { sort: "typicality", label: text(), since: "2026-11-28T20:00:00" }]);
    const view = pick(["try", "requests", "drift", "traffic", "model"]);
    const model = { name: text(), version: "3", digest: "0123456789",
      layers: layers.map((name) => ({ name })) };
    const { text: address } = await m.writeAddress({
      view, models: [], model, input, scales, unit, record, filters,
      pinned: pinned && { input: pinned } });
    const { linked, faults } = await m.readAddress(address);
    const factors = Object.fromEntries(Object.entries(scales).map(
      ([name, factor]) => [layers.indexOf(name), factor]));
    const expected = { view, model: { name: model.name, version: "3" }, input, unit, pinned, record,
      filters, scales: Object.keys(scales).length > 0 ? factors : null };
    const { digest, ...found } = linked;
    trips.push([found, expected, faults]);
  }
  return trips;
}
"""


def test_addresses_are_written_and_read_as_worked_out_by_hand(module_page: Page) -> None:
    # 500 → 1000 with the sign bit = 31·32 + 8 → digits 8+32 "o", 31 "f"; 250 → 500 → "0", "P".
    # Then −1 → 1 "B" and +16 → 32 = 1·32 + 0 → digits 0+32 "g", 1 "B".
    strokes = [[{"x": 0.5, "y": 0.25}, {"x": 0.499, "y": 0.266}], [{"x": 0, "y": 0}]]
    assert module(module_page, "packing.js", "(m, s) => m.packStrokes(s)", strokes) == "of0PBgB.AA"
    assert module(module_page, "packing.js", '(m) => m.unpackStrokes("of0PBgB.AA")') == strokes

    read = "(m, text) => m.readAddress(text)"
    text = (
        "view=drift&model=a/b/2&scales=0:0,7:0.5&unit=1.14&row=%7B%22age%22%3A31%7D&digest=01234567"
        "&filters=below%3D0.01%26id%3Da%2526b"
    )
    assert module(module_page, "address.js", read, text) == {
        "linked": {
            "view": "drift",
            "model": {"name": "a/b", "version": "2"},
            "digest": "01234567",
            "input": {"kind": "row", "values": {"age": 31}},
            "scales": {"0": 0, "7": 0.5},
            "unit": {"layer": 1, "unit": 14},
            "pinned": None,
            "record": None,
            "filters": {"below": "0.01", "id": "a&b"},
        },
        "faults": [],
    }


def test_random_states_survive_the_way_through_an_address(module_page: Page) -> None:
    layers = [f"highway {number}" for number in range(1, 9)]
    trips = module(module_page, "address.js", ROUND_TRIPS, layers)
    assert len(trips) == 75
    for found, expected, faults in trips:
        assert found == expected
        assert faults == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("view=kitchen", "the view"),
        ("draw=of0&pen=1", "the input"),  # half a point
        ("draw=of0P&pen=0", "the input"),
        ("draw=!&pen=1", "the input"),
        ("draw=of0P&pen=1.5", "the input"),  # takes seconds to draw
        ("draw=" + "AA" * 4001 + "&pen=0.1", "the input"),
        ("pixels=i&shape=1x1x1x1", "the input"),
        ("draw=" + "_" * 9 + "&pen=1", "the input"),  # a number of 45 bits
        ("pixels=lAAAA&shape=2x2", "the input"),
        ("pixels=q&shape=1", "the input"),
        ("pixels=i&shape=0x1000000000", "the input"),
        ("row=[1]", "the input"),
        ('row={"a":{}}', "the input"),
        ("row=%7B%22a%22", "the input"),
        ("pinned-row=null", "the pinned input"),
        ("scales=0", "the closed layers"),
        ("scales=0:-1", "the closed layers"),
        ("scales=0:1e999", "the closed layers"),
        ("unit=3", "the unit"),
        ("unit=a.b", "the unit"),
        ("record=[1,2,3]", "the past request"),
        ('record=["\\ud800",0,"x"]', "the past request"),  # half a character
        ("filters=model%3Da", "the filters"),
        ("filters=since%3Dyesterday", "the filters"),
        ("content", "a part that this page does not know"),
        ("__proto__=1&%zz=%", "a part that this page does not know"),
    ],
)
def test_damaged_parts_of_an_address_are_left_out(module_page: Page, text: str, words: str) -> None:
    found = module(
        module_page, "address.js", "(m, text) => m.readAddress(text)", text + "&unit=0.0"
    )
    if words != "the unit":
        assert found["linked"]["unit"] == {"layer": 0, "unit": 0}
    assert found["faults"] == [words]


def test_a_small_text_cannot_expand_without_end(module_page: Page) -> None:
    found = module(
        module_page,
        "packing.js",
        """async (m) => {
          const text = await m.packNumbers(Array(3000000).fill(0));
          return [text.length, await m.unpackNumbers(text, 1000).catch((error) => error.message)];
        }""",
    )
    assert found[0] < 5000
    assert found[1] == "picture: too many numbers"


def test_a_link_gives_the_same_answer_to_every_digit_in_another_tab(visits: Visits) -> None:
    page = visits().open()
    update(page, input=SEVEN_INPUT, instance=SEVEN)
    until(page, "s.answer !== null")
    update(page, pinned=state(page, "({input: s.input, instance: s.instance, answer: s.answer})"))
    update(page, input=STROKES, instance=_drawn(page), scales={"highway 1": 0, "highway 3": 0.5})
    update(page, unit={"layer": 2, "unit": 5})
    until(page, "s.whatIf !== null && s.answer.label !== ''")
    page.wait_for_function(
        "() => location.hash.includes('draw=') && location.hash.includes('unit=2.5')"
    )
    address = page.url.split("#")[1]
    assert "pinned-pixels=i" in address
    assert "scales=0%3A0%2C2%3A0.5" in address
    assert len(address) < 1000
    answers = "[s.answer, s.whatIf, s.pinned.answer, s.instance, s.input, s.scales, s.unit]"

    other = visits().open(address)
    until(other, "s.whatIf !== null && s.pinned !== null")
    assert state(other, answers) == state(page, answers)
    assert state(other, "s.notice") is None


def test_back_and_forward_restore_views_and_inputs(page: Page) -> None:
    views = page.get_by_role("navigation", name="Views")
    update(page, input=SEVEN_INPUT, instance=SEVEN, scales={"highway 1": 0})
    until(page, "s.whatIf !== null")
    label = state(page, "s.whatIf.label")
    views.get_by_role("link", name="Drift").click()
    page.wait_for_url("**/#view=drift*pixels=*")
    update(page, record={"id": "order 7", "row": 0, "time": "2026-11-28T20:00:00Z"})
    views.get_by_role("link", name="Try it").click()
    update(page, input=None, instance=None, scales={}, record=None)
    until(page, "s.answer === null")
    page.wait_for_function("() => location.hash === ''")

    page.go_back()
    expect(page).to_have_title("Drift · Inspector")
    assert state(page, "s.record.id") == "order 7"
    page.go_back()
    until(page, "s.whatIf !== null")
    expect(page).to_have_title("Try it · Inspector")
    assert state(page, "[s.whatIf.label, s.record, s.scales]") == [label, None, {"highway 1": 0}]
    page.go_forward()
    page.go_forward()
    until(page, "s.input === null && s.view === 'try'")

    page.evaluate("location.hash = 'view=model&scales=3:0'")  # as a reader who edits the address
    until(page, "s.view === 'model' && s.scales['highway 4'] === 0")


def test_a_damaged_or_foreign_link_is_one_sentence_and_the_rest_is_used(visits: Visits) -> None:
    page = visits().open("draw=!!&unit=99.0&scales=0:0&pinned-row=%7B%22age%22%3A3%7D")
    status = page.locator("status-line")
    expect(status).to_contain_text(
        "This link is damaged; left out: the input, the unit, the pinned input."
    )
    assert state(page, "s.scales") == {"highway 1": 0}
    status.get_by_role("button", name="Dismiss").click()
    expect(status).to_have_text("")

    page = visits().open("digest=00000000&scales=1:0")
    expect(page.locator("status-line")).to_contain_text(
        "This link was made for another model, so the numbers may differ."
    )
    page = visits().open("model=iris/3&scales=42:0")
    expect(page.locator("status-line")).to_contain_text(
        "This link was made for “\u2068iris\u2069” version “\u20683\u2069”, which the server does"
        " not have; left out: the closed layers."
    )
    page = visits().open("model=" + "M" * 100_000 + "/%E2%80%AE1")
    expect(page.locator("status-line")).to_contain_text("M" * 59 + "…\u2069” version")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_button_copies_the_link_or_shows_it(visits: Visits) -> None:
    visit = visits(permissions=["clipboard-read", "clipboard-write"])
    page = visit.open()
    update(page, input=SEVEN_INPUT, instance=SEVEN)
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("#link .said")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "#pixels=i" in copied

    noise = "Array.from({ length: 200 }, () => Array.from({ length: 200 }, () => Math.random()))"
    module(
        page,
        "store.js",
        f"(m) => m.store.update({{input: {{kind: 'pixels', pixels: {noise}, name: 'noise'}}}})",
    )
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }")
    page.get_by_role("button", name="Copy link").click()
    field = page.get_by_label("Link to what is shown")
    expect(field).to_be_focused()
    expect(page.locator("#link .said")).to_have_text(", without the input: too large")
    assert "pixels" not in field.input_value()


def _drawn(page: Page) -> Any:
    return module(
        page,
        "input/instances.js",
        """async (m, input) => {
          const main = document.querySelector("script[type=module][src$='/main.js']").src;
          const { store } = await import(new URL("store.js", main));
          return m.instanceOfInput(input, store.state.model);
        }""",
        STROKES,
    )
