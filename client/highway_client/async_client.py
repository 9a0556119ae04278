"""The client for coroutines."""

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, cast

import anyio
import httpx2

from highway_client.attempts import Attempt, Outcome, Steps
from highway_client.calls import FLAGGED, Filters, Row, Rows, Time, Wanted
from highway_client.client import BaseClient
from highway_client.description import ModelDescription
from highway_client.explanations import Explanation
from highway_client.gate_scale import GateScale
from highway_client.predictions import Predictions
from highway_client.records import RecordedRow
from highway_client.transport import lost, response_of

if TYPE_CHECKING:
    from highway_client.frames import DataFrame

T = TypeVar("T")


class AsyncClient(BaseClient[httpx2.AsyncClient]):
    """A client like `Client` whose calls are coroutines; concurrent calls share connections."""

    _http_class = httpx2.AsyncClient

    async def predict(
        self,
        rows: Rows,
        *,
        gate_scale: GateScale | None = None,
        gate_units: bool = False,
        layer_typicality: bool = False,
        tags: Sequence[str] = (),
    ) -> Predictions:
        """See `Client.predict`."""
        wanted = Wanted(
            gate_scale=gate_scale,
            gate_units=gate_units,
            layer_typicality=layer_typicality,
            tags=tags,
        )
        return await self._run(self._calls.predict(rows, wanted))

    async def explain(
        self, row: Row, *, gate_units: bool = False, inputs: bool = False
    ) -> Explanation:
        """See `Client.explain`."""
        steps = self._calls.explain(row, gate_units=gate_units, inputs=inputs)
        return await self._run(steps)

    async def model(self) -> ModelDescription:
        """See `Client.model`."""
        return await self._run(self._calls.model())

    async def requests(self, **filters: Unpack[Filters]) -> "DataFrame":
        """See `Client.requests`."""
        return await self._run(self._calls.requests(filters))

    async def request(self, request_id: str) -> tuple[RecordedRow, ...]:
        """See `Client.request`."""
        return await self._run(self._calls.request(request_id))

    async def predict_again(
        self,
        request_id: str,
        *,
        row: int = 0,
        time: Time | None = None,
        gate_scale: GateScale | None = None,
    ) -> Predictions:
        """See `Client.predict_again`."""
        steps = self._calls.predict_again(request_id, row=row, time=time, gate_scale=gate_scale)
        return await self._run(steps)

    async def explain_again(
        self,
        request_id: str,
        *,
        row: int = 0,
        time: Time | None = None,
        gate_units: bool = False,
        inputs: bool = False,
    ) -> Explanation:
        """See `Client.explain_again`."""
        steps = self._calls.explain_again(
            request_id, row=row, time=time, gate_units=gate_units, inputs=inputs
        )
        return await self._run(steps)

    async def flag(
        self, request_id: str, *, row: int = 0, time: Time | None = None, tag: str = FLAGGED
    ) -> tuple[str, ...]:
        """See `Client.flag`."""
        return await self._run(self._calls.flag(request_id, row=row, time=time, tag=tag))

    async def unflag(
        self, request_id: str, *, row: int = 0, time: Time | None = None, tag: str = FLAGGED
    ) -> tuple[str, ...]:
        """See `Client.unflag`."""
        return await self._run(self._calls.unflag(request_id, row=row, time=time, tag=tag))

    async def drift(self) -> dict[str, Any]:
        """See `Client.drift`."""
        return await self._run(self._calls.drift())

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _run(self, steps: Steps[T]) -> T:
        try:
            attempt = next(steps)
            while True:
                attempt = steps.send(await self._outcome(attempt))
        except StopIteration as stop:
            return cast(T, stop.value)

    async def _outcome(self, attempt: Attempt) -> Outcome:
        await anyio.sleep(attempt.after_seconds)
        request = attempt.request
        try:
            response = await self._http.request(
                request.method,
                request.path,
                headers=request.headers,
                content=request.content,
                timeout=attempt.timeout_seconds,
            )
        except httpx2.RequestError as error:
            return lost(error, self._url)
        return response_of(response)
