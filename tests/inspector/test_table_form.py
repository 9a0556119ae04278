"""The form of a table model, and the paste of a CSV row."""

import json
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from service.contract import Column
from tests.inspector.browser import module, state, until, update
from tests.inspector.conftest import ServeModel
from tests.inspector.input_steps import wait_for_answer
from tests.service.conftest import TABLE, Recipe, take_missing_values

COLUMNS = (
    Column(name="age", unit="years"),
    Column(name="job", categories=("nurse", "teacher", "pilot")),
    Column(name="member", categories=("false", "true")),
    Column(name="since", date="iso"),
)
INPUTS = {
    "usual": [41.5, 1, 1, 18262],
    "values": [[20, 30.5, 41.5, 60, 70], [0, 1], [0, 1], [17897, 18262, 18628]],
    "missing": [False, True, True, True],
}
USUAL = {"age": 41.5, "job": "teacher", "member": "true", "since": "2020-01-01"}


@pytest.fixture(scope="module")
def form_port(serve_model: ServeModel) -> int:
    """The port of a server of a model of four columns, with usual inputs."""
    metadata = replace(
        TABLE, input=replace(TABLE.input, columns=COLUMNS), gate_baseline={"inputs": INPUTS}
    )
    return serve_model(Recipe(metadata=metadata, change=take_missing_values).build())


@pytest.fixture(scope="module")
def visit_port(form_port: int) -> int:
    return form_port


@pytest.fixture
def page(shared_page: Page) -> Page:
    """The module's page with a new form."""
    shared_page.locator(".field").first.wait_for()
    return shared_page


def hint(page: Page, label: str) -> Locator:
    described = page.get_by_label(label).get_attribute("aria-describedby")
    return page.locator(f"#{described}")


def message(page: Page) -> Locator:
    return page.locator("table-input .message")


def paste(page: Page, row: str) -> None:
    if not page.get_by_label("One row; its header row").is_visible():
        page.get_by_text("Paste a CSV row").click()
    page.get_by_label("One row; its header row").fill(row)
    page.get_by_role("button", name="Use this row").click()


def test_the_form_starts_with_usual_values_and_their_answer(page: Page, form_port: int) -> None:
    assert state(page, "s.instance") == USUAL
    wait_for_answer(page, form_port)
    expect(page.get_by_label("age (years)")).to_have_value("41.5")
    expect(hint(page, "age (years)")).to_have_text("usually 20 to 70")
    expect(page.get_by_label("job").locator("option")).to_have_text(
        ["missing", "nurse", "teacher", "pilot"]
    )
    expect(page.get_by_label("member").locator("option")).to_have_text(["missing", "no", "yes"])
    expect(hint(page, "since")).to_have_text("usually 2019-01-01 to 2021-01-01")


def test_the_answer_follows_the_fields(page: Page, form_port: int) -> None:
    page.get_by_label("age (years)").fill("80")
    page.get_by_label("job").select_option("pilot")
    page.get_by_label("member").select_option("missing")
    page.get_by_label("since").fill("2022-02-28T12:30")
    wait_for_answer(page, form_port)
    expected = {"age": 80, "job": "pilot", "member": None, "since": "2022-02-28T12:30"}
    assert state(page, "s.instance") == expected
    assert state(page, "s.input") == {"kind": "row", "values": expected}
    expect(hint(page, "age (years)")).to_have_text("▲ above the usual 20 to 70")
    expect(hint(page, "job")).to_have_text("▲ rare: usually nurse, teacher")
    expect(hint(page, "member")).to_have_text("a gap")
    expect(hint(page, "since")).to_have_text("▲ above the usual 2019-01-01 to 2021-01-01")
    page.get_by_label("age (years)").fill("19.5")
    expect(hint(page, "age (years)")).to_have_text("▼ below the usual 20 to 70")


