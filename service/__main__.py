"""The commands `highway serve` and `highway check`."""

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
    Path | None, typer.Option(help="PEM public key; FILE.sig must be a signature by it.")
]


@app.command()
def serve(
    file: Annotated[
        Path | None, typer.Argument(help="The ONNX file; by default the bundled digit model.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 chooses a free port.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that share the port.")
    ] = None,
    public_key: PublicKeyOption = None,
) -> None:
    """Serve FILE over HTTP; environment variables HIGHWAY_… are further settings."""
    from service.server import run_server  # FastAPI, which `check` does not need

    run_server(
        read_settings(model=file, host=host, port=port, workers=workers, public_key=public_key)
    )


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The ONNX file.")],
    public_key: PublicKeyOption = None,
) -> None:
    """Check that FILE can be served: a valid artifact, unchanged, with the recorded outputs."""
    metadata = Classifier.load(file, public_key=public_key).metadata
    signed = "" if public_key is None else f"signed by the owner of {public_key}, "
    typer.echo(
        f"{file}: {metadata.name} version {metadata.version}, {len(metadata.labels)} labels, "
        f"{len(metadata.layers)} highway layers: {signed}ready to serve"
    )


def main() -> None:
    """Run a command; an error of the user is one sentence and exit code 1."""
    try:
        app()
    except (ContractError, SettingsError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
