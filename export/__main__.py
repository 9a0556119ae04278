"""The command line: `highway export | verify | sign | show`.

torch, onnx and onnxruntime take seconds to import, so only commands that need them import them.
"""

from service import terminal

if __name__ == "__main__":  # before the other imports, which take most of the start
    terminal.exit_on_signals()

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from export.errors import ExportError, VerificationError
from export.report import Report, quantised_sentence, report_sentence, report_table, summary
from models.errors import ModelsError, StoppedError
from service.artifact import read_artifact
from service.contract import ContractError
from service.invocation import command
from service.terminal import encodable, escaped

app = typer.Typer(
    help="Export a trained run to one verified ONNX file.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

DOTS = "⠋"  # of rich's first spinner

FileArgument = Annotated[Path, typer.Argument(help="The .onnx file.")]
DataOption = Annotated[
    str | None,
    typer.Option(help="The run's own data, to verify with all test rows; default: its kept rows."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]


@app.command("export")
def export_command(
    run: Annotated[Path, typer.Argument(help="Run directory of `highway train`.")],
    file: FileArgument,
    name: Annotated[
        str | None, typer.Option(help="Model name in URLs; default: data set and preset.")
    ] = None,
    version: Annotated[str, typer.Option(help="Model version.")] = "1",
    precision: Annotated[
        Literal["float32", "int8"],
        typer.Option(help="int8 is smaller, and faster for wide networks."),
    ] = "float32",
    max_label_changes: Annotated[
        float,
        typer.Option(min=0, max=100, help="int8: highest percentage of changed test labels."),
    ] = 0.5,
    data: DataOption = None,
    json_output: JsonOption = False,
) -> None:
    """Write the network of RUN to FILE, after verification against torch."""
    from export.artifact import export

    with _progress() as on_progress:
        exported = export(
            run,
            file,
            on_progress,
            name=name,
            version=version,
            precision=precision,
            max_label_changes=max_label_changes,
            data=data,
        )
    if json_output:
        typer.echo(json.dumps(asdict(exported)))
        return
    _print_report(exported.report)
    if exported.quantised is not None:
        typer.echo(quantised_sentence(exported))
    serve = command("serve", file)
    typer.echo(escaped(f"{file}: {file.stat().st_size:,} bytes, verified; next: `{serve}`"))


@app.command("verify")
def verify_command(
    file: FileArgument,
    run: Annotated[
        Path | None, typer.Option(help="Also compare with torch, on this run's test rows.")
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option(help="Require FILE.sig, a signature by this PEM key.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Check that FILE is valid and unchanged, and that it computes the recorded outputs."""
    from export.verification import verify_file

    content = read_artifact(file)
    if public_key is not None:
        from service.signature import check_signed

        check_signed(file, content, public_key)
    report = None
    try:
        with _progress() as on_progress:
            if run is None:
                recorded = verify_file(content, on_progress).verification.get("report")
            else:
                from export.comparison import verify_against_run
                from export.trained_run import TrainedRun

                report = verify_against_run(content, TrainedRun.read(run), on_progress)
    except (ContractError, VerificationError) as error:
        raise type(error)(f"{file}: {error}") from error
    if json_output:
        typer.echo(json.dumps(recorded if report is None else asdict(report)))
        return
    if report is not None:
        _print_report(report)
    signed = () if public_key is None else ("--public-key", public_key)
    typer.echo(escaped(f"{file}: verified; next: `{command('serve', file, *signed)}`"))


@app.command("sign")
def sign_command(
    file: FileArgument,
    key: Annotated[Path, typer.Option(help="Private key: PEM, P-256, without a password.")],
) -> None:
    """Write FILE.sig, a signature of FILE by the private key."""
    from export.signing import sign

    check = command("check", file, "--public-key", "PUBLIC_KEY")
    typer.echo(escaped(f"{sign(file, key)}: signature of {file} written; next: `{check}`"))


@app.command("show")
def show_command(file: FileArgument) -> None:
    """Show FILE's network, data, scores, gates and verification."""
    from service.classifier import Classifier

    metadata = Classifier.load(file).metadata
    try:
        Console().print(summary(metadata, file.stat().st_size))
    except ContractError as error:
        raise ContractError(f"{file}: {error}") from error


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show the current step and the elapsed time on standard error, if it is a terminal."""
    console = Console(stderr=True)
    spinner = SpinnerColumn("dots" if encodable(DOTS) else "line")
    columns = spinner, TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    disabled = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=disabled) as progress:
        task = progress.add_task("reading", total=None)
        yield lambda step: progress.update(task, description=f"verifying: {step}")


def _print_report(report: Report) -> None:
    Console().print(report_table(report))
    typer.echo(report_sentence(report))


def main() -> None:
    """Run a command."""
    # torch's exporter and onnxruntime's quantiser log advice that is not for the user.
    logging.disable(logging.WARNING)
    terminal.run(app, errors=(ContractError, ExportError, ModelsError), stopped=(StoppedError,))


if __name__ == "__main__":
    main()
