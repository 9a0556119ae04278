"""Models as sent from the supervisor to the workers."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from service.inference.traffic import Traffic


class ArtifactKey(NamedTuple):
    """Unique key of an artifact."""

    name: str
    version: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """An artifact that was tried and can be served: its key and its bytes."""

    key: ArtifactKey
    content: bytes


@dataclass(frozen=True, kw_only=True)
class ModelSet:
    """All that is served: the artifacts, and the traffic by a model's name."""

    artifacts: tuple[Artifact, ...] = ()
    traffic: Mapping[str, Traffic] = field(default_factory=dict)

    def __str__(self) -> str:
        keys = [artifact.key for artifact in self.artifacts]
        return ", ".join(f"{key.name} version {key.version}" for key in keys)

    @property
    def keys(self) -> frozenset[ArtifactKey]:
        """The keys of the artifacts."""
        return frozenset(artifact.key for artifact in self.artifacts)


def describe(models: ModelSet, present: frozenset[ArtifactKey]) -> tuple[dict[str, Any], bytes]:
    """Return a message's members for a set of models, and the bytes of its artifacts.

    Nothing is sent of an artifact that is `present` in the worker.
    """
    sent = [(a.key, b"" if a.key in present else a.content) for a in models.artifacts]
    members = {
        "artifacts": [[*key, len(content)] for key, content in sent],
        "traffic": {name: asdict(traffic) for name, traffic in models.traffic.items()},
    }
    return members, b"".join(content for _, content in sent)


class ReceivedModels(NamedTuple):
    """What `describe` was given: all keys, the artifacts whose bytes were sent, and the traffic."""

    keys: list[ArtifactKey]
    artifacts: list[Artifact]
    traffic: dict[str, Traffic]


def received(members: Mapping[str, Any], content: bytes) -> ReceivedModels:
    """Read the members and bytes that `describe` returned."""
    described: Iterable[tuple[str, str, str, int]] = members["artifacts"]
    keys, artifacts, start = [], [], 0
    for name, version, digest, size in described:
        key = ArtifactKey(name, version, digest)
        keys.append(key)
        if size:
            artifacts.append(Artifact(key=key, content=content[start : start + size]))
            start += size
    return ReceivedModels(keys, artifacts, _TRAFFIC.validate_python(members["traffic"]))


_TRAFFIC = TypeAdapter(dict[str, Traffic])
