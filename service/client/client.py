"""The client for programs of threads."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

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


class Client:
    """A client of the server at `url`; threads may share one, and with it its connections.

    `model` is the first that the server lists unless given, `version` the one that the server
    chooses. `binary` sends arrays as bytes, otherwise as JSON. A call takes no longer than
    `timeout_seconds`: no try begins later, and each waits for the network at most what is left.
    It tries again up to `retries` times where the server is busy, after the time that the server
    asks for, or where the connection is lost. A server drops a request that it could not begin
    within `deadline_ms`. The server's ledger keeps `tags` with every prediction. Whatever goes
    wrong is a `ClientError`, a wrong argument an `ArgumentError`.
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
        self._http = httpx2.Client(base_url=self._url)

    def predict(
        self,
        rows: Rows,
        *,
        gate_scale: GateScale | None = None,
        gate_units: bool = False,
        tags: Sequence[str] = (),
    ) -> Predictions:
        """Ask for the labels, probabilities, gates and unusualness of rows in the data's own unit.

        `rows` is an array (rows, features) or (rows, height, width[, 3]), NaN standing for a
        table's missing value; or a list as `/predict` takes it, such as of objects by column name.
        `gate_scale`, (layers,) or (1 or rows, layers), multiplies the gates of each layer; or it
        is a mapping by layer name, or one for each row. With an array, `gate_units` asks for every
        gate. `tags` come after the client's own.
        """
        steps = self._conversation.predict(
            rows, gate_scale=gate_scale, gate_units=gate_units, tags=tags
        )
        return self._run(steps)

    def explain(self, row: Row, *, gate_units: bool = False) -> Explanation:
        """Ask which layers one row's label hangs on.

        `row` is (features,) or (height, width[, 3]), or as one of the list that `predict` takes: a
        table's categories by their names.
        """
        return self._run(self._conversation.explain(row, gate_units=gate_units))

    def model(self) -> ModelDescription:
        """Ask what the model reads and says: its input, labels and layers."""
        return self._run(self._conversation.model())

    def requests(
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
        """Return the ledger's rows as a data frame, newest first; it needs the extra `notebook`.

        `since` is in, `until` is out; a time without a zone is UTC. `unusual_below` bounds
        `unusual_both`. Probabilities and gates are an array in each line.
        """
        filters = Filters(
            since=since,
            until=until,
            label=label,
            model=model,
            version=version,
            tag=tag,
            unusual_below=unusual_below,
        )
        return self._run(self._inquiry.requests(filters))

    def request(self, request_id: str) -> tuple[RecordedRow, ...]:
        """Return what the ledger recorded of the rows of one request."""
        return self._run(self._inquiry.request(request_id))

    def predict_again(
        self, request_id: str, *, row: int = 0, gate_scale: GateScale | None = None
    ) -> Predictions:
        """Ask again about a recorded row whose input was stored, perhaps with other gates."""
        return self._run(self._inquiry.predict_again(request_id, row=row, gate_scale=gate_scale))

    def explain_again(
        self, request_id: str, *, row: int = 0, gate_units: bool = False
    ) -> Explanation:
        """As `explain`, of a recorded row whose input was stored."""
        return self._run(self._inquiry.explain_again(request_id, row=row, gate_units=gate_units))

    def drift(self) -> dict[str, Any]:
        """Return what `GET /drift` tells: how far each model is from the rows held out for it."""
        return self._run(self._inquiry.drift())

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
