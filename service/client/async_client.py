"""The client for programs of coroutines."""

from types import TracebackType
from typing import TypeVar, cast

import anyio
import httpx2
from numpy.typing import ArrayLike

from service.client.conversation import Conversation, Options, Rows
from service.client.description import ModelDescription
from service.client.exchange import Outcome, Steps, Try
from service.client.predictions import Predictions
from service.client.transport import lost_with, reply_of, server_url

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
    ) -> None:
        options = Options(
            model=model,
            version=version,
            binary=binary,
            timeout_seconds=timeout_seconds,
            retries=retries,
            deadline_ms=deadline_ms,
        )
        self._conversation = Conversation(options)
        self._url = server_url(url)
        self._http = httpx2.AsyncClient(base_url=self._url)

    async def predict(
        self, rows: Rows, *, gate_scale: ArrayLike | None = None, gate_units: bool = False
    ) -> Predictions:
        """As `Client.predict`."""
        steps = self._conversation.predict(rows, gate_scale=gate_scale, gate_units=gate_units)
        return await self._run(steps)

    async def model(self) -> ModelDescription:
        """As `Client.model`."""
        return await self._run(self._conversation.model())

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
