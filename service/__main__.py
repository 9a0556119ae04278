"""The command line: `python -m service serve | check`."""

from pathlib import Path
from typing import Annotated

import typer

from service.classifier import Classifier
from service.contract import ContractError
from service.settings import SettingsError, read_settings

app = typer.Typer(
    help="Serve a verified highway network over HTTP.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

PublicKeyOption = Annotated[
    Path | None, typer.Option(help="Require FILE.sig, a signature by the owner of this PEM key.")
]


@app.command()
def serve(
    file: Annotated[
        Path | None, typer.Argument(help="The .onnx file; the bundled digit model unless given.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes a free one.")] = None,
    public_key: PublicKeyOption = None,
) -> None:
    """Answer HTTP requests until stopped; settings may also come from HIGHWAY_… variables."""
    from service.server import run_server  # imports FastAPI, which `check` has no use for

    settings = read_settings(model=file, host=host, port=port, public_key=public_key)
    run_server(Classifier.load(settings.model, public_key=settings.public_key), settings)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The .onnx file.")],
    public_key: PublicKeyOption = None,
) -> None:
    """Say whether FILE keeps the contract, is unchanged since it was verified, and answers."""
    metadata = Classifier.load(file, public_key=public_key).metadata
    signed = "" if public_key is None else f"signed by the owner of {public_key}, "
    typer.echo(
        f"{file}: {metadata.name} version {metadata.version}, {len(metadata.labels)} labels, "
        f"{len(metadata.layers)} highway layers: {signed}fit to serve"
    )


def main() -> None:
    """Run a command; what the user can put right is one sentence and exit code 1."""
    try:
        app()
    except (ContractError, SettingsError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
