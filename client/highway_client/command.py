"""The commands that send requests to a server, such as `highway predict`."""

import typer

from highway_client.errors import ClientError
from highway_client.shell.drift import drift
from highway_client.shell.explain import explain
from highway_client.shell.ledger import flag, request, requests
from highway_client.shell.predict import predict
from highway_client.terminal import run

app = typer.Typer(
    help="Send requests to a highway-networks server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (predict, explain, requests, request, flag, drift):
    app.command()(command)


def main() -> None:
    """Run a command."""
    run(_command)


def _command() -> None:
    try:
        app()
    except ClientError as error:
        raise SystemExit(f"error: {error}") from error
