"""Which layers and inputs decide the label."""

import json
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Response, expect

from tests.inspector.browser import module, state
from tests.inspector.conftest import ServeModel, Visits
from tests.inspector.inputs import example, show_picture, show_row
from tests.inspector.models import layered_model

SENTENCES = "units/explanation-sentences.js"
MARKUP = "<img src=x onerror=alert(1)>"

ROW = {"age": 3, "job": "pilot", "member": False, "income": 900}


@pytest.fixture(scope="module")
def markup_port(serve_model: ServeModel) -> int:
    names = [f"{MARKUP} {number}" for number in range(40)]
    return serve_model(layered_model(40, 3, labels=(MARKUP, "</script>", "c"), names=names))


def button(page: Page) -> Locator:
    return page.locator("explanation-panel button.primary")


def explain(page: Page) -> Any:
    """Press the button; return the server's response."""
    with page.expect_response(lambda response: response.url.endswith(":explain")) as awaited:
        button(page).click()
    response: Response = awaited.value
    expect(page.locator("explanation-panel .explained")).to_be_visible()
    return response.json()


def numbers(page: Page, summary: str) -> list[list[str]]:
    """Open a table, and return the cells of its rows."""
    details = page.locator("explanation-panel details").filter(has_text=summary)
    details.locator("summary").click()
    rows = details.locator("tbody tr")
    expect(rows).not_to_have_count(0)  # they are filled after the details have opened
    return [row.locator("th, td").all_inner_texts() for row in rows.all()]


def test_an_explained_picture_says_which_layer_and_which_part_decided(page: Page) -> None:
    panel = page.locator("explanation-panel")
    expect(button(page)).to_be_hidden()
    show_picture(page, example("seven"))
    expect(panel.get_by_role("heading").first).to_have_text("Which layer made it a 7?")
    with page.expect_response(lambda response: response.url.endswith(":explain")) as awaited:
        page.get_by_role("link", name="Which layers decide this label?").click()
    explained = awaited.value.json()
    expect(panel.locator(".explained")).to_be_in_viewport()
    assert explained["decisive_layers"] == ["highway 1"]
    expect(panel.locator(".lead")).to_have_text(
        "Layer highway 1 decides this answer: without it the label is “1”."
    )
    expect(panel).to_contain_text("Closing any other layer alone does not change the label.")
    rows = panel.locator(".bar-row")
    expect(rows).to_have_count(8)
    expect(rows.first).to_have_text("highway 1−81 pointsbecomes “1”")
    shown = [
        (name, label, float(probability), float(change))
        for name, label, probability, change in numbers(page, "Numbers of the layers")
    ]
    assert shown == [
        (layer["name"], closed["label"], closed["probability"], closed["probability_change"])
        for layer in explained["layers"]
        for closed in [layer["closed"]]
    ]

    inputs = explained["inputs"]
    changes = inputs["probability_change"]
    least = min(change for row in changes for change in row)
    row = next(i for i, row in enumerate(changes) if least in row)
    top = inputs["tops"][row]
    expect(panel.locator(".patches")).to_contain_text(
        f"4 × 4 pixels at the bottom, in the middle. Without it, the probability of “7” "
        f"falls by {-100 * least:.0f} percentage points."
    )
    parts = numbers(page, "Numbers of the parts")
    assert [[float(text) for text in cells[1:]] for cells in parts] == changes
    assert [int(cells[0]) for cells in parts] == inputs["tops"]

    page.get_by_role("grid", name="Parts of the picture").focus()
    page.keyboard.press("Home")
    expect(panel.locator(".patches .readout")).to_have_text(
        f"rows {top} to {top + 3}, columns 0 to 3: 0 points, label “7”"
    )


def test_the_counterfactual_closes_its_layers_and_opens_them_again(page: Page) -> None:
    show_picture(page, example("seven"), scales={"highway 5": 0.5})
    explain(page)
    close = page.get_by_role("button", name="Close highway 1")
    close.press("Enter")
    assert state(page, "s.scales") == {"highway 1": 0}
    expect(close).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".bar-row").first).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Enter")
    assert state(page, "s.scales") == {}

    page.locator(".bar-row").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert state(page, "s.scales") == {"highway 3": 0}
    expect(page.locator(".bar-row:focus")).to_contain_text("closed now")
    page.keyboard.press("End")
    page.keyboard.press(" ")
    assert state(page, "s.scales") == {"highway 3": 0, "highway 8": 0}


