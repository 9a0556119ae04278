"""`highway requests`, `request` and `flag`: past requests of the server's ledger."""

from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from highway_client.attempts import Response
from highway_client.calls import FLAGGED, read_tags
from highway_client.errors import ArgumentError, ServerError
from highway_client.json_values import JsonObject, dump
from highway_client.records import RecordedRow, read_recorded
from highway_client.shell.connection import Connection
from highway_client.shell.durations import time_of
from highway_client.shell.explain import show_explanation
from highway_client.shell.ledger_tables import list_table, recorded_table
from highway_client.shell.options import (
    DEFAULT_URL,
    ApiKey,
    Csv,
    Inputs,
    Json,
    Url,
    check_one,
)
from highway_client.shell.output import print_csv
from highway_client.shell.prediction_tables import ATYPICAL
from highway_client.terminal import escaped

PAGE_ROWS = 1000  # most rows of a page
COLUMNS = ("id", "row", "rows", "time", "endpoint", "model_name", "model_version", "label")
CSV_COLUMNS = (*COLUMNS, "probability", "typicality_combined", "weight", "tags")
MAX_LISTED = 10  # indices in one message
SHOWN_ROWS = 3  # of one request, in detail
NONE_SERVED = "no recorded row of the served models matches; --model '*' lists those of all models"

Sort = Literal["-time", "time", "typicality", "-typicality"]
RecordedIndex = Annotated[
    int | None, typer.Option(min=0, help="Index of the row in the request, from 0.")
]
RecordedTime = Annotated[
    str | None,
    typer.Option("--time", help="Time of the row, if several requests have the id."),
]
RequestId = Annotated[str, typer.Argument(metavar="ID", help="Id of the request.")]


def requests(
    atypical: Annotated[
        bool,
        typer.Option(
            "--atypical", help="Only rows with a typicality below 0.01, most unusual first."
        ),
    ] = False,
    typicality_below: Annotated[
        float | None, typer.Option(help="Only rows with a typicality below this number.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Earliest time: 90s, 15m, 1h or 7d ago, or ISO 8601.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Latest time, written alike.")] = None,
    label: Annotated[str | None, typer.Option(help="Only rows of this predicted label.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only rows with this tag.")] = None,
    model: Annotated[str | None, typer.Option(help="Only rows of this model; * for all.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of rows.")] = 20,
    sort: Annotated[
        Sort | None, typer.Option(help="Order; `-` is descending. Default: newest first.")
    ] = None,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    json_output: Json = False,
    csv_output: Csv = False,
) -> None:
    """List past requests that the server has recorded."""
    check_one(json=json_output, csv=csv_output)
    check_one(atypical=atypical, typicality_below=typicality_below is not None)
    filters: dict[str, object] = {
        "typicality_below": ATYPICAL if atypical else typicality_below,
        "since": time_of("--since", since),
        "until": time_of("--until", until),
        "label": label,
        "tag": tag,
        "model": model,
        "sort": sort or ("typicality" if atypical else None),
    }
    with Connection(url, api_key=api_key) as connection:
        page = _pages(connection, filters, limit)
    if json_output:
        typer.echo(dump(page).decode())
    elif csv_output:
        print_csv(CSV_COLUMNS, map(_csv_row, page["requests"]))
    else:
        _show_list(page, model)


def request(
    request_id: RequestId,
    row: RecordedIndex = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Explain the stored input of the row.")
    ] = False,
    inputs: Inputs = False,
    at: RecordedTime = None,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    json_output: Json = False,
    csv_output: Csv = False,
) -> None:
    """Show what is recorded of one request, or explain it again."""
    check_one(json=json_output, csv=csv_output)
    if csv_output and not explain:
        raise ArgumentError("--csv: expected --explain beside it; `highway requests` lists rows")
    for option, is_given in (("--inputs", inputs), ("--time", at is not None)):
        if is_given and not explain:
            raise ArgumentError(f"{option}: expected --explain beside it, found none; add it")
    with Connection(url, api_key=api_key) as connection:
        if explain:
            index = _only_row(connection, request_id) if row is None else row
            response = connection.recorded_explanation(
                request_id, row=index, time=at, inputs=inputs
            )
            show_explanation(response, json_output=json_output, csv_output=csv_output)
            return
        response = connection.recorded(request_id)
        chosen = [each for each in read_recorded(response) if row in (None, each.row)]
        if not chosen:
            raise ArgumentError(
                f"--row: expected a recorded row of this request, found {row}; without --row, all "
                "are shown"
            )
        if json_output:
            typer.echo(response.content.decode() if row is None else _json_of_row(response, row))
        else:
            _show_rows(connection, chosen)


