"""The calls of a client: their requests and responses, without input or output."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import quote, urlencode

import numpy as np
from numpy.typing import NDArray

from highway_client import frames
from highway_client.attempts import Limit, Request, Response, Steps, send
from highway_client.description import ModelDescription, read_default_name, read_description
from highway_client.errors import ArgumentError
from highway_client.explanations import Explanation, read_explanation
from highway_client.gate_scale import GateScale, is_named, scale_member, scale_tensor
from highway_client.json_values import FloatArray, dump, parse, unreadable
from highway_client.options import Options
from highway_client.predictions import (
    GATE_MEAN,
    GATE_SCALE,
    GATE_UNITS,
    INPUT,
    PROBABILITIES,
    TYPICALITY,
    Predictions,
    from_instances,
    from_tensors,
    read_model,
)
from highway_client.records import RecordedRow, read_recorded
from highway_client.tensors import infer_request, read_inference

if TYPE_CHECKING:
    from highway_client.frames import DataFrame

Row = NDArray[Any] | Mapping[str, object] | Sequence[object]
Rows = NDArray[Any] | Sequence[Mapping[str, object]] | Sequence[Sequence[object]]
Time = datetime | str  # a string is ISO 8601; without a zone both are UTC


class Filters(TypedDict, total=False):
    """Filters of recorded requests; None or absent: not filtered. See `Client.requests`."""

    since: Time | None
    until: Time | None
    label: str | None
    model: str | None
    version: str | None
    tag: str | None
    typicality_below: float | None


class Calls:
    """The steps of each call; caches the default model's name and the descriptions of models."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._model = options.model
        # By name and version; the description of a version never changes.
        self._descriptions: dict[tuple[str, str], ModelDescription] = {}

    def predict(
        self,
        rows: Rows,
        *,
        gate_scale: GateScale | None,
        gate_units: bool,
        tags: Sequence[str],
    ) -> Steps[Predictions]:
        """Send an array as a tensor, and all other rows as JSON."""
        limit = self._options.limit()
        headers = self._options.headers(tags)
        if isinstance(rows, np.ndarray):
            return (yield from self._infer(rows, gate_scale, gate_units, headers, limit))
        if gate_units:
            raise ArgumentError(
                f"rows: gate_units requires a numpy array, found {type(rows).__name__}; give the "
                "rows as numbers"
            )
        count = len(rows) if isinstance(rows, Sequence) else 1
        scale = {} if gate_scale is None else {GATE_SCALE: scale_member(gate_scale, count)}
        request = self._native("predict", {"instances": rows, **scale}, headers)
        return (yield from self._predictions((yield from send(request, limit)), limit))

    def explain(self, row: Row, *, gate_units: bool) -> Steps[Explanation]:
        """Explain one row, sent as JSON."""
        body = {"instance": row, GATE_UNITS: gate_units}
        request = self._native("explain", body, self._options.headers())
        return read_explanation((yield from send(request, self._options.limit())))

    def model(self) -> Steps[ModelDescription]:
        """Get the description of the model."""
        limit = self._options.limit()
        name = yield from self._name(limit)
        return (yield from self._description(name, self._options.version, limit))

    def requests(self, filters: Filters) -> Steps["DataFrame"]:
        """Get all recorded rows that pass the filters."""
        frames.check_pandas()  # before the table is sent
        query = urlencode({n: _parameter(v) for n, v in filters.items() if v is not None})
        path = f"/requests.parquet?{query}" if query else "/requests.parquet"
        response = yield from send(Request(method="GET", path=path), self._options.limit())
        return frames.read_parquet(response.content)

    def request(self, request_id: str) -> Steps[tuple[RecordedRow, ...]]:
        """Get the recorded rows of one request."""
        request = Request(method="GET", path=_request_path(request_id))
        return read_recorded((yield from send(request, self._options.limit())))

    def predict_again(
        self, request_id: str, *, row: int, gate_scale: GateScale | None
    ) -> Steps[Predictions]:
        """Predict a recorded row again."""
        limit = self._options.limit()
        scale = {} if gate_scale is None else {GATE_SCALE: scale_member(gate_scale, 1)}
        request = self._again(request_id, "predict", {"row": row, **scale})
        return (yield from self._predictions((yield from send(request, limit)), limit))

    def explain_again(self, request_id: str, *, row: int, gate_units: bool) -> Steps[Explanation]:
        """Explain a recorded row."""
        request = self._again(request_id, "explain", {"row": row, GATE_UNITS: gate_units})
        return read_explanation((yield from send(request, self._options.limit())))

    def drift(self) -> Steps[dict[str, Any]]:
        """Get the drift of every model."""
        request = Request(method="GET", path="/drift")
        response = yield from send(request, self._options.limit())
        body = parse(response.content)
        if not isinstance(body, dict):
            raise unreadable("a body that is not an object")
        return body

    def _infer(
        self,
        rows: NDArray[Any],
        gate_scale: GateScale | None,
        gate_units: bool,
        headers: Mapping[str, str],
        limit: Limit,
    ) -> Steps[Predictions]:
        tensors = {INPUT: _matrix(rows)}
        if gate_scale is not None and not is_named(gate_scale):
            tensors[GATE_SCALE] = scale_tensor(gate_scale, len(rows), ())
        name = yield from self._name(limit)
        if gate_scale is not None and is_named(gate_scale):
            model = yield from self._description(name, self._options.version, limit)
            tensors[GATE_SCALE] = scale_tensor(gate_scale, len(rows), model.layer_names)
        outputs = (PROBABILITIES, GATE_MEAN, TYPICALITY, *([GATE_UNITS] if gate_units else []))
        path = f"{_model_path(name, self._options.version)}/infer"
        request = infer_request(path, tensors, outputs, headers, binary=self._options.binary)
        response = yield from send(request, limit)
        inference = read_inference(response)
        # After the response, which names the version that the server chose.
        described = yield from self._described(name, inference.model_version, limit)
        return from_tensors(inference, described, response)

    def _predictions(self, response: Response, limit: Limit) -> Steps[Predictions]:
        name, version = read_model(response)
        return from_instances(response, (yield from self._described(name, version, limit)))

    def _name(self, limit: Limit) -> Steps[str]:
        """Return the model's name: the first that the server lists, unless one was given."""
        if self._model is None:
            response = yield from send(Request(method="GET", path="/v2/models"), limit)
            self._model = read_default_name(response)
        return self._model

    def _described(self, name: str, version: str, limit: Limit) -> Steps[ModelDescription]:
        """Return the description of a version of a model, requested once."""
        if (name, version) not in self._descriptions:
            described = yield from self._description(name, version, limit)
            self._descriptions[name, version] = described
        return self._descriptions[name, version]

    def _description(self, name: str, version: str | None, limit: Limit) -> Steps[ModelDescription]:
        request = Request(method="GET", path=_model_path(name, version))
        return read_description((yield from send(request, limit)))

    def _native(
        self, verb: str, members: Mapping[str, object], headers: Mapping[str, str]
    ) -> Request:
        model, version = self._options.model, self._options.version
        path = f"/{verb}" if model is None else f"{_model_path(model, version, 'v1')}:{verb}"
        return _post(path, members, headers)

    def _again(self, request_id: str, verb: str, members: Mapping[str, object]) -> Request:
        path = f"{_request_path(request_id)}/{verb}"
        return _post(path, members, self._options.headers())


