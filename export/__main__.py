"""The command line: `python -m export onnx | verify | show`."""

import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from export.artifact import export, verify_against_run, verify_alone
from export.display import report_table, summary
from export.errors import ExportError, VerificationError
from models.errors import ModelsError
from models.run import Run
from service.artifact import read_artifact
from service.classifier import Classifier
from service.contract import ContractError

app = typer.Typer(
    help="Turn a trained run into one verified ONNX file.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

FileArgument = Annotated[Path, typer.Argument(help="The .onnx file.")]


@app.command("onnx")
def onnx_command(
    run: Annotated[Path, typer.Argument(help="Run directory of `python -m models train`.")],
    file: FileArgument,
    name: Annotated[
        str | None, typer.Option(help="The model's name in URLs; data and preset unless given.")
    ] = None,
    version: Annotated[str, typer.Option(help="The model's version.")] = "1",
) -> None:
    """Write the network of RUN to FILE, once it is shown to answer as torch does."""
    console = Console()
    with Console(stderr=True).status("building and verifying"):
        report = export(Run(run), file, name=name, version=version)
    console.print(report_table(report))
    typer.echo(f"{file}: {file.stat().st_size:,} bytes, verified")


@app.command("verify")
def verify_command(
    file: FileArgument,
    run: Annotated[
        Path | None, typer.Option(help="Also compare with torch, on this run's test rows.")
    ] = None,
) -> None:
    """Check that FILE is sound, unchanged since it was written, and answers as recorded."""
    content = read_artifact(file)
    try:
        if run is None:
            verify_alone(content)
        else:
            Console().print(report_table(verify_against_run(content, Run(run))))
    except (ContractError, VerificationError) as error:
        raise type(error)(f"{file}: {error}") from error
    typer.echo(f"{file}: verified")


@app.command("show")
def show_command(file: FileArgument) -> None:
    """Say what FILE is: network, data, scores, gates, verification."""
    metadata = Classifier.load(file).metadata
    Console().print(summary(metadata, file.stat().st_size))


def main() -> None:
    """Run a command; what the user can put right is one sentence and exit code 1."""
    # torch's exporter logs that packages which we do not use are missing.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        app()
    except (ContractError, ExportError, ModelsError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
