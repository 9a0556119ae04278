"""`highway reproduce`: re-run an experiment of the papers and write a page about it."""

import shlex
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from models.commands.options import ExperimentOptions
from models.data.dataset import Dataset
from models.data.source import BUNDLED, Source
from models.data.table_files import is_table
from models.errors import ConfigError, DataError, RunError, join_strings
from models.progress import OnProgress, progress_bar
from models.recipe import Hardware
from models.reproduction.catalogue import EXPERIMENTS, experiment
from models.reproduction.experiment import DataKind, Effort, Experiment, Task
from models.reproduction.findings import RESULTS, Circumstances, Findings, write_results
from models.reproduction.page import PAGE, write_page
from models.reproduction.trainings import Trainings
from models.settings import changed
from service.processors import usable_processors
from service.terminal import escaped, fit

_EFFORT = ("seeds", "epochs", "trials", "precision")  # options that change an experiment
CIFAR_SHAPE = (32, 32, 3)
MNIST_ROWS, MNIST_SHAPE = 70_000, (28, 28)
CIFAR_LABELS: dict[DataKind, int] = {"cifar10": 10, "cifar100": 100}
THREADS = 1  # of each training, so that numbers do not depend on the number of processors

_FILES: dict[DataKind, str] = {
    "mnist": "MNIST's four files (train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, "
    "t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz) from "
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "cifar10": "the folder cifar-10-batches-py of cifar-10-python.tar.gz from "
    "https://www.cs.toronto.edu/~kriz/cifar.html, or its images in folders train/LABEL and "
    "test/LABEL",
    "cifar100": "the folder cifar-100-python of cifar-100-python.tar.gz from "
    "https://www.cs.toronto.edu/~kriz/cifar.html, or its images in folders train/LABEL and "
    "test/LABEL",
}
_WITHOUT: dict[DataKind, str] = {
    "mnist": "without them, --data mnist-5k uses 5,000 bundled images of MNIST",
    "cifar10": "without it, the experiments on MNIST can be run with --data mnist-5k",
    "cifar100": "without it, the experiments on MNIST can be run with --data mnist-5k",
}


def reproduce(name: str | None, options: ExperimentOptions, accelerator: str) -> None:
    """Run an experiment, or list all of them without a name."""
    if name is None:
        if options != ExperimentOptions():
            raise ConfigError("NAME: missing; `highway reproduce` without options lists the names")
        Console().print(fit(_table()))
        typer.echo("run one of them: highway reproduce NAME --data FOLDER")
        return
    chosen = experiment(name)
    source = _source(chosen, options.data)
    if options.jobs is not None and options.jobs < 1:
        raise ConfigError(f"--jobs: expected 1 or more, found {options.jobs}")
    if options.out.exists() and not options.out.is_dir():
        raise RunError(f"{options.out}: expected a directory, found a file; choose another --out")
    effort = _effort(chosen, options)
    trainings = Trainings(
        out=options.out,
        source=source,
        jobs=options.jobs or max(1, int(usable_processors())),
        threads=THREADS,
        hardware=changed(Hardware(), accelerator=accelerator),
        on_finished=lambda line: typer.echo(escaped(line), err=True),
    )
    _require_images(chosen, trainings.dataset)
    with progress_bar() as progress:

        def bar(description: str, total: int) -> OnProgress:
            return partial(progress.advance, progress.add_task(description, total=total))

        findings = chosen.run(
            Task(out=options.out / name, trainings=trainings, effort=effort, bar=bar)
        )
    _write(chosen, options, trainings, with_note(findings, chosen, trainings.dataset))


def _effort(chosen: Experiment, options: ExperimentOptions) -> Effort:
    """Return the numbers to change; a `ConfigError` for one without an effect."""
    given = {key: value for key, value in asdict(options).items() if key in _EFFORT}
    for key, value in given.items():
        if value is not None and key not in chosen.options:
            others = join_strings([f"--{name}" for name in chosen.options])
            raise ConfigError(
                f"--{key}: has no effect on {chosen.name}; leave it out ({others} have one)"
            )
    return changed(Effort(), **given)


