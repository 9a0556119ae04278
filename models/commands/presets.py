"""`highway presets`: the list of presets."""

from dataclasses import replace

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from models.networks.network import HighwayClassifier
from models.networks.preparation import Standardise
from models.presets import HIGHWAY, PLAIN, Preset
from service.invocation import command
from service.terminal import escaped, fit

WIDE = 60  # columns, from which there is space for the purpose
MNIST, CIFAR, TABLE = (28, 28), (32, 32, 3), (20,)


def list_presets() -> None:
    """Print the presets with their number of parameters and their purpose."""
    console = Console()
    table = Table(box=SIMPLE_HEAD)
    table.add_column("preset")
    for title in ("high-\nway\nlayers", "para-\nmeters\n(1)", "plain\ntwin's\n(2)"):
        table.add_column(title, justify="right")
    if wide := console.width >= WIDE:
        table.add_column("purpose")
    for name, preset in HIGHWAY.items():
        network, twin = _network(preset), _network(replace(preset, plain=True))
        layers = len(network.config.highway_blocks)
        counts = (f"{built.parameter_count():,}" for built in (network, twin))
        table.add_row(name, str(layers), *counts, *((escaped(preset.about),) if wide else ()))
    console.print(fit(table))
    train = command("train", "DATA", "--out", "RUN", "--preset", "NAME")
    typer.echo(
        "(1) for 10 classes and 28x28 pixels, 32x32x3 for cifar-19, 20 numbers for table-*\n"
        f"(2) each plain twin is a preset too: dense-10{PLAIN} and so on\n"
        f"next: `{train}`, whose options change every number"
    )


def _network(preset: Preset) -> HighwayClassifier:
    if preset.quantiles:  # for tables
        shape: tuple[int, ...] = TABLE
    else:
        shape = CIFAR if preset.family == "cifar-conv" else MNIST
    return HighwayClassifier(preset.network(shape=shape, classes=10, preparation=Standardise()))
