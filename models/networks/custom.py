"""Networks of one's own: any torch module whose highway layers are those of this package.

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(64, 32)
            self.highway = nn.Sequential(*(HighwayDense(32) for _ in range(4)))
            self.last = nn.Linear(32, 10)

        def forward(self, x: Tensor) -> Tensor:  # raw values (batch, features) -> logits
            return self.last(self.highway(torch.relu(self.first(x))))

`CustomNetwork` wraps such a module: it returns the gates beside the logits and scales them. The
module gets the rows as they are: pixels flat, category indices, NaN for missing values. It may
prepare them by `fitted_preparation`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from models.data.dataset import Dataset, FloatRows
from models.errors import ConfigError, first_line
from models.networks.classifier import GatedClassifier, GateLayer
from models.networks.layers import GateTape, HighwayConv, HighwayLayer, Mixed
from models.networks.preparation import (
    ContrastNormalisation,
    PreparationModule,
    build_preparation,
    preparation_for,
)
from service.contract import Input

MODULE = "module"  # the user's module inside the wrapper


@dataclass(frozen=True, kw_only=True)
class CustomModule:
    """A user's module in `config.json`; its class is in the user's code, not in the run."""

    class_name: str
    layers: Annotated[tuple[GateLayer, ...], Field(min_length=1)]


class CustomNetwork(GatedClassifier):
    """A user's module with its highway layers in the order of their first use.

    The order is found by computing `example` rows (n, features). Raises `ConfigError` if the module
    cannot compute them, has no highway layer, uses one twice or never, or returns no logits.
    """

    def __init__(self, module: nn.Module, *, row: Input, classes: int, example: FloatRows) -> None:
        super().__init__()
        self.module = module
        self.row = row
        self._classes = classes
        self.class_name = type(module).__name__
        self.paths = self._order_of_use(torch.from_numpy(example))

    @property
    def description(self) -> CustomModule:
        """The description that a run keeps."""
        return CustomModule(class_name=self.class_name, layers=self.gate_layers)

    @property
    def features(self) -> int:
        """The number of values in a row."""
        return prod(self.row.shape)

    @property
    def classes(self) -> int:
        """The number of labels."""
        return self._classes

    @cached_property
    def gate_layers(self) -> tuple[GateLayer, ...]:
        """The highway layers in the order of their first use."""
        return tuple(
            GateLayer(
                number=number,
                kind="convolution" if isinstance(layer, HighwayConv) else "dense",
                width=layer.width,
            )
            for number, layer in enumerate(self.layers(), start=1)
        )

    @property
    def exact_columns(self) -> tuple[int, ...]:
        """The columns whose values rounding must not move: category indices and dates."""
        columns = enumerate(self.row.columns)
        return tuple(index for index, c in columns if c.categories or c.date is not None)

    @property
    def owners(self) -> Mapping[str, str]:
        """The names of modules in the exported graph: highway layers by number, others by path."""
        owners = {
            f"{MODULE}.{path}": path.replace(".", "_")
            for path, _ in self.module.named_modules()
            if path and not any(path.startswith(layer and f"{layer}.") for layer in self.paths)
        }
        for number, path in enumerate(self.paths, start=1):
            owners[f"{MODULE}.{path}" if path else MODULE] = f"highway_{number}"
        return owners

    def layers(self) -> list[HighwayLayer]:
        """Return the highway layers in the order of their first use."""
        return [_layer(self.module, path) for path in self.paths]

    def compute(self, x: Tensor, gate_scale: Tensor | None = None) -> tuple[Tensor, list[Mixed]]:
        """Map raw values (batch, features) to logits (batch, classes) and each layer's tensors.

        `gate_scale`, (batch or 1, layers), multiplies the gates layer by layer.
        """
        with GateTape(self.layers(), gate_scale) as tape:
            logits: Tensor = self.module(x)
        return logits, tape.mixed()

    def _order_of_use(self, rows: Tensor) -> tuple[str, ...]:
        paths = {
            layer: path
            for path, layer in self.module.named_modules()
            if isinstance(layer, HighwayLayer)
        }
        if not paths:
            raise ConfigError(
                f"network: expected a module with highway layers, found none in {self.class_name}; "
                "use HighwayDense or HighwayConv of models.networks"
            )
        was_training = self.module.training
        self.module.eval()
        try:
            with torch.no_grad(), GateTape(list(paths), None) as tape:
                logits = self.module(rows)
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            if isinstance(error, ConfigError):
                raise
            size = "×".join(map(str, rows.shape))
            raise ConfigError(
                f"network: {self.class_name} cannot compute {size} raw values of the data: "
                f"{type(error).__name__}: {first_line(error)}"
            ) from error
        finally:
            self.module.train(was_training)
        self._check_logits(logits, len(rows))
        for layer, path in paths.items():
            if layer not in tape.order:
                raise ConfigError(
                    f"network: highway layer {path!r} is never used by forward; use it or remove it"
                )
        return tuple(paths[layer] for layer in tape.order)

    def _check_logits(self, logits: object, rows: int) -> None:
        expected = f"network: expected logits of shape ({rows}, {self.classes}), one for each label"
        if not isinstance(logits, Tensor):
            raise ConfigError(f"{expected}, found {type(logits).__name__}; return a tensor")
        if logits.shape != (rows, self.classes):
            raise ConfigError(
                f"{expected}, found {tuple(logits.shape)}; change the last layer of "
                f"{self.class_name}"
            )
        if logits.dtype != torch.float32:
            raise ConfigError(f"{expected} as float32, found {logits.dtype}; convert the module")


def fitted_preparation(dataset: Dataset) -> PreparationModule:
    """Return the presets' preparation of raw values, fitted to the training rows.

    It maps (batch, features) to (batch, `outputs`): numbers standardised, flags for categories.
    """
    train = dataset.train.x
    features = train.shape[1]
    module = build_preparation(preparation_for(dataset.input, train), features)
    assert not isinstance(module, ContrastNormalisation)  # which no data set gets by default
    module.fit(torch.from_numpy(train))
    return module


def _layer(module: nn.Module, path: str) -> HighwayLayer:
    layer = module.get_submodule(path)
    assert isinstance(layer, HighwayLayer)
    return layer
