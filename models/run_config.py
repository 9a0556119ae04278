"""The content of `config.json`: data, network and training of a run as plain values."""

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from models.data.dataset import Dataset, Schema
from models.data.source import Source
from models.networks.classifier import GateLayer
from models.networks.custom import CustomModule, CustomNetwork
from models.networks.network import HighwayClassifier, NetworkConfig
from models.networks.preparation import Preparation
from models.presets import Preset
from models.recipe import TrainConfig
from models.training.threads import threads_for
from service.contract import Input

UNKNOWN = "unknown"  # as source revision


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """The data of a training: how to load them, and a digest that shows whether they changed."""

    source: Source
    name: str
    digest: str
    labels: tuple[str, ...]
    input: Input

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
        """The schema that other data must have."""
        return Schema(input=self.input, labels=self.labels)


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """Parts removed from a network after its training, in all its prunings together.

    `removed` and `constant_gates` hold layer numbers, which count the highway layers of the
    network as trained, from 1.
    """

    trained_layers: int  # highway layers before the first pruning
    removed: tuple[int, ...]
    constant_gates: tuple[int, ...]
    dropped_units: int
    trained: TrainConfig  # before the first pruning; `RunConfig.training` is the fine-tuning


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """All of `config.json`; `format` increases when an older release could misread the file.

    With a `custom` module, `network` has the shape and the number of labels, and no blocks.
    """

    format: Literal[2] = 2
    preset: str
    source_revision: str
    data: DataConfig
    network: NetworkConfig
    training: TrainConfig
    pruning: Pruning | None = None
    custom: CustomModule | None = None

    @property
    def gate_layers(self) -> tuple[GateLayer, ...]:
        """The highway layers in order: one for each column of the mean gates."""
        return self.network.gate_layers if self.custom is None else self.custom.layers

    def same_settings(self, other: "RunConfig") -> bool:
        """Return whether all but the source revision is equal."""
        return replace(self, source_revision=other.source_revision) == other

    @classmethod
    def of_custom(
        cls, data: DataConfig, network: CustomNetwork, training: TrainConfig
    ) -> "RunConfig":
        """Describe a training of a user's module on `data`; see `of` for the threads."""
        threads = training.threads or threads_for(network, training.batch_size)
        return cls(
            preset="custom",
            source_revision=source_revision(),
            data=data,
            network=NetworkConfig(shape=data.input.shape, classes=len(data.labels), blocks=()),
            training=replace(training, threads=threads),
            custom=network.description,
        )

    @classmethod
    def of(
        cls, data: DataConfig, chosen: Preset, preparation: Preparation, *, name: str
    ) -> "RunConfig":
        """Describe a training of the preset `chosen` on `data` with the current source revision.

        The number of threads is chosen here, so that a resumed training uses the same number.

        Raises `ConfigError` if the network cannot be built for the data's shape.
        """
        network = chosen.network(
            shape=data.input.shape, classes=len(data.labels), preparation=preparation
        )
        # Built to check the shapes and count products. On torch's meta device, which needs no
        # memory, it would take seconds, because that device imports most of torch's compiler.
        built = HighwayClassifier(network)
        training = chosen.training
        return cls(
            preset=name,
            source_revision=source_revision(),
            data=data,
            network=network,
            training=replace(
                training, threads=training.threads or threads_for(built, training.batch_size)
            ),
        )


def source_revision(folder: Path = Path(__file__).parent) -> str:
    """Return the commit checked out in `folder`, with "+changes" if tracked files differ from it.

    Returns `UNKNOWN` without git or a repository, as in an installed package.
    """
    command = ["git", "describe", "--always", "--exclude=*", "--abbrev=40", "--dirty=+changes"]
    try:
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN
    return result.stdout.strip()