def test_another_picture_drops_the_explanation_and_a_request_for_it(page: Page) -> None:
    show_picture(page, example("seven"))
    explain(page)
    show_picture(page, example("noisy_seven"))
    assert state(page, "s.explanation") is None
    expect(page.locator("explanation-panel .explained")).to_be_hidden()

    page.route("**:explain", lambda route: None)  # no response
    button(page).click()
    expect(button(page)).to_have_text("Closing each layer in turn …")
    page.unroute("**:explain")
    button(page).click()  # again, during the first request
    expect(page.locator("explanation-panel .lead")).to_contain_text("highway 1 decides")
    expect(button(page)).to_have_text("Which layers decide this label?")

    page.route("**:explain", lambda route: None)
    button(page).click()
    show_picture(page, example("seven"))  # drawing goes on
    expect(button(page)).to_have_text("Which layers decide this label?")
    assert state(page, "s.explanation") is None
    page.unroute_all(behavior="ignoreErrors")


def test_an_error_is_reported_and_the_button_works_again(visits: Visits) -> None:
    visit = visits()
    page = visit.open()
    show_picture(page, example("seven"))
    page.evaluate(
        "document.addEventListener('api-error', (e) => { window.said = e.detail.message; })"
    )
    full = json.dumps({"error": "the queue is full"})
    page.route("**:explain", lambda route: route.fulfill(status=429, body=full))
    with page.expect_console_message(lambda line: "429" in line.text):  # it may come last
        button(page).click()
    page.wait_for_function("() => window.said === 'the queue is full'")
    visit.forgive()
    expect(button(page)).to_have_text("Which layers decide this label?")
    page.unroute("**:explain")
    explain(page)


def test_a_row_of_a_table_says_which_columns_decide_and_tries_a_change(
    visits: Visits, table_port: int
) -> None:
    page = visits(table_port).open()
    show_row(page, ROW)
    explained = explain(page)
    panel = page.locator("explanation-panel")
    expect(panel.locator(".lead")).to_have_text("No layer decides this answer.")
    expect(panel).to_contain_text("Even with all layers closed the label stays “a”.")
    expect(panel).to_contain_text("Replacing age alone by a usual value changes the label.")
    rows = panel.locator(".column-bars tbody tr")
    expect(rows).to_have_count(4)
    # The probability is e³ / (e³ + e² + 1) = 0.705; with an age of 0 it is 1 / (e² + 2) = 0.107.
    expect(rows.first).to_have_text("age30−60 pointsbecomes “b”")
    expect(rows.last).to_have_text("income900missing0 points“a”")
    assert [
        (name, label, float(probability), float(change))
        for name, label, probability, change in numbers(page, "Numbers of the columns")
    ] == [
        (column["name"], column["label"], column["probability"], column["probability_change"])
        for column in explained["inputs"]["columns"]
    ]
    expect(panel).to_contain_text("With age 1 instead of 3 it would be “b”.")

    page.get_by_role("button", name="Try this change").press("Enter")
    changed = {**ROW, "age": 1}
    assert state(page, "s.instance") == changed
    assert state(page, "s.input") == {"kind": "row", "values": changed}
    expect(panel.get_by_role("heading").first).to_have_text("Which layer made it “b”?")
    expect(button(page)).to_be_focused()
    assert state(page, "s.explanation") is None


