"""Models are replaced, removed and added while the page is open."""

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, Route, expect

from tests.inspector.browser import state, until, update
from tests.inspector.conftest import Visits
from tests.inspector.inputs import SEVEN
from tests.inspector.models import layered_model
from tests.service.conftest import METADATA, TABLE, Recipe, take_missing_values
from tests.service.serving import serving

# Every answer that the page showed has as many gates as the model has layers.
WATCH = """async () => {
  const main = document.querySelector("script[type=module][src$='/main.js']").src;
  const { store } = await import(new URL("store.js", main));
  window.mixed = 0;
  store.follow(["model", "answer", "whatIf", "scales", "unit"], (
    { model, answer, whatIf, scales, unit }) => {
    const layers = model?.layers ?? [];
    for (const shown of [answer, whatIf])
      if (shown && shown.gates.length !== layers.length) window.mixed += 1;
    if (Object.keys(scales).some((name) => !layers.some((layer) => layer.name === name)))
      window.mixed += 1;
    if (unit && unit.layer >= layers.length) window.mixed += 1;
  });
}"""
PIXELS = [[7] * 28] * 28
PICTURE = {"kind": "pixels", "pixels": PIXELS, "name": "picture"}
POLL = {"HIGHWAY_MODEL_POLL_SECONDS": "0.2"}


