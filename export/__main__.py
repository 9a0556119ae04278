"""The command line: `python -m export onnx | verify | sign | show`."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from export.display import quantised_words, report_table, report_words, summary
from export.errors import ExportError, VerificationError
from export.report import Report
from export.signing import sign
from export.standalone import Told, verify_alone
from models.errors import ModelsError
from service.artifact import read_artifact
from service.classifier import Classifier
from service.contract import ContractError
from service.signature import check_signed

app = typer.Typer(
    help="Turn a trained run into one verified ONNX file.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

FileArgument = Annotated[Path, typer.Argument(help="The .onnx file.")]


Json = Annotated[bool, typer.Option("--json", help="Print the report as JSON for machines.")]


@app.command("onnx")
def onnx_command(
    run: Annotated[Path, typer.Argument(help="Run directory of `python -m models train`.")],
    file: FileArgument,
    name: Annotated[
        str | None, typer.Option(help="The model's name in URLs; data and preset unless given.")
    ] = None,
    version: Annotated[str, typer.Option(help="The model's version.")] = "1",
    precision: Annotated[
        str, typer.Option(help="float32, or int8: smaller, and faster where it is wide.")
    ] = "float32",
    max_label_changes: Annotated[
        float, typer.Option(help="For int8: percent of the test rows whose label may change.")
    ] = 0.5,
    json_output: Json = False,
) -> None:
    """Write the network of RUN to FILE, once it is shown to answer as torch does."""
    from export.artifact import Wanted, export  # imports torch, which takes seconds
    from models.run import Run

    with _steps() as told:
        wanted = Wanted(
            name=name, version=version, precision=precision, max_label_changes=max_label_changes
        )
        found = export(Run(run), file, wanted, told)
    if json_output:
        typer.echo(json.dumps(asdict(found)))
        return
    _tell(found.report)
    if found.quantised is not None:
        typer.echo(quantised_words(found))
    typer.echo(f"{file}: {file.stat().st_size:,} bytes, verified")


@app.command("verify")
def verify_command(
    file: FileArgument,
    run: Annotated[
        Path | None, typer.Option(help="Also compare with torch, on this run's test rows.")
    ] = None,
    public_key: Annotated[
        Path | None,
        typer.Option(help="Require FILE.sig, a signature by the owner of this PEM key."),
    ] = None,
    json_output: Json = False,
) -> None:
    """Check that FILE is sound, unchanged since it was written, and answers as recorded."""
    content = read_artifact(file)
    if public_key is not None:
        check_signed(file, content, public_key)
    report = None
    try:
        with _steps() as told:
            if run is None:
                metadata = verify_alone(content, told)
                recorded = metadata.verification.get("report")
            else:
                from export.verification import verify_against_run  # imports torch
                from models.run import Run

                report = verify_against_run(content, Run(run), told)
    except (ContractError, VerificationError) as error:
        raise type(error)(f"{file}: {error}") from error
    if json_output:
        typer.echo(json.dumps(recorded if report is None else asdict(report)))
        return
    if report is not None:
        _tell(report)
    typer.echo(f"{file}: verified")


@app.command("sign")
def sign_command(
    file: FileArgument,
    key: Annotated[Path, typer.Option(help="The private key: PEM, P-256, without a password.")],
) -> None:
    """Write FILE.sig, by which whoever has the public key knows that FILE is yours."""
    typer.echo(f"{sign(file, key)}: written, the signature of {file}")


@app.command("show")
def show_command(file: FileArgument) -> None:
    """Say what FILE is: network, data, scores, gates, verification."""
    metadata = Classifier.load(file).metadata
    try:
        Console().print(summary(metadata, file.stat().st_size))
    except ContractError as error:
        raise ContractError(f"{file}: {error}") from error


@contextmanager
def _steps() -> Iterator[Told]:
    """Show on standard error what is being done, and for how long."""
    console = Console(stderr=True)
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    quiet = not console.is_terminal  # a log file wants no spinner
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task("reading", total=None)
        yield lambda step: progress.update(task, description=f"verifying: {step}")


def _tell(report: Report) -> None:
    Console().print(report_table(report))
    typer.echo(report_words(report))


def main() -> None:
    """Run a command; what the user can put right is one sentence and exit code 1."""
    # torch's exporter and onnxruntime's quantiser log advice that is not for our user.
    logging.disable(logging.WARNING)
    try:
        app()
    except (ContractError, ExportError, ModelsError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
