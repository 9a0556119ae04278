"""What a pruning was asked for, what it has found so far, and what it came to: `pruning.json`."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from models.directory import write_whole
from models.errors import RunError
from models.evaluation import Evaluation
from models.pruning.cost import Cost
from models.run import Run

PRUNING = "pruning.json"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The settings of one pruning.

    `max_accuracy_drop` is in points, of the accuracy on the validation rows; where `keep_layers` is
    given, so many highway layers are left, whatever it costs.
    """

    run: str
    weights: str | None = None  # sha256 of the run's weights when the pruning began
    max_accuracy_drop: Annotated[float, Field(ge=0, le=100)] = 0.1
    keep_layers: Annotated[int, Field(ge=1)] | None = None
    finetune_epochs: Annotated[int, Field(ge=0)] = 4
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


@dataclass(frozen=True, kw_only=True)
class Order:
    """The layers' numbers, least missed first, and what validation says of closing them.

    `accuracy` and `loss` have one value for each count of layers closed together, from none.
    """

    layers: Annotated[tuple[int, ...], Field(min_length=1)]
    accuracy: Annotated[tuple[float, ...], Field(min_length=2)]
    loss: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One count of layers removed, fine-tuned, and measured on the validation rows."""

    removed: int
    accuracy: float
    within: bool  # the budget


@dataclass(frozen=True, kw_only=True)
class Side:
    """A network before or after."""

    cost: Cost
    validation: Evaluation
    test: Evaluation


@dataclass(frozen=True, kw_only=True)
class Result:
    """What was given up and gained; the test rows decided nothing."""

    removed: tuple[int, ...]
    constant_gates: tuple[int, ...]
    dropped_units: int
    finetuned: bool
    before: Side
    after: Side


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Everything that `pruning.json` holds; what is not yet known is None."""

    plan: Plan
    order: Order | None = None
    attempts: tuple[Attempt, ...] = ()
    result: Result | None = None


_LEDGER = TypeAdapter(Ledger)


def write_ledger(run: Run, ledger: Ledger) -> None:
    """Write `pruning.json`, whole."""
    write_whole(run.path / PRUNING, _LEDGER.dump_json(ledger, indent=2) + b"\n")


def read_ledger(run: Run) -> Ledger:
    """Read `pruning.json`; whatever is not one is a `RunError`."""
    path = run.path / PRUNING
    if not path.is_file():
        raise RunError(
            f"{run.path}: expected the directory of a pruning, found no {PRUNING} in it; "
            "begin with `python -m models prune RUN --out DIRECTORY`"
        )
    try:
        return _LEDGER.validate_json(path.read_bytes())
    except ValidationError as error:
        raise RunError(f"{path}: expected the record of a pruning, found something else") from error
