"""Named networks with suitable training settings, and the papers' training recipes."""

import math
from dataclasses import dataclass, field, replace

from models.errors import ConfigError
from models.networks.architectures import FAMILIES, FamilyOptions, plain_twin
from models.networks.network import NetworkConfig
from models.networks.preparation import Contrast, Preparation, Scale
from models.recipe import TrainConfig
from service.contract import Input

PLAIN = "-plain"
LARGE_TABLE = 10_000  # training rows from which the wide network for tables is more accurate
SMALLEST_PICTURE = 12  # pixels of the shorter side, from which convolutions are the default
STAGE_SIZE = 16  # pixels; convolutions on larger images take more time than they gain
SMALLEST_BATCH = 32
STEPS_PER_EPOCH = 32  # at least, unless the batch is the smallest or the largest
FEWEST_EPOCHS, MOST_EPOCHS = 8, 100


@dataclass(frozen=True, kw_only=True)
class Preset(FamilyOptions):
    """A network apart from its input and classes, with its training; every number can be changed.

    `image_preparation` replaces the default preparation of images; `quantiles` and `flag_size` are
    those of tables. A preset with a number of `steps` chooses its epochs and its batch size, up to
    that of `training`, by the number of rows.
    """

    about: str
    family: str
    plain: bool = False
    image_preparation: Preparation | None = None
    quantiles: int = 0
    flag_size: float = 1.0
    steps: int | None = None
    training: TrainConfig = field(default_factory=TrainConfig)

    def fitted(self, row: Input, rows: int) -> "Preset":
        """Return the preset for `rows` training rows described by `row`."""
        fitted = self
        if self.family == "image-conv" and row.kind == "image":
            fitted = replace(fitted, halvings=_halvings(*row.shape[:2]))
        if self.steps is None:
            return fitted
        wanted = 2 ** round(math.log2(max(1, rows / STEPS_PER_EPOCH)))
        batch_size = min(max(wanted, SMALLEST_BATCH), self.training.batch_size)
        epochs = math.ceil(self.steps / math.ceil(rows / batch_size))
        epochs = min(max(epochs, FEWEST_EPOCHS), MOST_EPOCHS)
        return replace(
            fitted, training=replace(self.training, batch_size=batch_size, epochs=epochs)
        )

    def network(
        self, *, shape: tuple[int, ...], classes: int, preparation: Preparation
    ) -> NetworkConfig:
        """Describe the network for rows of `shape`; a `ConfigError` if it cannot be built."""
        blocks = FAMILIES[self.family].build(self)
        if self.image_preparation is not None and len(shape) > 1:
            preparation = self.image_preparation
        return NetworkConfig(
            shape=shape,
            classes=classes,
            preparation=preparation,
            blocks=plain_twin(blocks) if self.plain else blocks,
        )


DENSE = Preset(about="", family="dense", depth=10, width=50, training=TrainConfig(patience=20))
TABLE = Preset(
    about="",
    family="dense",
    depth=5,
    width=64,
    dropout=0.3,
    quantiles=16,
    flag_size=0.3,
    steps=1_600,
    training=TrainConfig(batch_size=128, weight_decay=0.1, patience=15),
)
MNIST = Preset(
    about="",
    family="mnist-conv",
    depth=10,
    width=16,
    gate_bias=-1.0,
    dropout=0.25,  # the papers' 0.5 needs hundreds of epochs
    training=TrainConfig(epochs=12, patience=20),
)
# tanh in deep networks, because it bounds the outputs of layers. With ReLU the training of some
# seeds of 99 layers fails at the default learning rate (docs/measurements/training.md).
HIGHWAY: dict[str, Preset] = {
    "conv-10": Preset(
        about="default for images; sized by them",
        family="image-conv",
        depth=10,
        width=16,
        dropout=0.25,
        steps=800,
        training=TrainConfig(batch_size=128, patience=20),
    ),
    "table-5": replace(TABLE, about="default for tables"),
    "table-5-wide": replace(
        TABLE,
        width=128,
        dropout=0.1,
        quantiles=32,
        steps=3_000,
        training=replace(TABLE.training, batch_size=512),
        about=f"default for tables from {LARGE_TABLE:,} rows",
    ),
    "dense-10": replace(DENSE, about="default for images below 12 pixels"),
    "dense-20": replace(DENSE, depth=20, about="the papers' section 3.1"),
    "dense-50": replace(
        DENSE, depth=50, activation="tanh", about="sections 3.1 and 4 (gates, lesions)"
    ),
    "dense-100": replace(
        DENSE, depth=100, activation="tanh", about="section 3.1, the deepest network"
    ),
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
        training=TrainConfig(
            epochs=60, patience=20, rotate_degrees=0.0, scale=0.0, shift=0.125, flip=True
        ),
    ),
}
PRESETS: dict[str, Preset] = HIGHWAY | {
    f"{name}{PLAIN}": replace(preset, plain=True, about=f"the plain twin of {name}")
    for name, preset in HIGHWAY.items()
}


_SOLVER = TrainConfig(
    optimizer="sgd",
    schedule="steps",
    learning_rate=0.01,
    weight_decay=0.001,
    bias_rate_factor=2.0,
    gradient_clip=0.0,
    shift=0.0,
    rotate_degrees=0.0,
    scale=0.0,
)
# The papers' released configuration of each family.
PAPER_RECIPES: dict[str, Preset] = {
    "mnist-conv": replace(
        MNIST,
        dropout=0.5,
        image_preparation=Scale(divisor=256.0),
        training=replace(_SOLVER, epochs=300, drop_epochs=(100, 200), output_decay_factor=10.0),
    ),
    "cifar-conv": replace(
        HIGHWAY["cifar-19"],
        training=replace(
            _SOLVER,
            epochs=400,
            learning_rate=0.025,
            drop_epochs=(200, 300, 350),
            shift=0.25,
            flip=True,
        ),
    ),
}


def default_preset(row: Input, rows: int) -> str:
    """Return the name of the default preset for `rows` training rows described by `row`."""
    if row.kind == "table":
        return "table-5" if rows < LARGE_TABLE else "table-5-wide"
    return "conv-10" if min(row.shape[:2]) >= SMALLEST_PICTURE else "dense-10"


def _halvings(height: int, width: int) -> int:
    """Return how often an image is halved before the first stage."""
    return max(0, math.ceil(math.log2(math.sqrt(height * width) / STAGE_SIZE)))


def preset(name: str) -> Preset:
    """Return the preset of that name; a `ConfigError` if there is none."""
    if name not in PRESETS:
        raise ConfigError(f"preset: expected one of {', '.join(PRESETS)}, found {name!r}")
    return PRESETS[name]
