"""The options that commands share, each with its help; None leaves a preset's own value."""

from pathlib import Path
from typing import Annotated, Any

import typer

from models.data.source import KINDS
from models.networks.activations import ACTIVATIONS

BY_DEPTH = "depth"
DATA, NETWORK, TRAINING, MACHINE = "Data", "Network", "Training", "Machine"


def _option(panel: str, text: str, *names: str) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel, show_default=False)


RunPath = Annotated[Path, typer.Argument(help="Run directory.")]
Data = Annotated[str | None, typer.Argument(help=f"Data: {KINDS}.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
PartName = Annotated[
    str | None,
    typer.Option(help="Of the run's own data: train, validation or test.", show_default=False),
]
Target = Annotated[str | None, _option(DATA, "A table's column to predict.")]
Without = Annotated[
    list[str] | None, _option(DATA, "A table's column to leave out; may be repeated.")
]
ValidationShare = Annotated[
    float | None, _option(DATA, "Share of the rows held out for validation: 0.1; 0 for none.")
]
PresetName = Annotated[
    str | None,
    _option(
        NETWORK,
        "Network by name, see `python -m models presets`; for images dense-10, for tables "
        "table-10 unless given.",
        "--preset",
    ),
]
Plain = Annotated[
    bool | None, _option(NETWORK, "Its plain twin: no gates, as many parameters.", "--plain")
]
Depth = Annotated[
    int | None, _option(NETWORK, "Layers, as the papers count: the dense output layer is extra.")
]
Width = Annotated[int | None, _option(NETWORK, "Units, or channels, of a layer.")]
Activation = Annotated[
    str | None, _option(NETWORK, f"What a layer computes: {', '.join(ACTIVATIONS)}.")
]
GateBias = Annotated[
    str | None,
    _option(
        NETWORK,
        f"Start of the gates' bias: a number, negative to start closed, or '{BY_DEPTH}': the "
        "deeper the network, the more closed.",
    ),
]
Dropout = Annotated[
    float | None, _option(NETWORK, "Rate of the last dropout; the others keep their share of it.")
]
Kernel = Annotated[int | None, _option(NETWORK, "Side of the highway convolutions' window; odd.")]
GateKernel = Annotated[int | None, _option(NETWORK, "The same of the gates alone; odd.")]
Recipe = Annotated[
    str,
    typer.Option(
        help="default, or papers: as the papers' released configuration trains the preset.",
        rich_help_panel=TRAINING,
    ),
]
Epochs = Annotated[int | None, _option(TRAINING, "Passes over the training rows.")]
BatchSize = Annotated[int | None, _option(TRAINING, "Rows in a step.")]
Optimizer = Annotated[str | None, _option(TRAINING, "adamw, or sgd with Nesterov momentum.")]
Schedule = Annotated[str | None, _option(TRAINING, "one-cycle, steps, exponential or constant.")]
LearningRate = Annotated[
    float | None, _option(TRAINING, "Peak of one-cycle; start of the other schedules.")
]
Momentum = Annotated[float | None, _option(TRAINING, "Of sgd, which is Nesterov's.")]
DropEpochs = Annotated[
    str | None, _option(TRAINING, "For steps: the epochs after which the rate drops, as 100,200.")
]
DropFactor = Annotated[
    float | None, _option(TRAINING, "The rate's factor at each step, or after each epoch.")
]
WeightDecay = Annotated[float | None, _option(TRAINING, "Of weights; biases have none.")]
GradientClip = Annotated[
    float | None, _option(TRAINING, "Largest norm of the gradient; 0 for any.")
]
Patience = Annotated[
    int | None,
    _option(TRAINING, "Epochs without a better validation loss before it stops, with the best."),
]
Precision = Annotated[str | None, _option(TRAINING, "32-true, bf16-mixed or (on a GPU) 16-mixed.")]
Shift = Annotated[float | None, _option(TRAINING, "Random shift of images, in image sizes.")]
TurnDegrees = Annotated[float | None, _option(TRAINING, "Random turn of images, in degrees.")]
Stretch = Annotated[float | None, _option(TRAINING, "Random stretch of images, as a share.")]
Mirror = Annotated[bool | None, _option(TRAINING, "Mirror half of the images at random, or none.")]
Seed = Annotated[int | None, _option(TRAINING, "Same seed and number of threads, same weights.")]
Accelerator = Annotated[str, typer.Option(help="cpu, gpu or auto.", rich_help_panel=MACHINE)]
Devices = Annotated[
    int,
    typer.Option(help="Processes on this machine; they share each batch.", rich_help_panel=MACHINE),
]
Nodes = Annotated[
    int,
    typer.Option(
        help="Machines: run it on each, with NODE_RANK, MASTER_ADDR and MASTER_PORT set.",
        rich_help_panel=MACHINE,
    ),
]
