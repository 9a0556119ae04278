"""Hyper-parameters and hardware of a training, with defaults that suit most data."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from models.errors import ConfigError

OptimizerName = Literal["adamw", "sgd"]
ScheduleName = Literal["one-cycle", "steps", "exponential", "constant"]
Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
KeptEpoch = Literal["best", "last"]
ClassWeight = Literal["none", "balanced"]

AtLeastZero = Annotated[float, Field(ge=0, allow_inf_nan=False)]
AboveZero = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Hyper-parameters of one training.

    `shift`, `rotate_degrees`, `scale` and `flip` are the bounds of the random changes to training
    images (see `augment_images`); rows of tables are never changed.
    """

    epochs: Count = 60
    batch_size: Count = 100
    optimizer: OptimizerName = "adamw"
    schedule: ScheduleName = "one-cycle"
    learning_rate: AboveZero = 5e-3  # the peak of one-cycle, the start of the other schedules
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9  # Nesterov momentum of SGD
    drop_epochs: tuple[Count, ...] = ()  # schedule steps: the rate drops after these epochs
    drop_factor: Annotated[float, Field(gt=0, le=1)] = 0.1  # at each drop; exponential: each epoch
    weight_decay: AtLeastZero = 0.01  # of weights; biases have none
    output_decay_factor: AtLeastZero = 1.0  # multiplies the weight decay of the output layer
    bias_rate_factor: AboveZero = 1.0  # multiplies the learning rate of biases
    gradient_clip: AtLeastZero = 1.0  # largest norm of the gradient; 0 disables clipping
    keep: KeptEpoch = "best"  # by validation loss; without validation rows the last
    # Epochs without a lower validation loss before early stopping; 0 and None disable it.
    patience: Annotated[int, Field(ge=0)] | None = None
    class_weight: ClassWeight = "none"  # in the loss; balanced: rows / (labels × rows of the label)
    precision: Precision = "32-true"
    shift: Annotated[float, Field(ge=0, le=0.5)] = 2 / 28  # fraction of the image's size
    rotate_degrees: Annotated[float, Field(ge=0, le=180)] = 15.0
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.15  # fraction of the image's size
    flip: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    threads: Count | None = None  # of all processes on a machine; None in presets: `threads_for`

    @property
    def augments_images(self) -> bool:
        """Whether training images are changed at random."""
        return bool(self.shift or self.rotate_degrees or self.scale or self.flip)


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """Devices and machines of a training; the processes share each batch."""

    accelerator: Literal["auto", "cpu", "gpu"] = "cpu"
    devices: Count = 1
    nodes: Count = 1

    @property
    def processes(self) -> int:
        """The number of processes on all machines."""
        return self.devices * self.nodes

    def options(self) -> tuple[str, ...]:
        """Return the options of the command line that differ from their defaults."""
        given = (
            ("--accelerator", self.accelerator, "cpu"),
            ("--devices", self.devices, 1),
            ("--nodes", self.nodes, 1),
        )
        return tuple(
            word
            for name, value, default in given
            if value != default
            for word in (name, f"{value}")
        )


def check_training(config: TrainConfig, hardware: Hardware) -> None:
    """Raise `ConfigError` if settings contradict each other or the hardware."""
    if config.precision == "16-mixed" and hardware.accelerator != "gpu":
        raise ConfigError("--precision: 16-mixed needs --accelerator gpu; use bf16-mixed on a CPU")
    if config.batch_size % hardware.processes:
        raise ConfigError(
            f"--batch-size: expected a multiple of {hardware.processes}, the number of processes "
            f"that share each batch, found {config.batch_size}"
        )
