"""The answer: label, probabilities, typicality, and the announcement of a result."""

import pytest
from playwright.sync_api import Page, expect

from tests.inspector.browser import module, update
from tests.inspector.conftest import Visits
from tests.inspector.inputs import NOISY_SEVEN, numbers, restart, show_picture, what_if

LABELS = "Numbers of all labels"
TYPICALITY = "Numbers of the typicality"


@pytest.fixture
def page(module_page: Page) -> Page:
    """The loaded page, without an input."""
    return restart(module_page)


def test_the_answer_is_the_api_s(page: Page, port: int) -> None:
    expect(page.locator("answer-panel")).to_contain_text("draw one, or choose an example")
    show_picture(page)
    prediction = what_if(port, {})[0]
    outcome = page.locator("answer-panel .outcome.before")
    expect(outcome.locator(".label")).to_have_text(prediction["label"])
    expect(outcome.locator(".probability")).to_have_text("> 99.99 %")
    expect(page.locator("answer-panel .outcome.after")).to_be_hidden()
    rows = numbers(page, "answer-panel", LABELS)
    assert [row[0] for row in rows] == list("0123456789")
    shown = [float(row[1]) for row in rows]
    assert shown == prediction["probabilities"]
    assert sum(shown) == pytest.approx(1, abs=1e-6)
    assert {row[2] for row in rows} == {"–"}
    typicality = numbers(page, "answer-panel", TYPICALITY)
    judges = prediction["typicality"]
    assert [[row[0], float(row[1])] for row in typicality] == [
        ["Combined", judges["combined"]],
        ["Gates", judges["gates"]],
        ["Confidence", judges["confidence"]],
    ]
    bars = page.locator("answer-panel .bars")
    best = sorted(range(10), key=lambda label: -shown[label])[:5]
    assert bars.locator(".label").all_text_contents() == [str(label) for label in best]
    shares = bars.locator(".bar:not(.after)").evaluate_all(
        "(bars) => bars.map((bar) => Number(bar.style.getPropertyValue('--share')))"
    )
    assert shares == [shown[label] for label in best]


def test_typicality_is_said_in_words(page: Page) -> None:
    show_picture(page)
    words = page.locator("answer-panel .typicality")
    expect(words).to_have_text("Usual: more typical than 86 % of the held-out pictures.")
    judges = page.locator("answer-panel .judges")
    expect(judges).to_contain_text("Judged by its gates alone: more typical than 79 %.")
    expect(judges).to_contain_text("By the model's confidence alone: more typical than 72 %.")
    expect(judges).to_contain_text(
        "Held-out pictures are examples that were kept out of the training."
    )
    show_picture(page, NOISY_SEVEN)
    expect(words).to_have_text(
        "Unusual: about 1 in 10,000 pictures like the training data would look as unusual (an"
        " estimate)."
    )


def test_a_what_if_stands_beside_the_original(page: Page, port: int) -> None:
    show_picture(page)
    update(page, scales={"highway 1": 0})
    after = page.locator("answer-panel .outcome.after")
    expect(after).to_have_text("With highway 1 closed180.0 %")
    expect(page.locator("answer-panel .outcome.before")).to_have_text("As it is7> 99.99 %")
    change = page.locator("answer-panel .consequence")
    expect(change).to_have_text("The label changes from “7” to “1”.")
    original, closed = what_if(port, {}, {"highway 1": 0})
    rows = numbers(page, "answer-panel", LABELS)
    assert [float(row[1]) for row in rows] == original["probabilities"]
    assert [float(row[2]) for row in rows] == closed["probabilities"]
    bars = page.locator("answer-panel .bars li")
    assert bars.locator(".label").all_text_contents()[:2] == ["7", "1"]
    assert bars.nth(1).locator(".number").all_text_contents() == ["< 0.01 %", "80.0 %"]
    update(page, scales={"highway 2": 0})
    expect(change).to_have_text("The label stays “7”: > 99.99 % becomes 99.0 %.")
    update(page, scales={})
    expect(after).to_be_hidden()


