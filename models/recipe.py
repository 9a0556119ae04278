"""How a network is trained: every hyper-parameter, with the defaults that suit most data."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

OptimizerName = Literal["adamw", "sgd"]
ScheduleName = Literal["one-cycle", "steps", "exponential", "constant"]
Precision = Literal["32-true", "bf16-mixed", "16-mixed"]

AtLeastZero = Annotated[float, Field(ge=0, allow_inf_nan=False)]
AboveZero = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The hyper-parameters of one training.

    Images are moved at random: shifted by up to `shift` of their size, turned by up to
    `turn_degrees`, stretched by up to `stretch` of their size, and where `mirror` is set half of
    them are mirrored; tables are left alone.
    """

    epochs: Count = 60
    batch_size: Count = 100
    optimizer: OptimizerName = "adamw"
    schedule: ScheduleName = "one-cycle"
    learning_rate: AboveZero = 5e-3  # the peak of one-cycle, the start of the other schedules
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9  # of SGD, which is Nesterov's
    drop_epochs: tuple[Count, ...] = ()  # of steps: after these epochs the rate is multiplied …
    drop_factor: Annotated[float, Field(gt=0, le=1)] = 0.1  # … by this; of exponential: after each
    weight_decay: AtLeastZero = 0.01  # of weights, never of biases
    output_decay_factor: AtLeastZero = 1.0  # the output layer's decay, in times
    bias_rate_factor: AboveZero = 1.0  # the biases' learning rate, in times
    gradient_clip: AtLeastZero = 1.0  # largest norm of the gradient; 0: any
    patience: Count | None = None  # epochs without a better validation loss before stopping
    precision: Precision = "32-true"
    shift: Annotated[float, Field(ge=0, le=0.5)] = 2 / 28
    turn_degrees: Annotated[float, Field(ge=0, le=180)] = 15.0
    stretch: Annotated[float, Field(ge=0, lt=1)] = 0.15
    mirror: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """What a training runs on; several processes share each batch."""

    accelerator: Literal["auto", "cpu", "gpu"] = "cpu"
    devices: Count = 1
    nodes: Count = 1

    @property
    def processes(self) -> int:
        """How many processes train together."""
        return self.devices * self.nodes
