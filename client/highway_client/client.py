"""The client for threads."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, Unpack, cast

import httpx2

from highway_client.attempts import Attempt, Outcome, Steps
from highway_client.calls import FLAGGED, Calls, Filters, Row, Rows, Time, Wanted
from highway_client.description import ModelDescription
from highway_client.explanations import Explanation
from highway_client.gate_scale import GateScale
from highway_client.options import Options
from highway_client.predictions import Predictions
from highway_client.records import RecordedRow
from highway_client.transport import key_headers, lost, response_of, server_url

if TYPE_CHECKING:
    from highway_client.frames import DataFrame

T = TypeVar("T")
Http = TypeVar("Http", httpx2.Client, httpx2.AsyncClient)


class BaseClient(Generic[Http]):
    """The options and the calls that both clients share."""

    _http_class: ClassVar[type[Any]]

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
        api_key: str | None = None,
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
        self._calls = Calls(options)
        self._url = server_url(url)
        self._http: Http = self._http_class(base_url=self._url, headers=key_headers(api_key))


class Client(BaseClient[httpx2.Client]):
    """A client of the server at `url`; threads may share it and its connections.

    `model` defaults to the first that the server lists, `version` to the one that the server
    chooses. `binary` sends arrays as bytes, otherwise as JSON. A request takes at most
    `timeout_seconds`. It is retried up to `retries` times if the server is busy, after the time
    that the server requests, or if the connection is lost. The server drops a request that it could
    not start within `deadline_ms`. The server's ledger stores `tags` with every prediction.
    `api_key` is the token that `highway key` showed. Every error is a `ClientError`; a wrong
    argument is an `ArgumentError`.
    """

    _http_class = httpx2.Client

    def predict(
        self,
        rows: Rows,
        *,
        gate_scale: GateScale | None = None,
        gate_units: bool = False,
        layer_typicality: bool = False,
        tags: Sequence[str] = (),
    ) -> Predictions:
        """Predict the labels, probabilities, gates and typicality of rows in the data's own unit.

        `rows` is an array (rows, features) or (rows, height, width[, 3]), in which NaN is a
        table's missing value; a data frame of pandas, polars or another library, with the model's
        columns by name; or a list as `/predict` takes it, such as objects by column name. Arrays
        and frames are sent in requests of at most 1,024 rows. `gate_scale`, (layers,) or (1 or
        rows, layers), multiplies the gates of each layer; it may also be a mapping by layer name,
        or one for each row. With an array or a frame, `gate_units` requests every gate.
        `layer_typicality` requests the p-value of each layer's gates. `tags` follow the client's
        own.
        """
        wanted = Wanted(
            gate_scale=gate_scale,
            gate_units=gate_units,
            layer_typicality=layer_typicality,
            tags=tags,
        )
        return self._run(self._calls.predict(rows, wanted))

    def explain(self, row: Row, *, gate_units: bool = False, inputs: bool = False) -> Explanation:
        """Explain which layers decide the label of one row.

        `row` is (features,) or (height, width[, 3]); an item of the list that `predict` takes; or
        a row of a data frame, such as `frame.iloc[0]`. `inputs` requests the effects of replacing
        each column, or each patch of an image.
        """
        steps = self._calls.explain(row, gate_units=gate_units, inputs=inputs)
        return self._run(steps)

    def model(self) -> ModelDescription:
        """Return the model's input, labels and layers."""
        return self._run(self._calls.model())

    def requests(self, **filters: Unpack[Filters]) -> "DataFrame":
        """Return the ledger's rows as a data frame, newest first; it needs the extra `notebook`.

        Filters: `since` (inclusive), `until` (exclusive), `label`, `model`, `version`, `tag` and
        `typicality_below`, a bound of `typicality_combined`. Without `model` and `version`, the
        rows are those of the models that the server serves now; the model "*" means all models. A
        time is a `datetime` or ISO 8601; without a zone it is UTC. Probabilities and gates are
        arrays.
        """
        return self._run(self._calls.requests(filters))

    def request(self, request_id: str) -> tuple[RecordedRow, ...]:
        """Return the recorded rows of one request."""
        return self._run(self._calls.request(request_id))

    def predict_again(
        self,
        request_id: str,
        *,
        row: int = 0,
        time: Time | None = None,
        gate_scale: GateScale | None = None,
    ) -> Predictions:
        """Predict a recorded row again; its input must have been stored.

        `time` is that of the recorded row, if several requests have the id; default: the first.
        """
        steps = self._calls.predict_again(request_id, row=row, time=time, gate_scale=gate_scale)
        return self._run(steps)

    def explain_again(
        self,
        request_id: str,
        *,
        row: int = 0,
        time: Time | None = None,
        gate_units: bool = False,
        inputs: bool = False,
    ) -> Explanation:
        """Explain a recorded row; its input must have been stored. See `predict_again`."""
        steps = self._calls.explain_again(
            request_id, row=row, time=time, gate_units=gate_units, inputs=inputs
        )
        return self._run(steps)

    def flag(
        self, request_id: str, *, row: int = 0, time: Time | None = None, tag: str = FLAGGED
    ) -> tuple[str, ...]:
        """Add a tag to a recorded row, such as "wrong"; return all of its tags."""
        return self._run(self._calls.flag(request_id, row=row, time=time, tag=tag))

    def unflag(
        self, request_id: str, *, row: int = 0, time: Time | None = None, tag: str = FLAGGED
    ) -> tuple[str, ...]:
        """Remove a tag from a recorded row; return the tags that remain."""
        return self._run(self._calls.unflag(request_id, row=row, time=time, tag=tag))

    def drift(self) -> dict[str, Any]:
        """Return the body of `GET /drift`: how far each model is from its held-out rows."""
        return self._run(self._calls.drift())

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
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
        except StopIteration as stop:
            return cast(T, stop.value)

    def _outcome(self, attempt: Attempt) -> Outcome:
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
            return lost(error, self._url)
        return response_of(response)
