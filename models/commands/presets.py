"""`python -m models presets`: the networks by name."""

from dataclasses import replace

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from models.networks.network import HighwayClassifier
from models.networks.preparation import Standardise
from models.presets import HIGHWAY, PLAIN, Preset

MNIST, CIFAR = (28, 28), (32, 32, 3)


def presets_command() -> None:
    """List the networks by name, with their parameters and what they are for."""
    table = Table(box=SIMPLE_HEAD)
    table.add_column("preset", no_wrap=True)
    for title in ("highway\nlayers", "para-\nmeters¹", "plain\ntwin's²"):
        table.add_column(title, justify="right")
    table.add_column("what it is for")
    for name, preset in HIGHWAY.items():
        network, twin = _network(preset), _network(replace(preset, plain=True))
        layers = len(network.config.highway_blocks)
        counts = (f"{built.parameter_count():,}" for built in (network, twin))
        table.add_row(name, str(layers), *counts, preset.about)
    Console().print(table)
    typer.echo(
        "¹ for 10 classes and 28×28 pixels, or 32×32×3 for cifar-19\n"
        f"² the twin of each is a preset too: dense-10{PLAIN} and so on\n"
        "Every number can be changed: see `python -m models train --help`."
    )


def _network(preset: Preset) -> HighwayClassifier:
    shape = CIFAR if preset.family == "cifar-conv" else MNIST
    config = preset.network(shape=shape, classes=10, preparation=Standardise())
    return HighwayClassifier(config)
