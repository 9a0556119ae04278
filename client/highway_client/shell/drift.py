"""`highway drift`: whether the traffic still looks like the held-out rows."""

from collections.abc import Iterator, Sequence

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from highway_client.json_values import JsonObject
from highway_client.shell.connection import Connection
from highway_client.shell.options import DEFAULT_URL, ApiKey, Csv, Json, Url, check_one
from highway_client.shell.output import print_csv
from highway_client.terminal import bar, escaped, fit, shown

BESIDE = 62  # characters beside a bar
LABELS = 10  # most of a table: those whose shares differ most from those of held-out rows
NUMBERS = ("rows", "share", "expected_share", "psi", "p_value", "drifting")
CSV_COLUMNS = ("model", "version", "window", "test", "name", *NUMBERS)
SPANS = {"5m": "the last 5 minutes", "1h": "the last hour", "1d": "the last day"}


def drift(
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    json_output: Json = False,
    csv_output: Csv = False,
) -> None:
    """Show whether recent rows differ from those that were held out of the training."""
    check_one(json=json_output, csv=csv_output)
    with Connection(url, api_key=api_key) as connection:
        response = connection.drift_response()
    body = JsonObject.parse(response.content)
    if json_output:
        typer.echo(response.content.decode())
    else:
        (write_drift if csv_output else show_drift)(body)


def write_drift(body: JsonObject) -> None:
    """Print a line of CSV for each test and each label of each window."""
    print_csv(CSV_COLUMNS, (row for model in body.objects("models") for row in _csv_rows(model)))


def show_drift(body: JsonObject) -> None:
    """Print the server's sentences, and a table for each window."""
    models = body.objects("models")
    for sentence in _summary(body, models):
        typer.echo(escaped(sentence))
    for model in models:
        for window in model.objects("windows"):
            rows = window.integer("rows")
            if rows:
                Console().print(_table(model, window))
            else:
                again = f"evaluated every {_duration(window.integer('slides_seconds'))}"
                typer.echo(escaped(f"{_title(model, window)}: no rows yet; {again}"))


def _summary(body: JsonObject, models: Sequence[JsonObject]) -> list[str]:
    """Return the server's sentences; a server of before 0.2 sends none."""
    sentences = [model.optional("summary", model.string) for model in models]
    known = [sentence for sentence in sentences if sentence is not None]
    whole = body.optional("summary", body.string)
    return known or ([] if whole is None else [whole])


def _title(model: JsonObject, window: JsonObject) -> str:
    span = SPANS.get(window.string("window"), window.string("window"))
    return f"{model.string('name')} version {model.string('version')}, {span}"


def _table(model: JsonObject, window: JsonObject) -> Table:
    """Show each test of a window, and the labels whose shares differ most."""
    found = "drifting" if window.boolean("drifting") else "not drifting"
    if window.object("labels").optional("p_value", window.object("labels").number) is None:
        found = "too few rows to test"
    rows = window.integer("rows")
    count = f"{rows:,} {'row' if rows == 1 else 'rows'}"
    title = f"{_title(model, window)}: {count}, {found}"
    table = Table(title=Text(escaped(title)), title_justify="left")
    table.add_column("test")
    table.add_column("from 0 to 1")
    table.add_column("", justify="right")
    table.add_column("p-value", justify="right")
    for layer in window.objects("layers"):
        table.add_row(*_cells(f"{shown(layer.string('name'))}, PSI", layer, "psi"))
    table.add_row(*_cells("labels, PSI", window.object("labels"), "psi"))
    for each in window.objects("atypical"):
        name = f"typicality of at most {each.number('expected_share'):g}"
        table.add_row(*_cells(name, each, "share"))
    table.add_section()
    for each in _most_different(window.objects("classes")):
        expected = f"{each.number('expected_share'):.3f} expected"
        share = each.number("share")
        name = f"label {shown(each.string('label'))}"
        table.add_row(Text(name), Text(_bar(share)), f"{share:.3f}", expected)
    table.caption = "PSI: population stability index; !: below the p-value that means drift"
    table.caption_justify = "left"
    return fit(table)


def _duration(seconds: int) -> str:
    return f"{seconds} seconds" if seconds <= 60 else f"{seconds / 60:g} minutes"


def _cells(name: str, test: JsonObject, member: str) -> tuple[Text | str, ...]:
    value, p_value = test.number(member), test.optional("p_value", test.number)
    shown_p = "not tested" if p_value is None else f"{p_value:.2g}"
    mark = " !" if test.boolean("drifting") else ""
    return Text(name), Text(_bar(value)), f"{value:.3f}", f"{shown_p}{mark}"


def _bar(value: float) -> str:
    return bar(min(value, 1), beside=BESIDE)


def _most_different(classes: Sequence[JsonObject]) -> list[JsonObject]:
    def difference(each: JsonObject) -> float:
        return -abs(each.number("share") - each.number("expected_share"))

    return sorted(classes, key=difference)[:LABELS]


def _csv_rows(model: JsonObject) -> Iterator[Sequence[object]]:
    """Yield a row for each test and each label of each window; what a test lacks is empty."""
    for window in model.objects("windows"):
        start = [model.string("name"), model.string("version"), window.string("window")]
        tests = [
            *(("layer", layer.string("name"), layer) for layer in window.objects("layers")),
            ("labels", "", window.object("labels")),
            *(("atypical", "", each) for each in window.objects("atypical")),
            *(("label", each.string("label"), each) for each in window.objects("classes")),
        ]
        for test, name, members in tests:
            yield [*start, test, name, *_numbers(test, members)]


def _numbers(test: str, members: JsonObject) -> list[object]:
    # The PSI of a label is a list of those of the layers.
    names = [name for name in NUMBERS if (test, name) != ("label", "psi")]
    known = {name: members.value(name) for name in names if name in members}
    return [known.get(name) for name in NUMBERS]
