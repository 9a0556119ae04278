"""The models that are served, by name and version."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from time import perf_counter_ns

from service.classifier import Classifier
from service.contract import Metadata
from service.drift.watch import Watch
from service.errors import UnknownModelError
from service.inference.counters import Board, Shape
from service.inference.engine import Engine
from service.inference.queue import RowQueue
from service.inference.run import Run
from service.inference.statistics import Statistics

SETTLE_SECONDS = 0.5  # how long a worker may keep gates that its siblings cannot see yet


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a queue holds at most, and how much of it goes into one run; in rows."""

    queue_rows: int
    run_rows: int


class ServedModel:
    """One version of a model with the queue, the thread and the counters of its own."""

    def __init__(self, classifier: Classifier, limits: Limits, board: Board) -> None:
        """Without held-out rows in the artifact `watch` is None: its drift is not watched."""
        metadata = classifier.metadata
        shape = Shape(
            labels=len(metadata.labels), layers=len(metadata.layers), run_rows=limits.run_rows
        )
        self.metadata: Metadata = metadata
        self.classifier = classifier
        key, held_out = f"{metadata.name}@{metadata.version}", classifier.held_out
        self.watch = None if held_out is None else Watch(held_out, board, key)
        self.statistics = Statistics(board, key, shape, self.watch)
        queue = RowQueue(capacity=limits.queue_rows, run_rows=limits.run_rows)
        self.engine = Engine(classifier, queue, self._observe)
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to answer."""
        self._loop = loop
        self.engine.start(loop)

    def _observe(self, run: Run) -> None:
        first = not self.statistics.buffered
        self.statistics.ran(run, perf_counter_ns())
        if first and self._loop is not None:
            self._loop.call_later(SETTLE_SECONDS, self.statistics.settle)


class Models:
    """All that is served; a request keeps the one it found, whatever is put in its place."""

    def __init__(self, served: Iterable[ServedModel]) -> None:
        """Serve these; the first is the one meant where no name is given."""
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
        """Whether every model answers."""
        return all(model.engine.alive for model in self)

    def find(self, name: str | None = None, version: str | None = None) -> ServedModel:
        """Return a model, the newest of its versions if none is named.

        A name or version that is not served is an `UnknownModelError`.
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
        """Return the versions of a model that are served, oldest first."""
        return list(self._served.get(name, {}))

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to answer."""
        for model in self:
            model.start(loop)

    def close(self) -> None:
        """Answer what waits and end the threads."""
        for model in self:
            model.engine.close()


def _either(names: Iterable[str]) -> str:
    return " or ".join(f"'{name}'" for name in names)
