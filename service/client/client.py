"""The client for programs of threads."""

import time
from types import TracebackType
from typing import TypeVar, cast

import httpx2
from numpy.typing import ArrayLike

from service.client.conversation import Conversation, Options, Rows
from service.client.description import ModelDescription
from service.client.exchange import Outcome, Steps, Try
from service.client.predictions import Predictions
from service.client.transport import lost_with, reply_of, server_url

T = TypeVar("T")


class Client:
    """A client of the server at `url`; threads may share one, and with it its connections.

    `model` is the first that the server lists unless given, `version` the one that the server
    chooses. `binary` sends arrays as bytes, otherwise as JSON. A call takes no longer than
    `timeout_seconds`: no try begins later, and each waits for the network at most what is left.
    It tries again up to `retries` times where the server is busy, after the time that the server
    asks for, or where the connection is lost. A server drops a request that it could not begin
    within `deadline_ms`. A wrong argument is an `ArgumentError`.
    """

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
        self._http = httpx2.Client(base_url=self._url)

    def predict(
        self, rows: Rows, *, gate_scale: ArrayLike | None = None, gate_units: bool = False
    ) -> Predictions:
        """Ask for the labels, probabilities and gates of rows in the data's own unit.

        `rows` is an array (rows, features) or (rows, height, width[, 3]), NaN standing for a
        table's missing value; or a list as `/predict` takes it, such as of objects by column name.
        With an array, `gate_scale`, (layers,) or (1 or rows, layers), multiplies the gates of each
        layer, and `gate_units` asks for every gate. Whatever goes wrong is a `ClientError`.
        """
        steps = self._conversation.predict(rows, gate_scale=gate_scale, gate_units=gate_units)
        return self._run(steps)

    def model(self) -> ModelDescription:
        """Ask what the model reads and says: its input, labels and layers."""
        return self._run(self._conversation.model())

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, steps: Steps[T]) -> T:
        try:
            attempt = next(steps)
            while True:
                attempt = steps.send(self._outcome(attempt))
        except StopIteration as done:
            return cast(T, done.value)

    def _outcome(self, attempt: Try) -> Outcome:
        time.sleep(attempt.after_seconds)
        request = attempt.request
        try:
            response = self._http.request(
                request.method,
                request.path,
                headers=request.headers,
                content=request.content,
                timeout=attempt.timeout_seconds,
            )
        except httpx2.RequestError as error:
            return lost_with(error, self._url)
        return reply_of(response)