def test_names_are_text_and_many_layers_without_usual_inputs_are_explained(
    visits: Visits, markup_port: int
) -> None:
    page = visits(markup_port).open()
    show_picture(page, example("seven"))
    explained = explain(page)
    assert "inputs" not in explained
    panel = page.locator("explanation-panel")
    expect(panel.locator(".patches")).to_be_hidden()
    expect(panel.locator(".columns")).to_be_hidden()
    expect(panel.locator(".bar-row")).to_have_count(40)
    expect(panel.locator(".bar-row").nth(12)).to_contain_text(f"{MARKUP} 12")
    page.get_by_role("button", name="Pin this answer").click()
    show_picture(page, example("noisy_seven"))
    page.get_by_text("Numbers of both answers").click()
    page.get_by_text("Numbers of one layer").click()
    expect(page.locator("comparison-panel")).to_contain_text(f"probability of {MARKUP}")
    assert page.locator("main img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def closed(name: str, label: str) -> dict[str, Any]:
    return {"name": name, "closed": {"label": label}}


LAYERS = [closed("highway 1", "7"), closed("highway 2", "1"), closed("highway 5", "9")]
SET = {"closed_layers": ["highway 2", "highway 5"], "label": "3"}


@pytest.mark.parametrize(
    ("label", "decisive", "counterfactual", "answer", "reason"),
    [
        (
            "7",
            ["highway 2"],
            {"closed_layers": ["highway 2"], "label": "1"},
            "Layer highway 2 decides this answer: without it the label is “1”.",
            "Closing any other layer alone does not change the label.",
        ),
        (
            "8",
            ["highway 2", "highway 5"],
            {"closed_layers": ["highway 2"], "label": "1"},
            "Highway 2 and highway 5 are each needed for “8”.",
            "Without highway 2 it becomes “1”; without highway 5, “9”.",
        ),
        (
            "7",
            [],
            SET,
            "Several layers together decide this answer.",
            "No single layer decides; closing highway 2 and highway 5 together changes the label "
            "from “7” to “3”.",
        ),
        (
            "cat",
            [],
            None,
            "No layer decides this answer.",
            "Even with all layers closed the label stays “cat”.",
        ),
    ],
)
def test_a_sentence_answers_which_layer_made_the_label(
    module_page: Page,
    label: str,
    decisive: list[str],
    counterfactual: dict[str, Any] | None,
    answer: str,
    reason: str,
) -> None:
    explanation = {
        "prediction": {"label": label},
        "layers": LAYERS,
        "decisive_layers": decisive,
        "counterfactual": counterfactual,
    }
    sentences = module(module_page, SENTENCES, "(m, e) => m.layerSentences(e)", explanation)
    assert sentences == {"answer": answer, "reason": reason}


def test_many_names_are_counted_in_a_sentence(module_page: Page) -> None:
    names = [f"h{number}" for number in range(1, 46)]
    lists = "(m, names) => [1, 2, 3, 6, 45].map((count) => m.listOf(names.slice(0, count)))"
    listed = module(module_page, "words.js", lists, names)
    assert listed == [
        "h1",
        "h1 and h2",
        "h1, h2 and h3",
        "h1, h2, h3, h4, h5 and h6",
        "h1, h2, h3, h4, h5 and 40 more",
    ]


def test_sentences_say_what_columns_and_changes_do(module_page: Page) -> None:
    def column(name: str, value: Any, change: float) -> dict[str, Any]:
        return {"name": name, "value": value, "replaced_by": None, "probability_change": change}

    columns = [column("a", 2, 0.04), column("b", 1, -0.12)]
    about = "(m, columns, decisive_columns) => m.columnSentence({ columns, decisive_columns }, '7')"
    said = module(module_page, SENTENCES, about, columns, [])
    assert said == (
        "No column alone changes the label. The one that matters most is b: with missing instead "
        "of 1, the probability of “7” falls by 12 percentage points."
    )
    said = module(module_page, SENTENCES, about, columns, ["a", "b"])
    assert said == "Replacing one of a or b alone by a usual value changes the label."
    changes = [
        {"name": "length", "value": 5.1, "changed_to": 4.6},
        {"name": "job", "value": "pilot", "changed_to": None},
    ]
    said = module(
        module_page, SENTENCES, "(m, c) => m.changeSentence(c)", {"changes": changes, "label": "1"}
    )
    changed = "With length 4.6 instead of 5.1 and job missing instead of pilot"
    assert said == f"{changed} it would be “1”."
    said = module(module_page, SENTENCES, "(m) => m.changeSentence(null)")
    assert said == "No change of a few columns was found that changes the label."


def test_patches_that_overlap_keep_the_strongest_effect(module_page: Page) -> None:
    inputs = {
        "patch": [2, 2],
        "tops": [0, 1],
        "lefts": [0],
        "label": [["7"], ["1"]],
        "probability_change": [[0.1], [-0.3]],
    }
    effects, strongest, places = module(
        module_page,
        "units/patches.js",
        """(m, inputs) => [
          m.pixelEffects(inputs, 3, 2), m.strongestPatch(inputs),
          [[0, 0], [0, 12], [12, 0], [12, 12], [24, 24]].map(
            ([top, left]) => m.placeOf(top, left, [4, 4], 28, 28)),
        ]""",
        inputs,
    )
    assert effects == [[0.1, 0.1], [-0.3, -0.3], [-0.3, -0.3]]
    assert strongest == {
        "row": 1,
        "column": 0,
        "top": 1,
        "left": 0,
        "change": -0.3,
        "replacedLabel": "1",
    }
    assert places == [
        "at the top left",
        "at the top, in the middle",
        "at the left, halfway up",
        "in the middle",
        "at the bottom right",
    ]