def _source(chosen: Experiment, data: str | None) -> Source:
    """Return the source of the rows; a `DataError` says where they come from if they are missing.

    MNIST's experiments accept other images too, so that they can be tried without a download.
    """
    needs = f"{chosen.name} needs {_FILES[chosen.data]}"
    if data is None:
        raise DataError(f"--data: {needs}; {_WITHOUT[chosen.data]}")
    if data not in BUNDLED and not Path(data).exists():
        raise DataError(f"--data: no such folder: {data!r}; {needs}; {_WITHOUT[chosen.data]}")
    if data not in BUNDLED and is_table(Path(data)):  # its errors name options of other commands
        raise DataError(f"--data: expected images, found the table {data!r}; {needs}")
    return Source.of(data, validation_share=chosen.validation_share)


def _require_images(chosen: Experiment, rows: Dataset) -> None:
    """Raise `DataError` for rows that are not the images that an experiment needs."""
    if rows.input.kind != "image":
        raise DataError(
            f"--data: expected images, found the table {rows.name!r}; {chosen.name} needs "
            f"{_FILES[chosen.data]}"
        )
    if chosen.data == "mnist":
        return
    if rows.input.shape != CIFAR_SHAPE:
        shape = "×".join(map(str, rows.input.shape))
        raise DataError(
            f"--data: expected images of 32×32×3, found {shape} in {rows.name!r}; {chosen.name} "
            f"needs {_FILES[chosen.data]}"
        )
    if len(rows.labels) != CIFAR_LABELS[chosen.data]:
        raise DataError(
            f"--data: expected {CIFAR_LABELS[chosen.data]} labels, found {len(rows.labels)} in "
            f"{rows.name!r}; {chosen.name} needs {_FILES[chosen.data]}"
        )


def with_note(findings: Findings, chosen: Experiment, rows: Dataset) -> Findings:
    """Say that images are not MNIST's, and leave out the goals."""
    count = sum(map(len, (rows.train, rows.validation, rows.test)))
    if chosen.data != "mnist" or (count, rows.input.shape) == (MNIST_ROWS, MNIST_SHAPE):
        return findings
    shape = "×".join(map(str, rows.input.shape))
    note = (
        f"The data are {count:,} images of {shape} from {rows.name}, not MNIST's {MNIST_ROWS:,} of "
        "28×28: the paper's numbers do not apply to them."
    )
    comparisons = tuple(replace(row, goal="") for row in findings.comparisons)
    return replace(findings, comparisons=comparisons, notes=(note, *findings.notes))


def _write(
    chosen: Experiment, options: ExperimentOptions, trainings: Trainings, findings: Findings
) -> None:
    """Write numbers, pictures and page, and print the table."""
    out = options.out / chosen.name
    out.mkdir(parents=True, exist_ok=True)
    circumstances = Circumstances.of(
        command=_command(chosen, options, trainings.hardware),
        data=trainings.dataset.name,
        digest=trainings.data.digest,
        training_minutes=trainings.minutes,
        threads=THREADS,
        revisions=trainings.revisions,
    )
    write_results(out, chosen.name, findings, circumstances)
    write_page(out, chosen, findings, circumstances)
    table = Table(box=box.SIMPLE_HEAD)
    for title in ("what", "paper", "here", "to reach"):
        table.add_column(title)
    for row in findings.comparisons:
        table.add_row(*map(escaped, (row.quantity, row.paper, row.here, row.goal)))
    console = Console()
    if findings.comparisons:
        console.print(fit(table))
    for note in findings.notes:
        console.print(note, highlight=False, markup=False, emoji=False, soft_wrap=True)
    typer.echo(escaped(f"the page is {out / PAGE}, its numbers are in {out / RESULTS}"))


def _command(chosen: Experiment, options: ExperimentOptions, hardware: Hardware) -> str:
    """Return the command with the options that change numbers; of the data's path only the name."""
    data = str(options.data) if options.data in BUNDLED else Path(str(options.data)).resolve().name
    words = ["highway", "reproduce", chosen.name, "--data", data]
    for key in _EFFORT:
        if (value := getattr(options, key)) is not None:
            words += [f"--{key}", str(value)]
    return shlex.join([*words, *hardware.options()])


def _table() -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for title in ("name", "what", "data", "time on 2 processors"):
        table.add_column(title)
    for entry in EXPERIMENTS.values():
        table.add_row(entry.name, entry.about, entry.data, entry.duration)
    return table
