"""The client for programs of coroutines."""

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import anyio
import httpx2

from service.client.conversation import Conversation, Row, Rows
from service.client.description import ModelDescription
from service.client.exchange import Outcome, Steps, Try
from service.client.explanations import Explanation
from service.client.inquiry import Filters, Inquiry, Moment
from service.client.options import Options
from service.client.predictions import Predictions
from service.client.records import RecordedRow
from service.client.scales import GateScale
from service.client.transport import lost_with, reply_of, server_url

if TYPE_CHECKING:
    from service.client.frames import DataFrame

T = TypeVar("T")


class AsyncClient:
    """As `Client`, with calls to await; many may wait at once on the same connections."""

    def __init__(
        self,
        url: str,
        *,
        model: str | None = None,
        version: str | None = None,
        binary: bool = True,
        timeout_seconds: float = 30.0,
        retries: int = 3,
        deadline_ms: int | None = None,
        tags: Sequence[str] = (),
    ) -> None:
        options = Options(
            model=model,
            version=version,
            binary=binary,
            timeout_seconds=timeout_seconds,
            retries=retries,
            deadline_ms=deadline_ms,
            tags=tags,
        )
        self._conversation = Conversation(options)
        self._inquiry = Inquiry(options, self._conversation)
        self._url = server_url(url)
        self._http = httpx2.AsyncClient(base_url=self._url)

    async def predict(
        self,
        rows: Rows,
        *,
        gate_scale: GateScale | None = None,
        gate_units: bool = False,
        tags: Sequence[str] = (),
    ) -> Predictions:
        """As `Client.predict`."""
        steps = self._conversation.predict(
            rows, gate_scale=gate_scale, gate_units=gate_units, tags=tags
        )
        return await self._run(steps)

    async def explain(self, row: Row, *, gate_units: bool = False) -> Explanation:
        """As `Client.explain`."""
        return await self._run(self._conversation.explain(row, gate_units=gate_units))

    async def model(self) -> ModelDescription:
        """As `Client.model`."""
        return await self._run(self._conversation.model())

    async def requests(
        self,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        label: str | None = None,
        model: str | None = None,
        version: str | None = None,
        tag: str | None = None,
        unusual_below: float | None = None,
    ) -> "DataFrame":
        """As `Client.requests`."""
        filters = Filters(
            since=since,
            until=until,
            label=label,
            model=model,
            version=version,
            tag=tag,
            unusual_below=unusual_below,
        )
        return await self._run(self._inquiry.requests(filters))

    async def request(self, request_id: str) -> tuple[RecordedRow, ...]:
        """As `Client.request`."""
        return await self._run(self._inquiry.request(request_id))

    async def predict_again(
        self, request_id: str, *, row: int = 0, gate_scale: GateScale | None = None
    ) -> Predictions:
        """As `Client.predict_again`."""
        steps = self._inquiry.predict_again(request_id, row=row, gate_scale=gate_scale)
        return await self._run(steps)

    async def explain_again(
        self, request_id: str, *, row: int = 0, gate_units: bool = False
    ) -> Explanation:
        """As `Client.explain_again`."""
        steps = self._inquiry.explain_again(request_id, row=row, gate_units=gate_units)
        return await self._run(steps)

    async def drift(self) -> dict[str, Any]:
        """As `Client.drift`."""
        return await self._run(self._inquiry.drift())

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> "AsyncClient":
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
        except StopIteration as done:
            return cast(T, done.value)

    async def _outcome(self, attempt: Try) -> Outcome:
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
            return lost_with(error, self._url)
        return reply_of(response)
