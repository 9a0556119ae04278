"""`highway presets`: the list of presets."""

from dataclasses import replace

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from models.networks.network import HighwayClassifier
from models.networks.preparation import Standardise
from models.presets import HIGHWAY, PLAIN, Preset

MNIST, CIFAR = (28, 28), (32, 32, 3)


def list_presets() -> None:
    """Print the presets with their number of parameters and their purpose."""
    table = Table(box=SIMPLE_HEAD)
    table.add_column("preset", no_wrap=True)
    for title in ("highway\nlayers", "para-\nmeters¹", "plain\ntwin's²"):
        table.add_column(title, justify="right")
    table.add_column("purpose")
    for name, preset in HIGHWAY.items():
        network, twin = _network(preset), _network(replace(preset, plain=True))
        layers = len(network.config.highway_blocks)
        counts = (f"{built.parameter_count():,}" for built in (network, twin))
        table.add_row(name, str(layers), *counts, preset.about)
    Console().print(table)
    typer.echo(
        "¹ for 10 classes and 28×28 pixels, or 32×32×3 for cifar-19\n"
        f"² each plain twin is a preset too: dense-10{PLAIN} and so on\n"
        "Options of `highway train` change every number."
    )


def _network(preset: Preset) -> HighwayClassifier:
    shape = CIFAR if preset.family == "cifar-conv" else MNIST
    return HighwayClassifier(preset.network(shape=shape, classes=10, preparation=Standardise()))
