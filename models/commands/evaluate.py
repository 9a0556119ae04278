"""`python -m models evaluate`: how good a trained network is."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, cast

import typer
from rich.console import Console
from rich.table import Table

from models.commands import options
from models.commands.summary import scores as worded
from models.data.dataset import Part, SplitName
from models.data.source import Source, read
from models.errors import ConfigError, DataError
from models.run import Run
from models.run_config import RunConfig

if TYPE_CHECKING:
    from models.scores import Scores

PARTS = ("train", "validation", "test")
LARGEST_MATRIX = 25  # labels; a wider one fits no screen
OPENNESS_BAR = 30  # characters of a gate that is fully open


def evaluate_command(
    run: options.RunPath,
    data: options.Data = None,
    part: options.PartName = None,
    target: options.Target = None,
    without: options.Without = None,
    json_output: options.Json = False,
) -> None:
    """Score a trained network on its run's test rows, another part of them, or other DATA."""
    from models.scores import score  # imports matplotlib by way of torchmetrics, which is slow

    trained = Run(run)
    config = trained.config()
    network = trained.network()
    where, rows = chosen_rows(
        trained, config, data, part, target, tuple(without or ()), usual="test"
    )
    found = score(network, rows, config.data.labels)
    if json_output:
        typer.echo(json.dumps({"run": str(run), "rows_of": where, **asdict(found)}))
        return
    typer.echo(
        f"{run}: {config.preset} on {where}, {worded(found.overall)}, "
        f"calibration error {found.calibration_error:.2%}"
    )
    console = Console()
    console.print(_label_table(found))
    if len(found.labels) <= LARGEST_MATRIX:
        console.print(_matrix(found))
    if found.overall.openness:
        console.print(_openness(config, found))


def chosen_rows(
    run: Run,
    config: RunConfig,
    data: str | None,
    part: str | None,
    target: str | None,
    without: tuple[str, ...],
    *,
    usual: SplitName,
) -> tuple[str, Part]:
    """Return the rows a command was asked for, with words for them.

    They are a part of the run's own data, `usual` unless given; or of other data, read as the
    run's were, the test rows that it sets apart or, where it sets none apart, all of its rows.
    """
    if data is None:
        for option, value in (("--target", target), ("--without", without)):
            if value:
                raise ConfigError(
                    f"{option}: expected only with other DATA, found the run's own; leave it out"
                )
        return _own_part(run, config, part or usual)
    if part is not None:
        raise ConfigError(
            "--part: expected only with the run's own data, found other DATA; leave it out"
        )
    own = config.data.source
    source = Source.of(data, target=target or own.target, without=without or own.without)
    labelled = read(source, like=config.data.schema)
    if labelled.test is not None:
        return f"{labelled.name} (its own test rows)", labelled.test
    return f"all of {labelled.name}", labelled.rows


def _own_part(run: Run, config: RunConfig, part: str) -> tuple[str, Part]:
    if part not in PARTS:
        raise ConfigError(f"--part: expected train, validation or test, found {part!r}")
    rows = run.dataset().part(cast(SplitName, part))
    if not len(rows):
        raise DataError(f"--part: expected a part with rows, found none held out for {part}")
    return f"{config.data.name} ({part})", rows


def _label_table(found: "Scores") -> Table:
    table = Table(title="label by label", title_justify="left")
    table.add_column("label")
    for title in ("rows", "precision", "recall", "F1"):
        table.add_column(title, justify="right")
    for label in found.labels:
        shares = (f"{share:.1%}" for share in (label.precision, label.recall, label.f1))
        table.add_row(label.label, str(label.rows), *shares)
    return table


def _matrix(found: "Scores") -> Table:
    table = Table(title="true label down, given label across", title_justify="left")
    table.add_column("")
    for label in found.labels:
        table.add_column(label.label, justify="right")
    for label, row in zip(found.labels, found.confusion, strict=True):
        table.add_row(label.label, *(str(count) if count else "·" for count in row))
    return table


def _openness(config: RunConfig, found: "Scores") -> Table:
    table = Table(title="how open the gates are", title_justify="left", show_header=False)
    for block, share in zip(config.network.highway_blocks, found.overall.openness, strict=True):
        bar = ("█" * round(share * OPENNESS_BAR)).ljust(OPENNESS_BAR, "·")
        table.add_row(f"highway layer {block.number}", bar, f"{share:.3f}")
    return table
