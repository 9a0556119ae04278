"""The served models, by name and version; the set can change while requests are served."""

import asyncio
import logging
import re
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from service.classifier import Classifier
from service.contract import Metadata
from service.drift.baseline import HeldOut
from service.drift.monitor import DriftMonitor
from service.errors import NotReadyError, UnknownModelError
from service.inference.engine import Engine
from service.inference.queue import RowQueue
from service.inference.statistics import CountersLayout, Statistics
from service.inference.traffic import Traffic
from service.inference.usual_inputs import UsualInputs
from service.shared_counters import SharedCounters

_log = logging.getLogger(__name__)

DIGEST_PART = 12  # characters of a digest that tell two files of one version apart


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of a model's queue, in rows and milliseconds, and of its batches, in rows."""

    max_queue_rows: int
    max_queue_ms: int
    max_batch_rows: int


class ServedModel:
    """One version of a model with its own queue, thread and counters.

    Its thread ends when nothing refers to the model any more: requests that are being read or
    computed keep a model that was replaced.
    """

    def __init__(
        self, classifier: Classifier, limits: Limits, shared_counters: SharedCounters
    ) -> None:
        """Without held-out rows and usual inputs, `drift_monitor` and `usual_inputs` are None."""
        metadata = classifier.metadata
        layout = CountersLayout(
            labels=len(metadata.labels),
            layers=len(metadata.layers),
            max_batch_rows=limits.max_batch_rows,
        )
        self.metadata: Metadata = metadata
        self.digest = str(metadata.verification["digest"])
        # Another file of this name and version has other counts, and may have other labels.
        self.key = f"{metadata.name}@{metadata.version}@{self.digest[:DIGEST_PART]}"
        held_out = metadata.held_out
        self.drift_monitor = (
            DriftMonitor(HeldOut.of(held_out), shared_counters, self.key) if held_out else None
        )
        baseline = metadata.input_baseline
        self.usual_inputs = UsualInputs.of(baseline) if baseline else None
        self.max_batch_rows = limits.max_batch_rows
        self.statistics = Statistics(shared_counters, self.key, layout, self.drift_monitor)
        queue = RowQueue(
            capacity=limits.max_queue_rows,
            max_batch_rows=limits.max_batch_rows,
            max_wait_ns=limits.max_queue_ms * 1_000_000,
        )
        # Refers to no model: the thread would keep it.
        self.engine = Engine(classifier, queue, self.statistics.batch_completed)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start to serve on `loop`."""
        self.statistics.start(loop)
        self.engine.start(loop)
        weakref.finalize(self, self.engine.stop).atexit = False


class VersionRoute(NamedTuple):
    """The versions of a model that get its requests without a version.

    `stable` answers them, but for the `share` that `canary` answers; `shadow` computes them too.
    """

    stable: ServedModel
    canary: ServedModel | None
    share: float
    shadow: ServedModel | None


class Models:
    """All served models."""

    def __init__(
        self,
        served: Iterable[ServedModel],
        traffic: Mapping[str, Traffic] = MappingProxyType({}),
        *,
        default: str | None = None,
    ) -> None:
        """Serve these models; without the name of a `default`, it is the first by name."""
        self._default = default
        self._loop: asyncio.AbstractEventLoop | None = None
        self._served: dict[str, dict[str, ServedModel]] = {}
        self._listeners: list[Callable[[], None]] = []
        self.replace(served, traffic)

    def __iter__(self) -> Iterator[ServedModel]:
        return (model for versions in self._served.values() for model in versions.values())

    @property
    def default(self) -> ServedModel:
        """The default model, in the version that answers requests without one."""
        return self.route().stable

    @property
    def ready(self) -> bool:
        """Whether every model accepts requests."""
        return all(model.engine.alive for model in self)

    def replace(
        self, served: Iterable[ServedModel], traffic: Mapping[str, Traffic] = MappingProxyType({})
    ) -> None:
        """Serve these models from now on; requests of the others are finished."""
        models = sorted(
            served, key=lambda model: (model.metadata.name, version_key(model.metadata.version))
        )
        present = set(self)
        self._served = {}
        for model in models:
            self._served.setdefault(model.metadata.name, {})[model.metadata.version] = model
            if self._loop is not None and model not in present:
                model.start(self._loop)
        self._routes = {
            name: _route(versions, traffic.get(name, Traffic()))
            for name, versions in self._served.items()
        }
        for listener in self._listeners:
            listener()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` now and after each change of the set."""
        self._listeners.append(listener)
        listener()

    def find(self, name: str | None = None, version: str | None = None) -> ServedModel:
        """Return a model, by default the default model and its stable version.

        An unknown name or version is an `UnknownModelError`.
        """
        if name is None or version is None:
            return self.route(name).stable
        versions = self._versions(name)
        if version not in versions:
            raise UnknownModelError(
                f"version: expected {_either(versions)} of '{name}', found another"
            )
        return versions[version]

    def route(self, name: str | None = None) -> VersionRoute:
        """Return the versions that get the requests for a model, by default the default one."""
        if name is None:
            if not self._served:
                raise NotReadyError("no model is served; load one")
            name = self._default if self._default in self._served else next(iter(self._served))
        self._versions(name)
        return self._routes[name]

    def _versions(self, name: str) -> dict[str, ServedModel]:
        versions = self._served.get(name)
        if versions is None:
            raise UnknownModelError(f"model: expected {_either(self._served)}, found another name")
        return versions

    def versions(self, name: str) -> list[str]:
        """Return the served versions of a model, oldest first."""
        return list(self._served.get(name, {}))

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start every model on `loop`."""
        self._loop = loop
        for model in self:
            model.start(loop)

    def close(self) -> None:
        """Finish the waiting requests and end the threads."""
        for model in self:
            model.engine.close()
            model.statistics.flush()


def _route(versions: Mapping[str, ServedModel], traffic: Traffic) -> VersionRoute:
    """Return which versions get the requests: none that is not served or has another input.

    `versions` are in rising order.
    """
    canary_version = traffic.canary.version if traffic.canary else None
    named = (traffic.version, canary_version, traffic.shadow)
    missing = [version for version in named if version is not None and version not in versions]
    if missing:
        _log.warning("traffic.json: expected served versions, found %s", ", ".join(missing))
    special = {traffic.shadow, canary_version}
    ordinary = [model for version, model in versions.items() if version not in special]
    newest = (ordinary or list(versions.values()))[-1]
    stable = versions.get(traffic.version or "", newest)

    def fitting(version: str | None) -> ServedModel | None:
        model = versions.get(version or "")
        if model is None or model is stable or model.metadata.input != stable.metadata.input:
            return None
        return model

    canary = fitting(canary_version)
    share = traffic.canary.share if traffic.canary and canary else 0.0
    return VersionRoute(stable, canary, share, fitting(traffic.shadow))


def version_key(version: str) -> tuple[tuple[int, str], ...]:
    """Return a key that sorts versions as people do: 2 before 10, 1.9 before 1.10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", version)
    return tuple((int(part), "") if part[0] in "0123456789" else (-1, part) for part in parts)


def _either(names: Iterable[str]) -> str:
    return " or ".join(f"'{name}'" for name in names)