def test_a_gap_is_allowed_and_remarked_where_training_had_none(page: Page, form_port: int) -> None:
    page.get_by_label("age (years)").fill("")
    expect(hint(page, "age (years)")).to_have_text("The training rows have no gaps here.")
    wait_for_answer(page, form_port)
    assert state(page, "s.instance.age") is None


def test_a_text_that_does_not_fit_sends_nothing_and_keeps_the_rest(page: Page) -> None:
    for label, text, sentence in [
        ("age (years)", "4o", "expected a number; found '4o'."),
        ("age (years)", "1e39", "expected a number below 3.4e38; found '1e39'."),
        ("since", "2022-02-30", "expected a date such as 2026-02-01; found '2022-02-30'."),
    ]:
        field = page.get_by_label(label)
        before = field.input_value()
        field.fill(text)
        expect(hint(page, label)).to_have_text(sentence)
        assert field.get_attribute("aria-invalid") == "true"
        wait_for_instance(page, None)
        assert state(page, "s.answer") is None
        assert state(page, "s.input.values") == USUAL
        field.fill(before)
        wait_for_instance(page, USUAL)
        assert field.get_attribute("aria-invalid") is None


def wait_for_instance(page: Page, expected: Any) -> None:
    until(page, "JSON.stringify(s.instance) === value", json.dumps(expected, separators=(",", ":")))


def test_the_form_is_emptied_and_gets_its_usual_values_back(page: Page) -> None:
    page.get_by_role("button", name="Empty all").click()
    assert state(page, "s.instance") is None
    expect(page.get_by_label("age (years)")).to_have_value("")
    page.get_by_role("button", name="Usual values").click()
    assert state(page, "s.instance") == USUAL


def test_a_recorded_row_fills_the_form(page: Page) -> None:
    row = {"age": 20, "job": None, "member": False, "since": "2020-05-01"}
    update(page, input={"kind": "row", "values": row}, instance=row)
    expect(page.get_by_label("age (years)")).to_have_value("20")
    expect(page.get_by_label("job")).to_have_value("-1")
    expect(page.get_by_label("member")).to_have_value("0")
    assert state(page, "s.instance") == row


def test_csv_rows_fill_the_form(page: Page, form_port: int) -> None:
    cases: list[tuple[str, list[Any], str]] = [
        ("30,nurse,true,2021-03-04", [30, "nurse", "true", "2021-03-04"], ""),
        ('"30 years";"pilot";0;2021-03-04', [30, "pilot", "false", "2021-03-04"], ""),
        ("1,5;nurse;TRUE;", [1.5, "nurse", "true", None], ""),
        ("NA\t?\t\tnull\n1\tnurse\ttrue\t\n", [None, None, None, None], "1 more row was left out."),
        (
            "id,since,member,age,job\r\n7,2020-01-01,false,55,teacher\r\n",
            [55, "teacher", "false", "2020-01-01"],
            "1 other column was left out.",
        ),
    ]
    for row, values, note in cases:
        paste(page, row)
        expect(message(page)).to_have_text(f"The form has the values of the row. {note}".strip())
        expected = dict(zip(USUAL, values, strict=True))
        wait_for_instance(page, None if values == [None] * 4 else expected)
    wait_for_answer(page, form_port)
    expect(page.get_by_label("age (years)")).to_have_value("55")


def test_csv_rows_that_do_not_fit_get_a_sentence_and_change_nothing(page: Page) -> None:
    advice = "paste the header row above it, so that columns are found by name."
    for row, sentence in {
        "": "The row is empty; paste a line of a CSV file.",
        "30,nurse": f"The row does not fit: expected 4 columns, found 2; {advice}",
        "30,nurse,true,,5": f"The row does not fit: expected 4 columns, found 5; {advice}",
        "30,baker,true,": "The row does not fit: column 'job': expected one of 'nurse', 'teacher', "
        "'pilot'; found 'baker'.",
        "x,nurse,maybe,soon": "The row does not fit: column 'age': expected a number; found 'x'; "
        "column 'member': expected one of 'false', 'true'; found 'maybe'; "
        "column 'since': expected a date such as 2026-02-01; found 'soon'.",
        "age,job,member,since": "This is a header row only; paste the row below it too.",
        "age,job,member\n1,nurse,true": "The header does not have 'since'; expected 4 columns.",
        "age,job,member,since\n1,nurse": "The header has 4 columns, but the row has 2.",
        '30,"nurse,true,': 'A quote is not closed; expected a second " in the row.',
    }.items():
        paste(page, row)
        expect(message(page)).to_have_text(sentence)
        assert state(page, "s.instance") == USUAL
    expect(page.get_by_label("age (years)")).to_have_value("41.5")


