"""The commands `highway serve`, `highway check` and `highway key`."""

from pathlib import Path
from typing import Annotated

import typer

from service.classifier import read_metadata
from service.contract import ContractError, Metadata
from service.http.api_keys import ApiKeyFileError, new_key
from service.http.callers import Scope
from service.invocation import command
from service.server.repository import Repository, Source, check_place
from service.settings import Settings, SettingsError, read_settings
from service.terminal import escaped
from service.trial import try_artifact

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
        Path | None,
        typer.Argument(
            help="The ONNX file, a folder with one, or a folder of models, "
            "NAME/VERSION/model.onnx; by default the bundled digit model."
        ),
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
    from service.server.start import run_server  # FastAPI, which `check` does not need

    run_server(
        read_settings(model=file, host=host, port=port, workers=workers, public_key=public_key)
    )


@app.command()
def check(
    file: Annotated[
        Path, typer.Argument(help="The ONNX file, or the folder, as `highway serve` takes it.")
    ],
    public_key: PublicKeyOption = None,
) -> None:
    """Check that FILE can be served: a valid artifact, unchanged, with the recorded outputs.

    Of a folder, every model is checked.
    """
    settings = read_settings()
    repository = Repository(file, public_key)
    errors = []
    signed = "" if public_key is None else f"signed by the owner of {public_key}, "
    options = () if public_key is None else ("--public-key", public_key)
    for source in repository.checked_sources():
        try:
            metadata = _check(repository, source, settings)
        except ContractError as error:
            errors.append(error)
            continue
        line = (
            f"{source.path}: {metadata.name} version {metadata.version}, {len(metadata.labels)} "
            f"labels, {len(metadata.layers)} highway layers: {signed}ready to serve; "
            f"next: `{command('serve', file, *options)}`"
        )
        typer.echo(escaped(line))
    for refusal in errors[:-1]:
        typer.echo(f"error: {refusal}", err=True)
    if errors:
        raise errors[-1]


def _check(repository: Repository, source: Source, settings: Settings) -> Metadata:
    content = repository.read(source)
    try:
        try_artifact(
            content,
            seconds=settings.model_load_seconds,
            memory_bytes=settings.model_load_bytes,
        )
        metadata = read_metadata(content)
        check_place(source, metadata.name, metadata.version)
    except ContractError as error:
        raise ContractError(f"{source.path}: {error}") from error
    return metadata


@app.command()
def key(
    name: Annotated[str, typer.Argument(help="Name of the client or person who gets the key.")],
    scope: Annotated[
        list[Scope], typer.Option(help="What the key may do; repeat it for several scopes.")
    ],
) -> None:
    """Make an API key: its line for the file of HIGHWAY_API_KEYS, and on stderr its token."""
    token, made = new_key(name, scope)
    typer.echo(made.line)
    typer.echo(f"token, shown only now: {token}", err=True)


def main() -> None:
    """Run a command; an error of the user is one sentence and exit code 1."""
    try:
        app()
    except (ContractError, SettingsError, ApiKeyFileError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
