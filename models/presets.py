"""Networks by name, with the training that suits them."""

import math
from dataclasses import dataclass, field, replace
from typing import Annotated

from pydantic import Field

from models.errors import ConfigError
from models.networks.activations import ActivationName
from models.networks.architectures import FAMILIES, Shape
from models.networks.blocks import OddSize, Rate, Width
from models.networks.network import NetworkConfig
from models.networks.preparation import Contrast, Preparation, Scale
from models.networks.twin import plain_twin
from models.recipe import TrainConfig

PLAIN = "-plain"


def gate_bias_for_depth(highway_layers: int) -> float:
    """Return the gate bias at which as much is open in all layers together as in a short stack.

    Nine layers of bias −1 start with gates that add up to 2.42; a deeper stack starts with the
    same sum, so 19, 49 and 99 layers start at −1.92, −2.96 and −3.69.
    """
    opened = 9 / (1 + math.e)
    share = min(opened / highway_layers, 1 / (1 + math.e))
    return round(math.log(share / (1 - share)), 2)


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A network with open numbers, and how to train it; every number can be changed.

    `gate_bias` None follows the depth rule. `image_preparation` replaces the usual one for images.
    """

    about: str
    family: str
    depth: Annotated[int, Field(ge=2)]
    width: Width
    activation: ActivationName = "relu"
    gate_bias: float | None = None
    dropout: Rate = 0.0
    kernel: OddSize = 3
    gate_kernel: OddSize | None = None  # None: as the kernel
    plain: bool = False
    image_preparation: Preparation | None = None
    training: TrainConfig = field(default_factory=TrainConfig)

    def network(
        self, *, shape: tuple[int, ...], classes: int, preparation: Preparation
    ) -> NetworkConfig:
        """Describe the network for rows of `shape`; raises `ConfigError` for what cannot be."""
        family = FAMILIES[self.family]
        bias = self.gate_bias
        if bias is None:
            bias = gate_bias_for_depth(family.highway_layers(self.depth))
        blocks = family.build(
            Shape(
                depth=self.depth,
                width=self.width,
                activation=self.activation,
                gate_bias=bias,
                dropout=self.dropout,
                kernel=self.kernel,
                gate_kernel=self.gate_kernel or self.kernel,
            )
        )
        if self.image_preparation is not None and len(shape) > 1:
            preparation = self.image_preparation
        return NetworkConfig(
            shape=shape,
            classes=classes,
            preparation=preparation,
            blocks=plain_twin(blocks) if self.plain else blocks,
        )


DENSE = Preset(about="", family="dense", depth=10, width=50)
MNIST = Preset(
    about="",
    family="mnist-conv",
    depth=10,
    width=16,
    gate_bias=-1.0,
    dropout=0.25,  # the papers' 0.5 wants hundreds of epochs
    training=TrainConfig(epochs=12),
)
# tanh where it is deep: what a layer hands on is then bounded. With ReLU some seeds of 99 layers
# blow up at the default rate (docs/training.md).
HIGHWAY: dict[str, Preset] = {
    "dense-10": replace(DENSE, about="small images, as their default"),
    "table-10": replace(
        DENSE,
        dropout=0.3,
        training=TrainConfig(weight_decay=0.1),
        about="tables, as their default: regularised",
    ),
    "dense-20": replace(DENSE, depth=20, about="the papers' section 3.1"),
    "dense-50": replace(
        DENSE, depth=50, activation="tanh", about="sections 3.1 and 4 (gates, lesions)"
    ),
    "dense-100": replace(DENSE, depth=100, activation="tanh", about="section 3.1, the deepest"),
    "mnist-conv-16": replace(MNIST, about="grey images of about 28×28 (Table 1)"),
    "mnist-conv-32": replace(MNIST, width=32, about="the same, twice as wide (Table 1)"),
    "cifar-19": Preset(
        about="colour images of about 32×32 (Table 3)",
        family="cifar-conv",
        depth=19,
        width=32,
        gate_bias=-2.0,
        dropout=0.2,
        image_preparation=Contrast(),
        training=TrainConfig(epochs=60, turn_degrees=0.0, stretch=0.0, shift=0.125, mirror=True),
    ),
}
PRESETS: dict[str, Preset] = HIGHWAY | {
    f"{name}{PLAIN}": replace(preset, plain=True, about=f"the plain twin of {name}")
    for name, preset in HIGHWAY.items()
}


@dataclass(frozen=True, kw_only=True)
class PaperRecipe:
    """How the papers' released configuration of a family trains, drops out, prepares images."""

    training: TrainConfig
    dropout: float
    preparation: Preparation


_SOLVER = TrainConfig(
    optimizer="sgd",
    schedule="steps",
    learning_rate=0.01,
    weight_decay=0.001,
    bias_rate_factor=2.0,
    gradient_clip=0.0,
    shift=0.0,
    turn_degrees=0.0,
    stretch=0.0,
)
PAPER_RECIPES: dict[str, PaperRecipe] = {
    "mnist-conv": PaperRecipe(
        training=replace(_SOLVER, epochs=300, drop_epochs=(100, 200), output_decay_factor=10.0),
        dropout=0.5,
        preparation=Scale(divisor=256.0),
    ),
    "cifar-conv": PaperRecipe(
        training=replace(
            _SOLVER,
            epochs=400,
            learning_rate=0.025,
            drop_epochs=(200, 300, 350),
            shift=0.25,
            mirror=True,
        ),
        dropout=0.2,
        preparation=Contrast(),
    ),
}


def default_preset(kind: str) -> str:
    """Name the preset for data of that kind, an image or a table."""
    return "table-10" if kind == "table" else "dense-10"


def preset(name: str) -> Preset:
    """Look a preset up; an unknown name is a `ConfigError` that lists the known ones."""
    if name not in PRESETS:
        raise ConfigError(f"preset: expected one of {', '.join(PRESETS)}, found {name!r}")
    return PRESETS[name]
