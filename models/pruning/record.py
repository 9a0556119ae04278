"""The content of `pruning.json`: settings, progress and result of a pruning."""

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from models.directory import write_atomically
from models.errors import RunError
from models.evaluation import Evaluation
from models.intervals import Interval
from models.pruning.cost import Cost
from models.run import Run

PRUNING = "pruning.json"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The settings of one pruning.

    `max_accuracy_drop` is in percentage points of the accuracy on validation rows; `keep_layers`
    replaces it by the number of highway layers to keep.
    """

    run: str
    data: str | None = None  # where the run's data are, if they have moved
    weights: str | None = None  # SHA-256 digest of the run's weights when the pruning started
    max_accuracy_drop: Annotated[float, Field(ge=0, le=100)] = 0.1
    keep_layers: Annotated[int, Field(ge=1)] | None = None
    finetune_epochs: Annotated[int, Field(ge=0)] = 4
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


@dataclass(frozen=True, kw_only=True)
class Order:
    """The layers' numbers in the order of removal, the least useful first.

    `accuracy` and `loss`, on validation rows, have one value for each number of closed layers,
    from 0.
    """

    layers: Annotated[tuple[int, ...], Field(min_length=1)]
    accuracy: Annotated[tuple[float, ...], Field(min_length=2)]
    loss: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A number of removed layers, with the validation accuracy after fine-tuning."""

    removed: int
    accuracy: float
    within: bool  # whether the accuracy is within the budget
    # The 95 % interval of the accuracy; None in records of older releases.
    interval: Interval | None = field(default=None, compare=False)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Cost and scores of the network before or after the pruning."""

    cost: Cost
    validation: Evaluation
    test: Evaluation


@dataclass(frozen=True, kw_only=True)
class Result:
    """The removed parts, and the network before and after; no decision used test rows."""

    removed: tuple[int, ...]
    constant_gates: tuple[int, ...]
    dropped_units: int
    finetuned: bool
    before: Measurement
    after: Measurement


@dataclass(frozen=True, kw_only=True)
class PruningRecord:
    """All of `pruning.json`; `order` and `result` are None until they are known."""

    plan: Plan
    order: Order | None = None
    attempts: tuple[Attempt, ...] = ()
    result: Result | None = None


_RECORD = TypeAdapter(PruningRecord)


def write_record(run: Run, record: PruningRecord) -> None:
    """Write `pruning.json` atomically."""
    write_atomically(run.path / PRUNING, _RECORD.dump_json(record, indent=2) + b"\n")


def read_record(run: Run) -> PruningRecord:
    """Read `pruning.json`; a `RunError` if it is missing or invalid."""
    path = run.path / PRUNING
    if not path.is_file():
        raise RunError(
            f"{run.path}: not the directory of a pruning, {PRUNING} is missing; "
            "start one with `highway prune RUN --out DIRECTORY`"
        )
    try:
        return _RECORD.validate_json(path.read_bytes())
    except ValidationError as error:
        raise RunError(f"{path}: not the record of a pruning") from error
