"""State shared by a worker's application and its server."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class RefusedFile(NamedTuple):
    """A file of the repository that cannot be served; an earlier file of its version may be."""

    name: str
    version: str
    reason: str


class ModelRepository(Protocol):
    """The repository from which all workers serve."""

    @property
    def refused(self) -> Sequence[RefusedFile]:
        """The files that cannot be served."""

    async def load(self, name: str) -> None:
        """Serve what the repository holds of a model now.

        Raises `UnknownModelError`, or `ModelRefusedError` if a file was refused.
        """

    async def unload(self, name: str) -> None:
        """Serve a model no longer; raises `UnknownModelError` or `ModelRefusedError`."""


@dataclass
class Lifecycle:
    """The state of one worker process, changed on the event loop only.

    While it is `draining` it is not ready, still answers requests, and closes each connection with
    its next response. Without a `repository` the served models cannot change.
    """

    draining: bool = False
    repository: ModelRepository | None = None
