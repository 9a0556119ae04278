"""What a run is: data, network and training, as plain values that `config.json` keeps."""

from dataclasses import dataclass
from typing import Literal

import torch

from models.data.dataset import Dataset, InputSpec
from models.data.schema import Schema
from models.data.source import Source
from models.networks.network import HighwayClassifier, NetworkConfig
from models.networks.preparation import Preparation
from models.presets import Preset
from models.recipe import TrainConfig
from models.revision import source_revision


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What the network was trained on: enough to load it again and see that it is the same."""

    source: Source
    name: str
    digest: str
    labels: tuple[str, ...]
    input: InputSpec

    @classmethod
    def of(cls, source: Source, dataset: Dataset) -> "DataConfig":
        """Describe a data set loaded from `source`."""
        return cls(
            source=source,
            name=dataset.name,
            digest=dataset.digest(),
            labels=dataset.labels,
            input=dataset.input,
        )

    @property
    def schema(self) -> Schema:
        """What further rows must look like."""
        return Schema(input=self.input, labels=self.labels)


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """What was taken out of a network after its training, over all its prunings together.

    Layers are named by their numbers, which count the highway layers of the network as trained.
    """

    trained_layers: int  # highway layers before the first pruning
    removed: tuple[int, ...]
    constant_gates: tuple[int, ...]
    dropped_units: int
    trained: TrainConfig  # the training before the first pruning; `training` is the fine-tuning's


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The whole of `config.json`; `format` is raised when an older program could misread it."""

    format: Literal[2] = 2
    preset: str
    source_revision: str
    data: DataConfig
    network: NetworkConfig
    training: TrainConfig
    pruning: Pruning | None = None

    @classmethod
    def of(
        cls, data: DataConfig, chosen: Preset, preparation: Preparation, *, name: str
    ) -> "RunConfig":
        """Describe a training of the preset on that data, by the source as it is now.

        Raises `ConfigError` where the network cannot be built for such rows.
        """
        network = chosen.network(
            shape=data.input.shape, classes=len(data.labels), preparation=preparation
        )
        with torch.device("meta"):  # without memory, for the checks of the shapes alone
            HighwayClassifier(network)
        return cls(
            preset=name,
            source_revision=source_revision(),
            data=data,
            network=network,
            training=chosen.training,
        )
