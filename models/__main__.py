"""The command line: `python -m models train | evaluate`."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated, cast

import typer

from models.activations import ACTIVATIONS
from models.data.bundled import BUNDLED, load
from models.data.dataset import SplitName
from models.errors import ConfigError, ModelsError
from models.evaluation import Evaluation, evaluate
from models.presets import PRESETS, DensePreset, preset
from models.revision import source_revision
from models.run import DataConfig, Run, RunConfig, TrainConfig

app = typer.Typer(
    help="Train highway classifiers and look into them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

DEFAULTS = TrainConfig()
CUSTOM = "custom"  # the name of a preset with another depth, width, activation or gate bias


@app.command("train")
def train_command(
    data: Annotated[str, typer.Argument(help=f"Data to learn: {' or '.join(BUNDLED)}.")],
    out: Annotated[Path, typer.Option(help="New run directory to write.")],
    preset_name: Annotated[
        str, typer.Option("--preset", help=f"Network: {', '.join(PRESETS)}.")
    ] = "dense-10",
    depth: Annotated[
        int | None, typer.Option(min=2, help="Layers, the plain first one included.")
    ] = None,
    width: Annotated[int | None, typer.Option(min=1, help="Units of every layer.")] = None,
    activation: Annotated[
        str | None, typer.Option(help=f"One of {', '.join(ACTIVATIONS)}.")
    ] = None,
    gate_bias: Annotated[
        float | None, typer.Option(help="Start of the gates' bias; negative starts them closed.")
    ] = None,
    epochs: Annotated[
        int, typer.Option(min=1, help="Passes over the training rows.")
    ] = DEFAULTS.epochs,
    batch_size: Annotated[int, typer.Option(min=1, help="Rows in a step.")] = DEFAULTS.batch_size,
    learning_rate: Annotated[
        float, typer.Option(help="Peak of the one-cycle schedule.")
    ] = DEFAULTS.learning_rate,
    weight_decay: Annotated[
        float, typer.Option(min=0, help="AdamW's decay of weights; biases have none.")
    ] = DEFAULTS.weight_decay,
    shift: Annotated[
        float, typer.Option(min=0, max=0.5, help="Random shift of images, in image sizes.")
    ] = DEFAULTS.shift,
    turn_degrees: Annotated[
        float, typer.Option(min=0, max=180, help="Random turn of images, in degrees.")
    ] = DEFAULTS.turn_degrees,
    stretch: Annotated[
        float, typer.Option(min=0, max=0.9, help="Random stretch of images, as a share.")
    ] = DEFAULTS.stretch,
    seed: Annotated[
        int, typer.Option(min=0, help="Same seed and number of threads, same weights.")
    ] = DEFAULTS.seed,
) -> None:
    """Train a highway classifier on DATA and write a run directory."""
    if not 0 < learning_rate < math.inf:  # so written that NaN is refused
        raise ConfigError(f"--learning-rate: expected a number above 0, found {learning_rate}")
    if gate_bias is not None and not math.isfinite(gate_bias):
        raise ConfigError(f"--gate-bias: expected a finite number, found {gate_bias}")
    original = preset(preset_name)
    chosen = _changed(original, depth, width, activation, gate_bias)
    dataset = load(data)
    config = RunConfig(
        preset=preset_name if chosen == original else CUSTOM,
        source_revision=source_revision(),
        data=DataConfig.of(dataset),
        network=chosen.network(features=dataset.input.features, classes=len(dataset.labels)),
        training=TrainConfig(
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            shift=shift,
            turn_degrees=turn_degrees,
            stretch=stretch,
            seed=seed,
        ),
    )
    run = Run.create(out, config)
    from models.training import train  # imports Lightning, which takes seconds

    test = train(run, config, dataset)
    typer.echo(
        f"{out}: {config.preset} on {data}, {_summary(test)}, {run.metrics()[-1]['seconds']:.0f} s"
    )


@app.command("evaluate")
def evaluate_command(
    run: Annotated[Path, typer.Argument(help="Run directory.")],
    part: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
) -> None:
    """Score a trained network on rows that it was not trained on."""
    if part not in ("train", "validation", "test"):
        raise ConfigError(f"--part: expected train, validation or test, found {part!r}")
    trained = Run(run)
    config, network = trained.config(), trained.network()
    scores = evaluate(network, trained.dataset().part(cast(SplitName, part)))
    typer.echo(f"{run}: {config.preset} on {config.data.name} ({part}), {_summary(scores)}")
    for block, openness in zip(config.network.highway_blocks, scores.openness, strict=True):
        typer.echo(f"  highway layer {block.number:>3}  gates open {openness:.3f}")


def _changed(
    chosen: DensePreset,
    depth: int | None,
    width: int | None,
    activation: str | None,
    gate_bias: float | None,
) -> DensePreset:
    if activation is not None and activation not in ACTIVATIONS:
        raise ConfigError(
            f"--activation: expected one of {', '.join(ACTIVATIONS)}, found {activation!r}"
        )
    return replace(
        chosen,
        depth=depth or chosen.depth,
        width=width or chosen.width,
        activation=activation or chosen.activation,
        gate_bias=chosen.gate_bias if gate_bias is None else gate_bias,
    )


def _summary(scores: Evaluation) -> str:
    low, high = scores.accuracy_interval()
    return (
        f"accuracy {scores.accuracy:.2%} on {scores.rows} rows "
        f"(95 % interval {low:.2%} to {high:.2%}), loss {scores.loss:.4f}"
    )


def main() -> None:
    """Run a command; what the user can put right is one sentence and exit code 1."""
    try:
        app()
    except ModelsError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
