"""The command line: `python -m service serve | check | predict`."""

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
    workers: Annotated[int | None, typer.Option(min=1, help="Processes on the one port.")] = None,
    public_key: PublicKeyOption = None,
) -> None:
    """Answer HTTP requests until stopped; settings may also come from HIGHWAY_… variables."""
    from service.server import run_server  # imports FastAPI, which `check` has no use for

    run_server(
        read_settings(model=file, host=host, port=port, workers=workers, public_key=public_key)
    )


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


@app.command()
def predict(
    file: Annotated[
        Path, typer.Argument(help="Rows as .json, .csv, .npy or .npz, or a picture: PNG, JPEG, …")
    ],
    url: Annotated[str, typer.Option(help="The server.")] = "http://127.0.0.1:8000",
    model: Annotated[
        str | None, typer.Option(help="The server's first unless given.", show_default=False)
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
    invert: Annotated[
        bool, typer.Option("--invert", help="Make dark what is light in the picture.")
    ] = False,
) -> None:
    """Ask a running server about the rows of FILE; needs the extra `client`."""
    try:
        from service.client.command import predict_file  # imports httpx2, which no server has
    except ImportError as error:
        raise SystemExit(f"error: {error}") from error
    predict_file(file, url=url, model=model, json_output=json_output, invert=invert)


def main() -> None:
    """Run a command; what the user can put right is one sentence and exit code 1."""
    try:
        app()
    except (ContractError, SettingsError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