def flag(
    request_id: RequestId,
    tag: Annotated[str, typer.Option(help="The tag, such as wrong.")] = FLAGGED,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the tag.")] = False,
    row: RecordedIndex = None,
    at: RecordedTime = None,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    json_output: Json = False,
) -> None:
    """Add a tag to a recorded row, so that it is found again, or remove it."""
    with Connection(url, api_key=api_key) as connection:
        index = _only_row(connection, request_id) if row is None else row
        response = connection.flagged(request_id, row=index, time=at, tag=tag, remove=remove)
    tags = ", ".join(read_tags(response)) or "none"
    if json_output:
        typer.echo(response.content.decode())
    else:
        typer.echo(escaped(f"{request_id}, row {index}: its tags are {tags}"))


def _json_of_row(response: Response, row: int) -> str:
    """Return the response with one row alone, that of each request with the id."""
    members = JsonObject.parse(response.content)
    rows = [each for each in members.value("rows") if each["row"] == row]
    return dump({name: members.value(name) for name in members} | {"rows": rows}).decode()


def _only_row(connection: Connection, request_id: str) -> int:
    """Return the index of the only recorded row of a request; of several, one must be named.

    It is 0 for a request that is not written yet, for which a flag waits.
    """
    try:
        rows = read_recorded(connection.recorded(request_id))
    except ServerError as error:
        if error.status != 404:
            raise
        return 0
    indices = sorted({row.row for row in rows})
    if len(indices) > 1:
        more = ", ..." if len(indices) > MAX_LISTED else ""
        listed = ", ".join(map(str, indices[:MAX_LISTED])) + more
        raise ArgumentError(
            f"--row: expected one of the {len(indices)} recorded rows of this request, found none; "
            f"name one: {listed}"
        )
    return indices[0]


def _pages(connection: Connection, filters: dict[str, object], limit: int) -> dict[str, Any]:
    """Return the first rows of all pages as one page."""
    rows: list[Any] = []
    gaps: list[Any] = []
    cursor: str | None = None
    while True:
        size = min(PAGE_ROWS, limit - len(rows))
        response = connection.recorded_page({**filters, "limit": size, "cursor": cursor})
        page = JsonObject.parse(response.content)
        rows += page.value("requests")
        gaps = gaps or page.value("gaps")
        cursor = page.optional("next", page.string)
        if cursor is None or len(rows) >= limit:
            return {"requests": rows, "gaps": gaps, "next": cursor}


def _csv_row(row: Any) -> list[object]:
    members = JsonObject(row)
    typicality = members.optional("typicality", members.object)
    return [
        *(members.value(name) for name in COLUMNS),
        members.number("probability"),
        None if typicality is None else typicality.number("combined"),
        members.number("weight"),
        " ".join(members.strings("tags")),
    ]


def _show_list(page: dict[str, Any], model: str | None) -> None:
    for gap in map(JsonObject, page["gaps"]):
        lost = f"{gap.integer('rows'):,} rows from {gap.string('began')} to {gap.string('ended')}"
        typer.echo(escaped(f"not recorded: {lost}: {gap.string('reason')}"), err=True)
    rows = [JsonObject(row) for row in page["requests"]]
    if not rows:
        typer.echo("no recorded row matches" if model is not None else NONE_SERVED)
        return
    models = {(row.string("model_name"), row.string("model_version")) for row in rows}
    Console().print(list_table(rows, with_model=len(models) > 1))
    if page["next"] is not None:
        typer.echo("there may be more rows; --limit shows more")


def _show_rows(connection: Connection, rows: list[RecordedRow]) -> None:
    for row in rows[:SHOWN_ROWS]:
        model = connection.served(row.model_name, row.model_version)
        Console().print(recorded_table(row, model))
    if len(rows) > SHOWN_ROWS:
        typer.echo(f"and {len(rows) - SHOWN_ROWS:,} more rows; --row shows one, --json all")
