"""One past request in detail: its numbers, gates, input, tags and what-if requests."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.inspector.browser import Visit, module, state, until, update
from tests.inspector.conftest import Visits
from tests.inspector.models import layered_model
from tests.inspector.past_requests import (
    BATCHES,
    EXAMPLES,
    FOREIGN,
    ODD_ID,
    answer,
    recorded_row,
    rows_of,
)
from tests.service.conftest import TABLE, Recipe, take_missing_values
from tests.service.serving import eventually, fetch, serving


def test_the_detail_has_the_numbers_of_the_api(detail: Page, port: int) -> None:
    row = recorded_row(port)
    panel = detail.locator("record-detail")
    assert detail.evaluate("document.activeElement.textContent") == f"Request {ODD_ID}"
    assert state(detail, "s.record") == {"id": ODD_ID, "row": 0, "time": row["time"]}
    expect(detail.locator("request-list tr[aria-current]")).to_have_count(1)
    expect(panel.locator(".facts")).to_contain_text("7, > 99.99 %")
    expect(panel.locator(".facts")).to_contain_text("unusual, like 1 in 10,000 (estimated)")

    panel.locator("summary").click()
    for caption, member in (
        ("Probabilities", "probabilities"),
        ("Mean transform gate of each layer", "gate_mean"),
        ("Typicality", "typicality"),
        ("Time of the request", "timing_ms"),
    ):
        numbers = {name: n for name, n in row[member].items() if name != "batch_rows"}
        table = panel.get_by_role("table", name=caption, exact=True).locator("tbody")
        shown = zip(
            table.locator("th").all_inner_texts(),
            table.locator("td").all_inner_texts(),
            strict=True,
        )
        assert {name: float(text) for name, text in shown} == numbers

    detail.get_by_role("button", name="Back to the list").click()
    expect(panel).to_be_hidden()
    assert detail.evaluate("document.activeElement.textContent") == ODD_ID
    assert state(detail, "s.record") is None


def test_gates_are_marked_against_the_usual_range_of_the_label(detail: Page, port: int) -> None:
    row = recorded_row(port)
    properties = fetch(port, "/v2/models/digits")["properties"]
    usual = json.loads(properties["usual_gates"])["7"]
    lines = detail.locator("record-what-if .gates tbody tr")
    assert lines.count() == 8
    marks = []
    for line, value, low, high in zip(
        lines.all(), row["gate_mean"].values(), usual["low"], usual["high"], strict=True
    ):
        marks += line.locator(".mark").all_inner_texts()
        assert line.locator(".number > span").get_attribute("title") == str(value)
        # the usual range is the middle third of the gauge, and what is beyond it is at the end
        place = min(1, max(0, 0.5 + (value - (low + high) / 2) / (3 * (high - low))))
        drawn = line.locator("svg svg:has(.value)").get_attribute("x")
        assert drawn is not None
        assert float(drawn.rstrip("%")) == pytest.approx(100 * place, abs=0.01)
        band = line.locator("rect.usual")
        assert (band.get_attribute("x"), band.get_attribute("width")) == ("33.33%", "33.33%")
    assert marks == ["▼ below usual"] * 3  # 4 to 8 are usual, and have no mark
    expect(detail.locator(".reason")).to_have_text(
        "Unusual for a 7: highway 1 and highway 2 were less open than for most."
    )


def test_layers_close_in_place_with_the_answer_of_the_api(detail: Page, port: int) -> None:
    closed = {"highway 2": 0, "highway 3": 0}
    body = json.dumps({"gate_scale": closed}).encode()
    path = f"/requests/{quote(ODD_ID, safe='')}/predict"
    prediction = fetch(port, path, body)["predictions"][0]
    what_if = detail.locator("record-what-if")
    result = what_if.locator(".what-if-result")
    expect(result).to_be_empty()
    button = what_if.locator(".gates button").nth(1)
    width = button.evaluate("(button) => button.offsetWidth")

    for name in closed:
        detail.get_by_role("button", name=f"Close {name}").click()

    expect(result).to_contain_text("Without highway 2 and highway 3: ")
    expect(result.locator("strong")).to_have_attribute("title", str(prediction["probability"]))
    expect(result.locator("strong")).to_contain_text(f"{prediction['label']}, ")
    diamonds = what_if.locator("svg svg:has(.what-if)")
    expect(diamonds).to_have_count(8)
    assert diamonds.nth(1).get_attribute("x") == "0%"
    expect(button).to_have_accessible_name("Closed highway 2")
    expect(button).to_have_attribute("aria-pressed", "true")
    assert button.evaluate("(button) => button.offsetWidth") == width

    detail.get_by_role("button", name="Open all").click()
    expect(result).to_be_empty()
    expect(diamonds).to_have_count(0)
    expect(button).to_have_accessible_name("Close highway 2")
    expect(button).to_have_attribute("aria-pressed", "false")


def test_the_recorded_input_is_drawn_and_opens_in_try_it(detail: Page) -> None:
    noisy = json.loads((EXAMPLES / "noisy_seven.json").read_text())["instances"][0]
    canvas = detail.get_by_role("img", name="The recorded input, 28 by 28 pixels")
    drawn = canvas.evaluate("""(canvas) =>
      [...canvas.getContext("2d").getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 0)""")
    assert drawn == [value for line in noisy for value in line]

    detail.get_by_role("button", name="Close highway 2").click()
    expect(detail.locator(".what-if-result")).to_contain_text("Without highway 2: ")
    detail.get_by_role("button", name="Open in Try it").click()

    expect(detail.get_by_role("heading", level=1)).to_have_text("Which layers did the work?")
    detail.wait_for_function("document.title.startsWith('Try it')")
    assert state(detail, "s.instance") == noisy
    assert state(detail, "[s.input.kind, s.input.name]") == ["pixels", f"request {ODD_ID}"]
    assert state(detail, "s.scales") == {"highway 2": 0}


def test_a_row_is_flagged_and_the_flag_removed(detail: Page, port: int) -> None:
    listed = detail.locator("request-list tbody tr").first.locator(".tags li")
    expect(listed).to_have_text(["list", "odd"])

    flag = detail.locator("record-tags").get_by_role("button", name="⚑ Flag")
    expect(flag).to_have_attribute("aria-pressed", "false")
    flag.click()
    expect(flag).to_have_text("⚑ Flagged")
    expect(flag).to_have_attribute("aria-pressed", "true")
    expect(detail.locator("record-tags li")).to_contain_text(["⚑ flagged", "list", "odd"])
    expect(listed).to_have_text(["⚑ flagged", "list", "odd"])
    assert recorded_row(port)["tags"] == ["flagged", "list", "odd"]

    detail.get_by_role("button", name="Remove tag flagged").click()
    expect(listed).to_have_text(["list", "odd"])
    expect(detail.locator("#announcement")).to_have_text("Tag flagged removed")
    assert recorded_row(port)["tags"] == ["list", "odd"]

    field = detail.get_by_label("Other tag")
    field.fill("seen")
    field.press("Enter")
    expect(listed).to_have_text(["list", "odd", "seen"])
    expect(field).to_have_value("")
    detail.get_by_role("button", name="Remove tag seen").click()
    expect(listed).to_have_text(["list", "odd"])


def test_one_row_of_many_is_chosen(requests_page: Page, port: int) -> None:
    requests_page.locator("request-list tbody tr").nth(1).locator(".probability").click()
    assert requests_page.evaluate("document.activeElement.textContent") == "Request batch"
    choice = requests_page.get_by_label("Rows with this id")
    expect(choice.locator("option")).to_have_count(sum(BATCHES))
    expect(choice.locator("option:checked")).to_contain_text("row 12 of 12")
    choice.focus()
    choice.select_option(index=3)
    expect(requests_page.locator("record-detail")).to_have_attribute("aria-busy", "false")
    expect(choice.locator("option:checked")).to_contain_text("row 4 of 40")
    assert state(requests_page, "s.record.row") == 3
    expect(choice).to_be_focused()


def test_a_link_opens_a_row_without_taking_the_focus(requests_page: Page, port: int) -> None:
    row = recorded_row(port)
    requests_page.get_by_role("button", name="Refresh").focus()
    update(requests_page, record={"id": ODD_ID, "row": 0, "time": row["time"]})
    expect(requests_page.get_by_role("img", name="The recorded input")).to_be_visible()
    expect(requests_page.get_by_role("button", name="Refresh")).to_be_focused()

    update(requests_page, record={"id": ODD_ID, "row": 0, "time": "2001-01-01T00:00:00Z"})
    panel = requests_page.locator("record-detail")
    expect(panel).to_contain_text("this row is not one of them")
    requests_page.route("**/requests/batch", lambda route: None)  # a read that does not end
    update(requests_page, record={"id": "batch", "row": 0, "time": row["time"]})
    expect(panel).to_have_attribute("aria-busy", "true")
    for name in ("..", "\ud800"):  # half a character has no address
        call = "(m, id) => m.store.update({ record: { id: JSON.parse(id), row: 0, time: 'x' } })"
        module(requests_page, "store.js", call, json.dumps(name))
        expect(panel).to_contain_text("The address of a request cannot have this id")
        expect(panel).to_have_attribute("aria-busy", "false")
    requests_page.unroute_all()


def test_a_detail_that_the_server_refuses_is_explained(
    shared_visit: Visit, requests_page: Page, port: int
) -> None:
    page = requests_page
    row = recorded_row(port)
    address = f"**/requests/{quote(ODD_ID, safe='')}"
    answer(page, address, {"id": ODD_ID, "rows": [{**row, "input_stored": False}], "more": True})
    page.get_by_role("button", name=ODD_ID).click()
    expect(page.locator("record-detail")).to_contain_text("Its input was not kept")
    expect(page.get_by_role("button", name="Close highway 1")).to_have_count(0)
    # without the input, the means of the layers alone tell
    expect(page.locator(".reason")).to_contain_text("Unusual for a 7: ")
    page.locator("record-tags input").fill("no spaces")
    page.get_by_role("button", name="Add tag").click()
    expect(page.locator("record-tags .problem")).to_contain_text("Parameter 'tag': expected")
    page.get_by_role("button", name="Back to the list").click()

    page.unroute(address)
    answer(page, f"{address}/what-if", {"error": "the queue is full"}, 429)
    page.get_by_role("button", name=ODD_ID).click()
    what_if = page.locator("record-what-if")
    expect(what_if).to_contain_text("The queue is full.")
    expect(page.get_by_role("button", name="Close highway 1")).to_be_disabled()
    page.unroute_all()
    what_if.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("button", name="Close highway 1")).to_be_enabled()
    expect(what_if.locator(".problem")).to_have_count(0)
    shared_visit.forgive()


def test_a_row_of_a_table_with_a_gate_scale_survives_a_replaced_model(
    visits: Visits, tmp_path: Path
) -> None:
    served, other = (
        Recipe(metadata=replace(TABLE, training=training), change=take_missing_values).build()
        for training in ({}, {"other": 1})
    )
    file = tmp_path / "models" / "tiny" / "1" / "model.onnx"
    file.parent.mkdir(parents=True)
    file.write_bytes(served)
    settings = {"HIGHWAY_LEDGER_URL": f"sqlite:///{tmp_path / 'ledger.db'}"}
    settings |= {"HIGHWAY_LEDGER_INPUTS": "all", "HIGHWAY_MODEL_POLL_SECONDS": "0.1"}
    with serving(tmp_path / "models", **settings) as (_, port):

        def replace_model(content: bytes) -> None:
            before = fetch(port, "/v2/models/tiny")["properties"]["digest"]
            part = file.with_suffix(".part")
            part.write_bytes(content)
            part.replace(file)
            eventually(lambda: fetch(port, "/v2/models/tiny")["properties"]["digest"] != before)

        eventually(lambda: fetch(port, "/ledger")["state"] == "writing")
        instance = {"age": 1, "job": "pilot", "member": True, "income": None}
        body = json.dumps({"instances": [instance], "gate_scale": {"highway 1": 0.5}}).encode()
        name = fetch(port, "/predict", body)["id"]
        eventually(lambda: len(rows_of(port, "limit=1")) == 1)
        visit = visits(port)
        page = visit.open("view=requests")
        page.get_by_role("button", name=name).click()
        page.locator("record-detail summary").click()
        scale = page.get_by_role("table", name="Gate scale of this what-if request")
        expect(scale.locator("tbody tr")).to_have_text(["highway 10.5", "highway 21"])
        columns = page.get_by_role("table", name="The recorded input").locator("tbody tr")
        expect(columns).to_have_text(["age1", "jobpilot", "membertrue", "incomemissing"])

        replace_model(other)
        with page.expect_request("**/what-if") as sent:
            page.get_by_role("button", name="Close highway 2").click()
        scales = {"highway 1": 0.5, "highway 2": 0}
        recorded_scale = {"highway 1": 0.5, "highway 2": 1}
        sent_scales = json.loads(sent.value.post_data or "")["gate_scale"]
        assert sent_scales == [recorded_scale, scales]
        result = page.locator(".what-if-result")
        expect(result).to_contain_text("The model that answered this request is no longer served")

        replace_model(served)
        result.get_by_role("button", name="Try again").click()
        expect(result).to_contain_text("Without highway 2: ")
        page.get_by_role("button", name="Open in Try it").click()
        stored = {**instance, "member": "true"}  # categories are kept as strings
        shown = state(page, "[s.view, s.input.kind, s.instance, s.scales]")
        assert shown == ["try", "row", stored, scales]
        until(page, "s.whatIf !== null")
    visit.forgive()


def test_names_that_javascript_reorders_keep_their_numbers(visits: Visits, tmp_path: Path) -> None:
    names, labels = ["a", "2", "1"], ["-1", "1"]
    file = tmp_path / "numbers.onnx"
    file.write_bytes(layered_model(3, 3, labels=labels, names=names))
    settings = {"HIGHWAY_LEDGER_URL": f"sqlite:///{tmp_path / 'ledger.db'}"}
    with serving(file, **settings, HIGHWAY_LEDGER_INPUTS="all") as (_, port):
        eventually(lambda: fetch(port, "/ledger")["state"] == "writing")
        body = json.dumps({"instances": [[[7] * 28] * 28]}).encode()
        name = fetch(port, "/predict", body)["id"]
        eventually(lambda: len(rows_of(port, "limit=1")) == 1)
        row = recorded_row(port, name)
        scales = json.dumps({"gate_scale": [{}, {"a": 0}]}).encode()
        before, after = fetch(port, f"/requests/{name}/what-if", scales)["predictions"]
        page = visits(port).open("view=requests")
        page.get_by_role("button", name=name).click()
        lines = page.locator(".gates tbody tr")
        expect(lines.locator("th")).to_have_text(names)
        shown = lines.locator(".number > span").evaluate_all("all => all.map((e) => e.title)")
        assert [float(text) for text in shown] == [row["gate_mean"][each] for each in names]

        page.get_by_role("button", name="Close a", exact=True).click()
        index = labels.index(before["label"])
        change = after["probabilities"][index] - before["probabilities"][index]
        text = module(page, "numbers.js", "(m, change) => m.points(change)", change)
        expect(page.locator(".what-if-result")).to_contain_text(text)
        places = lines.locator("svg svg:has(.what-if)").evaluate_all(
            "all => all.map((e) => e.getAttribute('x'))"
        )
        assert places[0] == "0%"
        call = "(m, gate) => m.gateGauge(gate).querySelector('svg').getAttribute('x')"
        for place, open_, low, high in zip(
            places[1:],
            after["gate_mean"][1:],
            (before["usual"] or {"low": []})["low"][1:],
            (before["usual"] or {"high": []})["high"][1:],
            strict=False,
        ):
            gate = {"value": open_, "usual": {"low": low, "high": high}, "whatIf": None}
            assert module(page, "past/gauge.js", call, gate) == place


def test_a_detail_that_is_not_of_the_api_is_a_sentence(requests_page: Page) -> None:
    page = requests_page
    address = f"**/requests/{quote(ODD_ID, safe='')}"
    answer(page, address, {"rows": [None]})
    page.get_by_role("button", name=ODD_ID).click()
    detail = page.locator("record-detail")
    expect(detail.locator(".problem")).to_contain_text(FOREIGN)
    page.unroute_all()
    answer(page, f"{address}/what-if", {"predictions": [{}]})
    detail.get_by_role("button", name="Try again").click()
    expect(detail.locator("record-what-if .problem")).to_contain_text(FOREIGN)
    page.unroute_all()


def test_a_typicality_is_never_finer_than_the_held_out_rows(shared_page: Page) -> None:
    call = "(m, values) => values.map(m.comparedText)"
    values = [1, 0.8659, 0.0501, 0.05, 0.0028, 0.0001, 1e-7]
    assert module(shared_page, "past/typicality.js", call, values) == [
        "more typical than 99 %",
        "more typical than 86 %",
        "more typical than 5 %",
        "like 50 in 1,000",
        "like 3 in 1,000",
        "like 1 in 10,000 (estimated)",
        "like fewer than 1 in 1,000,000 (estimated)",
    ]


def test_a_reason_names_the_layers_or_says_that_none_stands_out(shared_page: Page) -> None:
    def reason(combined: float, means: list[float], rareness: list[float] | None) -> Any:
        call = """(m, row, rareness) => m.gateReason(
          row, ["b", "1"], { low: [0.4, 0.4], high: [0.6, 0.6] }, rareness)"""
        typicality = {"combined": combined, "confidence": 1}
        gates = dict(zip(("b", "1"), means, strict=True))
        row = {"label": "8", "gate_mean": gates, "typicality": typicality}
        return module(shared_page, "past/gate-reason.js", call, row, rareness)

    assert reason(0.5, [0.1, 0.1], None) is None
    assert reason(0.01, [0.1, 0.9], None) == (
        "Unusual for an 8: b was less open than for most; 1 was more open than for most."
    )
    rare = "no single layer stands out, but the pattern of the gates is rare."
    assert reason(0.01, [0.1, 0.5], [0.5, 0.5]) == f"Unusual for an 8: {rare}"
    assert reason(0.04, [0.5, 0.5], [0.01, 0.5]) == f"Slightly unusual for an 8: {rare}"


def test_large_and_coloured_inputs_are_drawn(shared_page: Page) -> None:
    def drawn(height: int, width: int, pixel: list[int], low: int | None, high: int | None) -> Any:
        call = """(m, height, width, pixel, range) => {
          const rows = Array(height).fill(Array(width).fill(pixel));
          const canvas = m.inputPicture(rows, range);
          const context = canvas.getContext("2d");
          return [canvas.height, canvas.width, ...context.getImageData(0, 0, 1, 1).data];
        }"""
        bounds = {"low": low, "high": high}
        return module(shared_page, "past/input-picture.js", call, height, width, pixel, bounds)

    assert drawn(256, 256, [0, 128, 255], None, None) == [256, 256, 0, 128, 255, 255]
    assert drawn(3, 2, [0, 1, 2], 0, 2) == [3, 2, 0, 128, 255, 255]  # no planes of colours


def test_list_and_detail_fit_the_window(detail: Page) -> None:
    size = detail.viewport_size
    assert size is not None
    detail.locator("record-detail summary").click()
    sideways = "document.documentElement.scrollWidth - innerWidth"
    for width in (320, 900, 1920):
        detail.set_viewport_size({"width": width, "height": 900})
        assert detail.evaluate(sideways) <= 0
        expect(detail.locator("record-detail h2")).to_be_visible()
        expect(detail.locator("request-list")).to_be_visible(visible=width >= 1024)
    detail.get_by_role("button", name="Back to the list").click()
    for width in (320, 900):
        detail.set_viewport_size({"width": width, "height": 900})
        assert detail.evaluate(sideways) <= 0
        expect(detail.locator("request-list")).to_be_visible()
    detail.set_viewport_size(size)
