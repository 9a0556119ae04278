"""`highway score`: score the rows of a file or folder with a model, without a server."""

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from highway_client.errors import FileError

from scoring.errors import ChangedError, ScoringError, StoppedError
from scoring.jobs import Job, Options
from scoring.joining import Totals
from scoring.part_scoring import Backend
from scoring.planning import plan_job
from scoring.progress import Reporter
from scoring.ray_backend import on_ray
from scoring.running import local, run
from scoring.work_folder import finished_parts
from service import terminal
from service.contract import ContractError
from service.terminal import escaped, shown

MOST_LABELS = 3  # in the last sentence

app = typer.Typer(
    help="Score the rows of a file or folder with a model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def commands() -> None:
    """Expect the name of the command, although there is one only, as `highway` passes it on."""


class OnError(StrEnum):
    """What happens to a row that cannot be read or computed."""

    STOP = "stop"
    KEEP = "keep"


@app.command("score")
def score(
    data: Annotated[
        Path,
        typer.Argument(
            help="Rows as .csv (also compressed), .parquet or a folder of such, .feather, .xlsx, "
            ".npy or .npz, images of MNIST, or a folder of pictures."
        ),
    ],
    model: Annotated[Path, typer.Option(help="The ONNX file of `highway export`.")],
    out: Annotated[Path, typer.Option(help="Write the scores to this .parquet file.")],
    id_column: Annotated[
        str | None,
        typer.Option("--id", help="Column that identifies the rows, instead of their numbers."),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="Column to copy to the scores; repeat it for several."),
    ] = None,
    on_error: Annotated[
        OnError,
        typer.Option(
            help="A row that cannot be read: stop, or keep it with its error in the column 'error'."
        ),
    ] = OnError.STOP,
    force: Annotated[bool, typer.Option(help="Replace an existing --out.")] = False,
    restart: Annotated[
        bool, typer.Option(help="Drop the finished parts of an earlier run.")
    ] = False,
    invert: Annotated[
        bool, typer.Option(help="Invert pictures, for a model of light strokes on dark.")
    ] = False,
    delimiter: Annotated[
        str | None, typer.Option(help="Delimiter of a text table; default: found in the file.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Encoding of a text table; default: found in the file.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads that compute; default: one a processor.")
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Score on a cluster of Ray: 'auto', HOST:PORT, or 'local' to start one here.",
        ),
    ] = None,
    ray_workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes of Ray that score; default: one a processor."),
    ] = None,
    part_rows: Annotated[
        int | None,
        typer.Option(min=1, help="Rows of a part, of which finished ones outlive a stop."),
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option(help="PEM public key; MODEL.sig must be a signature by it.")
    ] = None,
) -> None:
    """Score the rows of DATA with the model of a file: labels, probabilities, typicality, gates.

    A run that was stopped continues with the same command.
    """
    options = Options(
        delimiter=delimiter,
        encoding=encoding,
        invert=invert,
        id_column=id_column,
        keep=tuple(keep or ()),
        on_error=on_error.value,
    )
    backend = _backend(threads, ray, ray_workers)
    job = plan_job(data, model, out, options, part_rows=part_rows, public_key=public_key)
    for note in job.notes:
        typer.echo(escaped(note), err=True)
    with Reporter(job.rows, unit="rows") as reporter:
        try:
            totals = run(
                job,
                backend,
                reporter.add_rows,
                reporter.add_notes,
                force=force,
                restart=restart,
            )
        except KeyboardInterrupt as stop:
            raise StoppedError(f"stopped: {_kept(job)}") from stop
        except OSError as error:
            raise ScoringError(
                f"{job.out}: cannot be written: {error.strerror or error}; {_kept(job)}"
            ) from error
        except ChangedError:
            raise
        except (FileError, ScoringError) as error:
            kept = f"; {_kept(job)}" if job.folder.exists() and finished_parts(job) else ""
            if kept and isinstance(error, FileError) and on_error is OnError.STOP:
                kept += ", and with --on-error keep also past rows that cannot be read"
            raise ScoringError(f"{error}{kept}") from error
    if totals is None:
        typer.echo(escaped(f"{out}: an earlier run had written all scores"))
        return
    typer.echo(escaped(summary(out, totals, reporter.seconds)))
    if totals.errors:
        raise ScoringError(
            f"{totals.errors:,} of {totals.rows:,} rows have no scores, as their column 'error' "
            f"says; the first: {totals.first_error}"
        )


def _backend(threads: int | None, ray: str | None, ray_workers: int | None) -> Backend:
    if ray is not None and threads is not None:
        raise ScoringError("--threads: expected without --ray; --ray-workers sets the processes")
    if ray is None and ray_workers is not None:
        raise ScoringError("--ray-workers: expected with --ray, found without")
    return local(threads) if ray is None else on_ray(ray, ray_workers)


def summary(out: Path, totals: Totals, seconds: float) -> str:
    """Return the last sentence of a run."""
    rate = totals.rows / max(seconds, 1e-9)
    sentence = (
        f"{out}: scored {totals.rows:,} {'row' if totals.rows == 1 else 'rows'} in {seconds:,.1f} "
        f"seconds ({rate:,.0f} a second); {_labels(totals.labels)}"
    )
    known = totals.typical + totals.atypical
    if known:
        sentence += f"; {totals.atypical / known:.1%} have a typicality below 0.01"
    return sentence


def _labels(labels: Counter[str]) -> str:
    """Return the most frequent labels with their shares."""
    total = max(1, sum(labels.values()))
    known = [(label, count) for label, count in labels.most_common(MOST_LABELS) if count]
    listed = ", ".join(f"{shown(label)} {count / total:.1%}" for label, count in known)
    return f"labels: {listed}{', …' if len([c for c in labels.values() if c]) > len(known) else ''}"


def _kept(job: Job) -> str:
    finished = len(finished_parts(job)) if job.folder.exists() else 0
    if not finished:
        return "nothing was finished; run it again"
    return (
        f"{finished:,} of {len(job.parts):,} parts are finished and kept in {job.folder}; the same "
        "command continues"
    )


def main() -> None:
    """Run the command; an error of the user is one sentence and exit code 1."""
    terminal.run(app, errors=(ContractError, FileError, ScoringError), stopped=(StoppedError,))
