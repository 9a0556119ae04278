"""What a call asks of the past: the ledger's records and the drift, without sockets."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import orjson

from service.client import frames
from service.client.conversation import Conversation
from service.client.errors import AnswerError
from service.client.exchange import Request, Steps, exchange
from service.client.explanations import Explanation, read_explanation
from service.client.instances import JSON, json_body
from service.client.options import Options
from service.client.predictions import Predictions
from service.client.records import RecordedRow, read_recorded
from service.client.scales import GateScale, scale_member
from service.contract import GATE_SCALE, GATE_UNITS

if TYPE_CHECKING:
    from service.client.frames import DataFrame

Moment = datetime | str  # a text is ISO 8601; without a zone both are UTC


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What every request has to be; None is no matter. See `Client.requests`."""

    since: Moment | None
    until: Moment | None
    label: str | None
    model: str | None
    version: str | None
    tag: str | None
    unusual_below: float | None

    def query(self) -> str:
        """Write as the parameters of a query."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return urlencode({name: _text(v) for name, v in given.items() if v is not None})


class Inquiry:
    """The requests of one client's calls; `conversation` knows the names of layers."""

    def __init__(self, options: Options, conversation: Conversation) -> None:
        self._options = options
        self._conversation = conversation

    def requests(self, filters: Filters) -> Steps["DataFrame"]:
        """Ask for all that passes the filters, once it is sure that a frame can be made of it."""
        frames.check_pandas()
        query = filters.query()
        path = f"/requests.parquet?{query}" if query else "/requests.parquet"
        request = Request(method="GET", path=path)
        reply = yield from exchange(request, self._options.limit())
        return frames.read_parquet(reply.content)

    def request(self, request_id: str) -> Steps[tuple[RecordedRow, ...]]:
        """Ask for the recorded rows of one request."""
        request = Request(method="GET", path=_path(request_id))
        return read_recorded((yield from exchange(request, self._options.limit())))

    def predict_again(
        self, request_id: str, *, row: int, gate_scale: GateScale | None
    ) -> Steps[Predictions]:
        """Ask what the model says of a recorded row now."""
        limit = self._options.limit()
        scale = {} if gate_scale is None else {GATE_SCALE: scale_member(gate_scale, 1)}
        request = self._again(request_id, "predict", {"row": row, **scale})
        reply = yield from exchange(request, limit)
        return (yield from self._conversation.read_predictions(reply, limit))

    def explain_again(self, request_id: str, *, row: int, gate_units: bool) -> Steps[Explanation]:
        """Ask which layers the label of a recorded row hangs on."""
        request = self._again(request_id, "explain", {"row": row, GATE_UNITS: gate_units})
        return read_explanation((yield from exchange(request, self._options.limit())))

    def drift(self) -> Steps[dict[str, Any]]:
        """Ask how far each model is from its held-out rows."""
        request = Request(method="GET", path="/drift")
        reply = yield from exchange(request, self._options.limit())
        try:
            told = orjson.loads(reply.content)
        except orjson.JSONDecodeError:
            told = None
        if not isinstance(told, dict):
            raise AnswerError("answer: expected an object of JSON, found something else")
        return told

    def _again(self, request_id: str, verb: str, members: Mapping[str, object]) -> Request:
        headers = {"Content-Type": JSON, **self._options.headers()}
        path = f"{_path(request_id)}/{verb}"
        return Request(method="POST", path=path, headers=headers, content=json_body(members))


def _path(request_id: str) -> str:
    return f"/requests/{quote(request_id, safe='')}"


def _text(value: Moment | float) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