def test_a_result_is_announced_once(page: Page) -> None:
    place = page.locator("#announcement")
    place.evaluate(
        """(place) => {
          place.said = [];
          new MutationObserver(() => place.said.push(place.textContent))
            .observe(place, { childList: true, characterData: true, subtree: true });
        }"""
    )
    show_picture(page, NOISY_SEVEN)
    show_picture(page)
    expect(place).to_have_text("7, more than 99.99 percent. Usual.")
    update(page, scales={"highway 1": 0})
    expect(place).to_have_text(
        "With highway 1 closed: 1, 80.0 percent. The label changes from “7” to “1”."
    )
    assert place.evaluate("(place) => place.said") == [
        "7, more than 99.99 percent. Usual.",
        "With highway 1 closed: 1, 80.0 percent. The label changes from “7” to “1”.",
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1, "100 in 100"),
        (0.9999, "99 in 100"),
        (0.8567, "86 in 100"),
        (0.003, "3 in 1,000"),
        (0.0003, "3 in 10,000"),
        (1e-9, "fewer than 1 in 1,000,000"),
    ],
)
def test_a_p_value_is_a_share_of_rows(module_page: Page, value: float, words: str) -> None:
    assert module(module_page, "numbers.js", "(m, value) => m.share(value)", value) == words


def test_a_p_value_is_a_sentence_without_counts_that_cannot_be(module_page: Page) -> None:
    said = module(
        module_page,
        "typicality.js",
        "(m) => [0.921, 1, 0.03, 0.0031, 0.00003].map((p) => m.rowsAsUnusual(p, 'pictures'))",
    )
    assert said == [
        "more typical than 92 % of the held-out pictures",
        "more typical than 99 % of the held-out pictures",
        "only about 3 in 100 held-out pictures look as unusual",
        "only about 3 in 1,000 held-out pictures look as unusual",
        "about 3 in 100,000 pictures like the training data would look as unusual (an estimate)",
    ]


def test_the_thresholds_of_typicality(module_page: Page) -> None:
    levels = module(
        module_page,
        "typicality.js",
        "(m) => [0, 0.01, 0.011, 0.05, 0.051, 1].map((value) => m.levelOf(value).name)",
    )
    rare, slightly = "unusual", "slightly unusual"
    assert levels == [rare, rare, slightly, slightly, "usual", "usual"]


def test_the_most_probable_of_many_labels_are_found(module_page: Page) -> None:
    found = module(
        module_page,
        "highway/probability-bars.js",
        "(m) => [m.mostProbable([[0.1, 0.4, 0.2, 0.3]], 2),"
        " m.mostProbable([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]], 2), m.mostProbable([[0.5, 0.5]], 5)]",
    )
    assert found == [[1, 3], [0, 2], [0, 1]]


def test_a_small_screen_has_the_answer_in_a_line_while_its_panel_is_out_of_sight(
    visits: Visits,
) -> None:
    page = visits(viewport={"width": 360, "height": 740}).open()
    line = page.locator("answer-line")
    expect(line).to_be_hidden()
    show_picture(page)
    expect(line.get_by_role("link")).to_have_text("The answer: 7 > 99.99 % usual ")
    update(page, scales={"highway 1": 0})
    expect(line.get_by_role("link")).to_have_text("The answer: 7 > 99.99 % usual → 1")
    line.get_by_role("link").click()
    expect(page.locator("answer-panel .outcomes")).to_be_in_viewport()
    expect(line).to_be_hidden()
    expect(page.locator("answer-panel h2")).to_be_focused()

    factor = page.locator("#factor")  # the keyboard moves on, and the line covers nothing
    page.evaluate("window.scrollTo(0, 0)")
    expect(line).to_be_visible()
    factor.focus()
    box = factor.bounding_box()
    assert box is not None
    edge = line.bounding_box() or {"y": 740.0}
    assert box["y"] + box["height"] <= edge["y"]
    page.set_viewport_size({"width": 1280, "height": 740})
    expect(line).to_be_hidden()
