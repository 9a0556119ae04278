"""Networks by name, with the training that suits them."""

from dataclasses import dataclass

from models.activations import ActivationName
from models.errors import ConfigError
from models.network import DenseBlock, HighwayBlock, NetworkConfig


@dataclass(frozen=True, kw_only=True)
class DensePreset:
    """The papers' thin network: `depth` layers, of which the first and the output are plain.

    As in section 3.1 of the paper, the output layer is not counted: depth 10 is one plain layer
    and nine highway layers, all of `width` units.
    """

    depth: int
    width: int = 50
    activation: ActivationName = "relu"
    gate_bias: float = -1.0

    def network(self, *, features: int, classes: int) -> NetworkConfig:
        """Describe the network for data of `features` columns and `classes` labels."""
        if self.depth < 2:
            raise ConfigError(
                f"depth: expected at least 2 (one plain and one highway layer), found {self.depth}"
            )
        first = DenseBlock(width=self.width, activation=self.activation)
        highway = tuple(
            HighwayBlock(
                number=number,
                width=self.width,
                activation=self.activation,
                gate_bias=self.gate_bias,
            )
            for number in range(1, self.depth)
        )
        return NetworkConfig(features=features, classes=classes, blocks=(first, *highway))


PRESETS: dict[str, DensePreset] = {"dense-10": DensePreset(depth=10)}


def preset(name: str) -> DensePreset:
    """Look a preset up; an unknown name is a `ConfigError` that lists the known ones."""
    if name not in PRESETS:
        raise ConfigError(f"preset: expected one of {', '.join(PRESETS)}, found {name!r}")
    return PRESETS[name]
