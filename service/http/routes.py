"""Which path leads to which door of which model."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from service.http.doors import Door, InferDoor, PredictDoor
from service.inference.models import Models, ServedModel

Kind = Literal["predict", "infer"]

_DOORS: dict[Kind, type[PredictDoor] | type[InferDoor]] = {
    "predict": PredictDoor,
    "infer": InferDoor,
}

# As Starlette writes them; KServe V1 and TensorFlow Serving call what ends in ":predict".
PATTERNS: dict[str, Kind] = {
    "/predict": "predict",
    "/v1/models/{name}:predict": "predict",
    "/v1/models/{name}/versions/{version}:predict": "predict",
    "/v2/models/{name}/infer": "infer",
    "/v2/models/{name}/versions/{version}/infer": "infer",
}


class Target(NamedTuple):
    """What a path names: a door, a model if not the default, a version if not the newest."""

    kind: Kind
    name: str | None = None
    version: str | None = None


class Routes:
    """Finds doors; each is made once for its model."""

    def __init__(self, models: Models, *, max_rows: int, predict_route: str | None) -> None:
        """`predict_route` is one more path for `/predict`, as a platform wants it."""
        self._models = models
        self._max_rows = max_rows
        self._doors: dict[tuple[Kind, ServedModel], Door] = {}
        self.patterns = dict(PATTERNS)
        if predict_route is not None:
            self.patterns[predict_route] = "predict"
        # Only names that need no escaping can be met byte by byte; ASGI serves the others.
        self.exact: dict[bytes, Door] = {
            path.encode(): self.door(target) for path, target in self._paths() if path.isascii()
        }

    def door(self, target: Target) -> Door:
        """Return the door; a model that is not served is an `UnknownModelError`."""
        model = self._models.find(target.name, target.version)
        key = (target.kind, model)
        door = self._doors.get(key)
        if door is None:
            door = self._doors[key] = _DOORS[target.kind](model, max_rows=self._max_rows)
        return door

    def _paths(self) -> Iterator[tuple[str, Target]]:
        for pattern, kind in self.patterns.items():
            for model in self._models:
                name, version = model.metadata.name, model.metadata.version
                path = pattern.replace("{name}", name).replace("{version}", version)
                yield (
                    path,
                    Target(
                        kind,
                        name if "{name}" in pattern else None,
                        version if "{version}" in pattern else None,
                    ),
                )
