"""The served models, by name and version."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from service.classifier import Classifier
from service.contract import Metadata
from service.drift.baseline import HeldOut
from service.drift.monitor import DriftMonitor
from service.errors import UnknownModelError
from service.inference.engine import Engine
from service.inference.queue import RowQueue
from service.inference.statistics import CountersLayout, Statistics
from service.shared_counters import SharedCounters


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of a model's queue and of its batches, in rows."""

    max_queue_rows: int
    max_batch_rows: int


class ServedModel:
    """One version of a model with its own queue, thread and counters."""

    def __init__(
        self, classifier: Classifier, limits: Limits, shared_counters: SharedCounters
    ) -> None:
        """Without held-out rows in the artifact, `drift_monitor` is None."""
        metadata = classifier.metadata
        layout = CountersLayout(
            labels=len(metadata.labels),
            layers=len(metadata.layers),
            max_batch_rows=limits.max_batch_rows,
        )
        self.metadata: Metadata = metadata
        key, held_out = f"{metadata.name}@{metadata.version}", metadata.held_out
        self.drift_monitor = (
            DriftMonitor(HeldOut.of(held_out), shared_counters, key) if held_out else None
        )
        self.statistics = Statistics(shared_counters, key, layout, self.drift_monitor)
        queue = RowQueue(capacity=limits.max_queue_rows, max_batch_rows=limits.max_batch_rows)
        self.engine = Engine(classifier, queue, self.statistics.batch_completed)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start to serve on `loop`."""
        self.statistics.start(loop)
        self.engine.start(loop)


class Models:
    """All served models."""

    def __init__(self, served: Iterable[ServedModel]) -> None:
        """Serve these models; the first is the default."""
        self._served: dict[str, dict[str, ServedModel]] = {}
        for model in served:
            self._served.setdefault(model.metadata.name, {})[model.metadata.version] = model

    def __iter__(self) -> Iterator[ServedModel]:
        return (model for versions in self._served.values() for model in versions.values())

    @property
    def default(self) -> ServedModel:
        """The first model."""
        return next(iter(self))

    @property
    def ready(self) -> bool:
        """Whether every model accepts requests."""
        return all(model.engine.alive for model in self)

    def find(self, name: str | None = None, version: str | None = None) -> ServedModel:
        """Return a model, by default the first model and its newest version.

        An unknown name or version is an `UnknownModelError`.
        """
        if name is None:
            return self.default
        versions = self._served.get(name)
        if versions is None:
            raise UnknownModelError(f"model: expected {_either(self._served)}, found another name")
        if version is None:
            return list(versions.values())[-1]
        if version not in versions:
            raise UnknownModelError(
                f"version: expected {_either(versions)} of '{name}', found another"
            )
        return versions[version]

    def versions(self, name: str) -> list[str]:
        """Return the served versions of a model, oldest first."""
        return list(self._served.get(name, {}))

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start every model on `loop`."""
        for model in self:
            model.start(loop)

    def close(self) -> None:
        """Finish the waiting requests and end the threads."""
        for model in self:
            model.engine.close()


def _either(names: Iterable[str]) -> str:
    return " or ".join(f"'{name}'" for name in names)
