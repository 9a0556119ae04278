"""Options that several commands share."""

from typing import Annotated

import typer

from highway_client.errors import ArgumentError

DEFAULT_URL = "http://127.0.0.1:8000"

Url = Annotated[str, typer.Option(help="URL of the server.")]
ApiKey = Annotated[
    str | None, typer.Option(envvar="HIGHWAY_CLIENT_KEY", help="API key of the server.")
]
Model = Annotated[str | None, typer.Option(help="Name of the model; default: the server's first.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
Invert = Annotated[bool, typer.Option("--invert", help="Invert the brightness of pictures.")]
Delimiter = Annotated[
    str | None,
    typer.Option(help='Delimiter of a table\'s cells, such as ";" or "tab"; default: found.'),
]
Encoding = Annotated[
    str | None, typer.Option(help="Encoding of a table, such as cp1252; default: found.")
]
Inputs = Annotated[
    bool,
    typer.Option("--inputs", help="Show which columns or parts of the image the label depends on."),
]


def check_one(**given: bool) -> None:
    """Refuse two options that exclude each other; keys are their names with underscores."""
    names = [f"--{name.replace('_', '-')}" for name, is_given in given.items() if is_given]
    if len(names) > 1:
        raise ArgumentError(f"{names[1]}: expected it without {names[0]}; leave out one of both")