def _post(path: str, members: Mapping[str, object], headers: Mapping[str, str]) -> Request:
    headers = {"Content-Type": "application/json", **headers}
    return Request(method="POST", path=path, headers=headers, content=dump(members))


def _matrix(rows: NDArray[Any]) -> FloatArray:
    """Flatten each row, as (rows, features)."""
    if rows.dtype.kind not in "fiu":
        raise ArgumentError(f"rows: expected an array of numbers, found one of {rows.dtype}")
    if rows.ndim < 2 or not rows.size:
        raise ArgumentError(
            f"rows: expected (rows, features) or (rows, height, width[, 3]), found {rows.shape}; "
            "write a single row as row[np.newaxis]"
        )
    with np.errstate(over="ignore"):
        matrix: FloatArray = rows.reshape(len(rows), -1).astype(np.float32)
    infinite = np.argwhere(np.isinf(matrix))
    if len(infinite):
        row, column = infinite[0].tolist()
        raise ArgumentError(
            f"rows[{row}][{column}]: expected a number within float32's range or NaN, found "
            f"{rows.reshape(len(rows), -1)[row, column]}"
        )
    return matrix


def _model_path(name: str, version: str | None, protocol: str = "v2") -> str:
    model = f"/{protocol}/models/{quote(name, safe='')}"
    return model if version is None else f"{model}/versions/{quote(version, safe='')}"


def _request_path(request_id: str) -> str:
    return f"/requests/{quote(request_id, safe='')}"


def _parameter(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
