"""Options of the commands with their help; None keeps the default of the preset.

Importing this module is fast, because `--help` imports it. Options that belong together are the
fields of a dataclass: `expanded` replaces a parameter of such a type by one option for each field.
"""

# ruff: noqa: RUF009 -- the functions called in the dataclasses return fields

import inspect
from collections.abc import Callable, Collection
from dataclasses import Field, dataclass, field, fields, is_dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from models.errors import ConfigError

DATA_HELP = (
    "Data: digits, mnist-5k, a CSV, TSV, Excel, Parquet, Feather, .npy or .npz file, a folder of "
    "images or of IDX, CIFAR or Parquet files, or openml:NAME."
)
DATA = typer.Argument(help=DATA_HELP, show_default=False)
Folder = Path | None
Flag = bool | None
Integer = int | None
Number = float | None
Text = str | None


def option(text: str, *names: str, panel: str | None = None) -> Any:
    """Return an option with that help, which must state the default if there is one."""
    return typer.Option(*names, help=text, rich_help_panel=panel, show_default=False)


def option_field(text: str, *names: str, panel: str | None = None, default: Any = None) -> Any:
    """Return a dataclass field that is an option."""
    return field(default=default, metadata={"parameter": option(text, *names, panel=panel)})


table, network, training, machine = (
    partial(option_field, panel=panel) for panel in ("Data", "Network", "Training", "Machine")
)

RunPath = Annotated[Path, typer.Argument(help="Run directory.")]
NewRun = Annotated[Folder, option("New run directory to write.")]
Resume = Annotated[Folder, option("Directory of a stopped run of this command to finish.")]
Json = Annotated[bool, option("Print JSON.", "--json")]
TARGET, EXCLUDE = "Column of a table to predict.", "Column of a table to leave out; repeatable."
DELIMITER = "What separates a table's cells, such as ; or tab; default found in the file."
ENCODING = "Encoding of a table's text, such as cp1252; default found in the file."
MOVED = "Where the run's own data are, if they have moved."
ACCELERATOR = "cpu, gpu or auto; default cpu."


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """Data to train on."""

    data: Text = field(default=None, metadata={"parameter": DATA})
    target: Text = table(TARGET)
    exclude: list[str] | None = table(EXCLUDE)
    column: list[str] | None = table(
        "Kind of a column, NAME=number, category, date or date:FORMAT; repeatable."
    )
    missing: Text = table('Further strings that mark missing values, such as "-,?,.".')
    decimal: Text = table("Decimal mark of a table's strings, . or ,; default a point.")
    delimiter: Text = table(DELIMITER)
    encoding: Text = table(ENCODING)
    keep_spaces: Flag = table("Keep spaces around cells and labels.", "--keep-spaces")
    validation_share: Number = table("Share of the rows held out for validation; default 0.1.")


@dataclass(frozen=True, kw_only=True)
class RowsOptions:
    """Rows for a trained network: a part of its run's data, or other data."""

    data: Text = field(default=None, metadata={"parameter": DATA})
    part: Text = option_field("Part of the run's data: train, validation or test.")
    target: Text = table(TARGET)
    exclude: list[str] | None = table(EXCLUDE)
    delimiter: Text = table(DELIMITER)
    encoding: Text = table(ENCODING)
    moved: Text = option_field(MOVED, "--data")


@dataclass(frozen=True, kw_only=True)
class PresetOptions:
    """Settings of network and training that `train` and `search` share."""

    preset: Text = network("Name from `highway presets`; the default depends on the data.")
    plain: Flag = network("Plain twin: no gates, about as many parameters.", "--plain")
    depth: Integer = network("Layers, counted as in the papers, without the output layer.")
    width: Integer = network("Units or channels of each layer.")
    dropout: Number = network("Rate of the last dropout layer; the earlier rates scale with it.")
    kernel: Integer = network("Kernel size of highway convolutions, an odd number.")
    gate_kernel: Integer = network("Kernel size of the convolutions' gates, an odd number.")
    epochs: Integer = training("Passes over the training rows.")
    batch_size: Integer = training("Rows per optimizer step.")
    weight_decay: Number = training("Weight decay; not applied to biases.")
    gradient_clip: Number = training("Largest norm of the gradient; 0 disables clipping.")
    precision: Text = training("32-true, bf16-mixed or, on a GPU, 16-mixed.")
    shift: Number = training("Random shift of images, as a fraction of their size.")
    rotate_degrees: Number = training("Random rotation of images, up to this angle.")
    scale: Number = training("Random scaling of images, as a fraction of their size.")
    flip: Flag = training("Flip half of the images left to right, at random.")
    seed: Integer = training("The same seed and number of threads give the same weights.")