def test_cells_of_csv_may_be_quoted(page: Page) -> None:
    rows = module(
        page,
        "input/csv-row.js",
        """({cellsOf}) => cellsOf('a, "b,""c""\\nd" ,"",e"f\\r\\n\\r\\n1,2\\n', ",")""",
    )
    assert rows == [["a", 'b,"c"\nd ', "", 'e"f'], ["1", "2"]]


def test_a_date_in_another_format_is_left_to_the_server(page: Page) -> None:
    read = module(
        page,
        "input/column-values.js",
        """({readCell}) => ["31.12.2020", "2020-12-31 10:00"].map((text) =>
          readCell(text, {name: "d", categories: [], date: "%d.%m.%Y", unit: ""}))""",
    )
    assert read == ["31.12.2020", "2020-12-31T10:00"]


def test_numbers_of_float32_are_shown_in_short(page: Page) -> None:
    shown = module(
        page,
        "input/column-values.js",
        """({textOf}) => [5.800000190734863, 1e-7, 123456.789, -0.5, 16777216].map((value) =>
          textOf(value, {name: "n", categories: [], date: null, unit: ""}))""",
    )
    assert shown == ["5.8", "1e-7", "123456.79", "-0.5", "16777216"]


MANY = """({store}, count) => {
  const names = Array.from({ length: count }, (_, index) => `column ${index}`);
  names[7] = "__proto__";
  const columns = names.map((name) => ({ name, categories: [], date: null, unit: "" }));
  const started = performance.now();
  store.update({
    model: {
      ...store.state.model, digest: `of ${count} columns`, usualInputs: null,
      input: { kind: "table", shape: [count], unit: "", low: null, high: null, columns },
    },
    input: null, instance: null,
  });
  return performance.now() - started;
}"""


def test_a_table_of_thousands_of_columns_has_a_filter(page: Page) -> None:
    page.route("**/what-if", lambda _: None)  # never answered: the server has no such model
    model = state(page, "s.model")
    assert module(page, "store.js", MANY, 5000) < 500
    fields = page.locator("table-input .field")
    expect(fields).to_have_count(30)
    expect(page.locator("table-input")).to_contain_text("30 of 5,000 columns are shown")
    assert state(page, "s.instance") is None
    page.get_by_role("button", name="Show more columns").click()
    expect(fields).to_have_count(60)
    page.get_by_label("Find a column").fill("Column 499")
    expect(fields).to_have_count(11)  # 499 and 4990 to 4999
    page.get_by_label("column 4995").fill("2")
    page.get_by_label("Find a column").fill("__proto__")
    page.get_by_label("__proto__").fill("3")
    page.get_by_label("Find a column").fill("no such column")
    expect(page.locator("table-input")).to_contain_text("None of the 5,000 columns")
    until(page, "Object.values(s.instance ?? {}).reduce((a, b) => a + b, 0) === 5")
    assert state(page, "Object.keys(s.instance).length") == 5000
    update(page, model=model, input=None, instance=None)
    page.unroute("**/what-if")


def test_the_instance_is_json_that_the_server_reads(page: Page, form_port: int) -> None:
    assert json.loads(json.dumps(state(page, "s.instance"))) == USUAL
    assert wait_for_answer(page, form_port)["label"] in {"a", "b", "c"}