def _write(file: Path, content: bytes) -> None:
    """As an operator does: under another name first."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_bytes(content)
    part.replace(file)


def _tiny(version: str) -> bytes:
    return Recipe(metadata=replace(METADATA, version=version)).build()


def _wait_for_model(page: Page, expression: str) -> None:
    """Wait until `model` is shown; the list is read again now, rather than in 30 s."""
    page.evaluate(
        f"""async () => {{
          const main = document.querySelector("script[type=module][src$='/main.js']").src;
          const {{ store }} = await import(new URL("store.js", main));
          const end = performance.now() + 8000;
          while (!((model) => {expression})(store.state.model) && performance.now() < end) {{
            document.dispatchEvent(new CustomEvent("model-changed"));
            await new Promise((resolve) => setTimeout(resolve, 100));
          }}
        }}"""
    )
    assert state(page, f"((model) => {expression})(s.model)")


def test_a_model_with_other_layers_takes_the_place_of_the_shown_one(
    visits: Visits, tmp_path: Path
) -> None:
    file = tmp_path / "layered" / "1" / "model.onnx"
    _write(file, layered_model(3, 4))
    with serving(tmp_path, **POLL) as (_, port):
        page = visits(port).open()
        page.evaluate(WATCH)
        update(page, input=PICTURE, instance=PIXELS, scales={"highway 3": 0})
        update(page, unit={"layer": 2, "unit": 3})
        until(page, "s.whatIf !== null")

        _write(file, layered_model(5, 4))
        step = 0
        while state(page, "s.model.layers.length") == 3:  # the reader goes on drawing
            step += 1
            assert step < 400
            update(page, instance=[[step % 256] * 28] * 28)
        until(page, "s.answer !== null && s.answer.gates.length === 5")
        expect(page.locator("status-line")).to_contain_text(
            "The server replaced the model; it has 5 layers now: all layers are open again."
        )
        assert state(page, "[s.input.name, s.scales, s.unit]") == ["picture", {}, None]
        assert state(page, "s.instance[0][0]") == step % 256
        assert page.evaluate("window.mixed") == 0


def test_models_are_chosen_removed_and_missing(visits: Visits, tmp_path: Path) -> None:
    _write(tmp_path / "layered" / "1" / "model.onnx", layered_model(3, 4))
    _write(tmp_path / "tiny" / "1" / "model.onnx", _tiny("1"))
    _write(tmp_path / "tiny" / "2" / "model.onnx", _tiny("2"))
    with serving(tmp_path, **POLL) as (_, port):
        visit = visits(port)
        page = visit.open()
        chooser = page.get_by_label("Model", exact=True)
        expect(chooser.locator("option")).to_have_text(
            ["layered version 1", "tiny version 1", "tiny version 2"]
        )
        page.evaluate(WATCH)
        update(page, input=PICTURE, instance=PIXELS, scales={"highway 3": 0})
        until(page, "s.whatIf !== null")
        chooser.select_option("tiny version 1")
        status = page.locator("status-line")
        expect(status).to_contain_text(
            "This is tiny version 1: the input does not fit it, all layers are open again."
        )
        assert state(page, "[s.input, s.instance, s.answer, s.scales]") == [None, None, None, {}]
        update(page, input={**PICTURE, "pixels": [[1, 0], [0, 0]]}, instance=[[1, 0], [0, 0]])
        until(page, "s.answer !== null && s.answer.label === 'a'")
        page.wait_for_function("() => location.hash.includes('model=tiny%2F1')")

        # The version is removed: the newest of its name is next, and no prediction is lost.
        (tmp_path / "tiny" / "1" / "model.onnx").unlink()
        _wait_for_model(page, "model.version === '2'")
        expect(status).to_contain_text(
            "The server no longer has tiny version 1; this is tiny version 2."
        )
        until(page, "s.answer !== null")
        assert state(page, "s.input.pixels") == [[1, 0], [0, 0]]
        assert page.evaluate("window.mixed") == 0

        page.route("**/v2/models", lambda route: route.fulfill(body='{"models": []}'))
        _wait_for_model(page, "model === null")
        expect(status).to_contain_text("The server has no model to show")
        page.unroute_all()
        page.evaluate("window.dispatchEvent(new Event('focus'))")
        until(page, "s.model !== null")
        expect(status).to_have_text("")
        visit.forgive()


def test_a_model_removed_since_the_list_was_read_is_looked_for_again(visits: Visits) -> None:
    visit = visits()
    page = visit.open()
    lists: list[str] = []

    def handle(route: Route) -> None:
        lists.append(route.request.method)
        if len(lists) == 1:
            listed = [{"name": "gone", "version": "1", "ready": True}]
            route.fulfill(body=json.dumps({"models": listed}))
        else:
            route.continue_()

    page.route("**/v2/models", handle)
    with (
        page.expect_response("**/v2/models/gone/versions/1") as gone,
        page.expect_response("**/v2/models/digits/versions/1") as found,
    ):
        page.evaluate("window.dispatchEvent(new Event('focus'))")
    assert (gone.value.status, found.value.status, len(lists)) == (404, 200, 2)
    expect(page.locator("status-line")).to_have_text("")
    assert state(page, "s.model.name") == "digits"
    visit.forgive()


def test_two_workers_of_which_one_is_ahead_lose_no_prediction(visits: Visits) -> None:
    visit = visits()
    page = visit.open()
    page.evaluate(WATCH)
    answers: list[str] = []

    def handle(route: Route) -> None:
        answers.append(route.request.method)
        if len(answers) == 1:  # of a worker that has the next model already
            route.fulfill(body='{"digest": "1234", "predictions": []}')
        elif len(answers) == 2:  # of one that no longer has the version
            route.fulfill(status=404, body='{"error": "model: not found"}')
        else:
            route.continue_()

    page.route("**/what-if", handle)
    update(page, instance=SEVEN)
    until(page, "s.answer !== null && s.answer.label === '7'")
    assert len(answers) == 3
    assert page.evaluate("window.mixed") == 0
    visit.forgive()


def test_a_table_model_keeps_no_picture_and_a_table_keeps_its_row(
    visits: Visits, tmp_path: Path
) -> None:
    file = tmp_path / "table.onnx"
    file.write_bytes(Recipe(metadata=TABLE, change=take_missing_values).build())
    with serving(file) as (_, port):
        row = {"age": 31, "job": "pilot", "member": True, "income": None}
        page = visits(port).open(f"row={quote(json.dumps(row))}&scales=1:0")
        until(page, "s.whatIf !== null")
        assert state(page, "s.input.values") == row
        expect(page.get_by_text("Change a value. The road shows")).to_be_visible()
        assert state(page, "s.notice") is None