@dataclass(frozen=True, kw_only=True)
class RecipeOptions:
    """Further settings of `train`, most of which `search` draws for each trial."""

    activation: Text = network("relu, tanh, sigmoid, elu, gelu, silu or softplus.")
    gate_bias: Text = network("Initial gate bias, or 'depth': lower in deeper networks.")
    recipe: str = training("default, or papers: the released configuration.", default="default")
    optimizer: Text = training("adamw, or sgd with Nesterov momentum.")
    schedule: Text = training("one-cycle, steps, exponential or constant.")
    learning_rate: Number = training("Peak rate of one-cycle, initial rate of other schedules.")
    momentum: Number = training("Nesterov momentum of sgd.")
    drop_epochs: Text = training("For steps: epochs after which the rate drops, e.g. 100,200.")
    drop_factor: Number = training("Learning rate factor per drop; for exponential, per epoch.")
    patience: Integer = training(
        "Stop after this many epochs without a lower validation loss; 0 disables it."
    )
    keep: Text = training("best (lowest validation loss) or last epoch; default best.")
    class_weight: Text = training("none, or balanced: rare labels count as much; default none.")
    threads: Integer = machine("Threads of torch; default by the size of the network.")


@dataclass(frozen=True, kw_only=True)
class HardwareOptions:
    """Devices and machines of a training."""

    accelerator: str = machine(ACCELERATOR, default="cpu")
    devices: int = machine("Processes here, which share each batch; default 1.", default=1)
    nodes: int = machine(
        "Machines; needs NODE_RANK, MASTER_ADDR, MASTER_PORT; default 1.", default=1
    )


@dataclass(frozen=True, kw_only=True)
class EffortOptions:
    """Trials of a search and where they run."""

    trials: int = option_field("Trials, including failed ones; default 100.", default=100)
    jobs: int = option_field("Parallel trials, each in its own process; default 1.", default=1)
    sampler: str = option_field(
        "random or tpe; default random, as in the papers.", default="random"
    )


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """Settings of a pruning."""

    max_accuracy_drop: Number = option_field("Highest loss of accuracy in points; default 0.1.")
    keep_layers: Integer = option_field("Number of highway layers to keep, instead of a budget.")
    finetune_epochs: Integer = option_field("Epochs of fine-tuning; default 4, 0 disables it.")
    learning_rate: Number = option_field("For fine-tuning; default 0.3 times the training's rate.")
    data: Text = option_field(MOVED)


@dataclass(frozen=True, kw_only=True)
class ExperimentOptions:
    """Data, effort and directory of an experiment of the papers."""

    data: Text = option_field("Data: a folder, or mnist-5k for a try without a download.")
    out: Path = option_field(
        "Directory of all experiments, resumed if it exists; default runs/papers.",
        default=Path("runs/papers"),
    )
    seeds: Integer = option_field("Trainings with different seeds; default by the experiment.")
    epochs: Integer = option_field("Epochs of each training; default by the experiment.")
    trials: Integer = option_field("Trials of each network in a search; default 16.")
    precision: Text = option_field("32-true, bf16-mixed or, on a GPU, 16-mixed.")
    jobs: Integer = option_field("Parallel trainings; default the number of processors.")


def names(group: Any) -> set[str]:
    """Return the names of a dataclass's fields."""
    return {option.name for option in fields(group)}


def expanded(command: Callable[..., None]) -> Callable[..., None]:
    """Replace a command's parameters of dataclass types by one parameter for each field."""
    signature = inspect.signature(command)
    groups: dict[str, Any] = {}
    parameters: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        if is_dataclass(parameter.annotation):
            groups[name] = parameter.annotation
            parameters += map(_parameter, fields(groups[name]))
        else:
            parameters.append(parameter)

    @wraps(command)
    def run(**values: Any) -> None:
        grouped = {
            name: group(**{option: values.pop(option) for option in names(group)})
            for name, group in groups.items()
        }
        command(**values, **grouped)

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return run


def _parameter(option: Field[Any]) -> inspect.Parameter:
    annotation = Annotated[option.type, option.metadata["parameter"]]  # type: ignore[name-defined]
    return inspect.Parameter(
        option.name, inspect.Parameter.KEYWORD_ONLY, default=option.default, annotation=annotation
    )


def refuse_beside_resume(context: typer.Context, allowed: Collection[str]) -> None:
    """Raise `ConfigError` for a parameter beside --resume, except those of the names `allowed`."""
    for parameter in _typed(context):
        if parameter.name not in allowed:
            is_option = parameter.param_type_name == "option"
            name = parameter.opts[0] if is_option else parameter.name.upper()
            raise ConfigError(
                f"{name}: not allowed with --resume, which keeps the original settings; "
                "leave it out"
            )


def typed_arguments(context: typer.Context) -> dict[str, list[str]]:
    """Return the parameters given on the command line, by name, as they can be typed again."""
    typed: dict[str, list[str]] = {}
    for parameter in _typed(context):
        value = context.params[parameter.name]
        if isinstance(value, bool):
            typed[parameter.name] = [(parameter.opts if value else parameter.secondary_opts)[0]]
        else:
            values = value if isinstance(value, list | tuple) else [value]
            typed[parameter.name] = [text for v in values for text in (parameter.opts[0], str(v))]
    return typed


def _typed(context: typer.Context) -> list[Any]:
    sources = [(p, context.get_parameter_source(p.name or "")) for p in context.command.params]
    return [p for p, source in sources if source is not None and source.name == "COMMANDLINE"]
