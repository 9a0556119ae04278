"""Routes about one row: the model that computes it, and the row under other conditions."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NamedTuple

import numpy as np
from fastapi import Depends

from service.arrays import FloatArray, Outputs
from service.formats.gate_scale import unscaled
from service.http.callers import ClientName
from service.inference.batch import ALWAYS_COMPUTED
from service.inference.explanation import SEARCHED
from service.inference.models import Models, ServedModel
from service.inference.queue import InferenceRequest


class Admitted(NamedTuple):
    """The model of an admitted request, and the client that sent it."""

    model: ServedModel
    client: str


def admission(models: Models, path: str) -> Callable[..., Awaitable[Admitted]]:
    """Return the dependency of a route that finds the model which its path names."""

    async def default_model() -> ServedModel:
        return models.find()

    async def newest_version(name: str) -> ServedModel:
        return models.find(name)

    async def one_version(name: str, version: str) -> ServedModel:
        return models.find(name, version)

    find_model: Any = default_model
    if "{name}" in path:
        find_model = one_version if "{version}" in path else newest_version

    async def admitted(
        model: Annotated[ServedModel, Depends(find_model)], client: ClientName
    ) -> Admitted:
        """Refuse a request before its body is read, as the other inference endpoints do."""
        model.engine.check_room(client)
        return Admitted(model, client)

    return admitted


class RowComputer:
    """Computes a row, (1, features), under other conditions in the model's queue."""

    def __init__(
        self, model: ServedModel, row: FloatArray, deadline_ns: int | None, client: str
    ) -> None:
        self._engine = model.engine
        self._row = row
        self._deadline_ns = deadline_ns
        self._client = client
        self._unscaled = unscaled(model.metadata)

    async def with_scales(self, scales: FloatArray, outputs: frozenset[str]) -> Outputs:
        """Compute the row with each gate scale (n, layers)."""
        return await self._compute(np.repeat(self._row, len(scales), axis=0), scales, outputs)

    async def with_inputs(self, rows: FloatArray) -> Outputs:
        """Compute rows (n, features) in its place."""
        return await self._compute(rows, self._unscaled, SEARCHED)

    async def _compute(
        self, rows: FloatArray, scales: FloatArray, outputs: frozenset[str]
    ) -> Outputs:
        wanted = outputs | ALWAYS_COMPUTED
        request = InferenceRequest(rows, wanted, scales, self._deadline_ns)
        return await self._engine.compute(request, self._client)
