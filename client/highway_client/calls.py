"""The calls of a client: their requests and responses, without input or output."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict, cast
from urllib.parse import quote, urlencode

import numpy as np
from numpy.typing import NDArray

from highway_client import frames
from highway_client.attempts import Limit, Request, Response, Steps, send
from highway_client.column_values import named_values
from highway_client.description import ModelDescription, read_default_name, read_description
from highway_client.errors import ArgumentError
from highway_client.explanations import Explanation, read_explanation
from highway_client.frames import Frame
from highway_client.gate_scale import GateScale, is_named, scale_member, scale_tensor
from highway_client.json_values import FloatArray, JsonObject, dump, parse, unreadable
from highway_client.options import Options
from highway_client.predictions import (
    GATE_MEAN,
    GATE_SCALE,
    GATE_UNITS,
    INPUT,
    LAYER_TYPICALITY,
    PROBABILITIES,
    TYPICALITY,
    USUAL,
    Predictions,
    from_instances,
    from_tensors,
    joined,
    read_model,
)
from highway_client.records import RecordedRow, read_recorded
from highway_client.tensors import infer_request, read_inference

if TYPE_CHECKING:
    from highway_client.frames import DataFrame

INPUTS = "inputs"
FLAGGED = "flagged"
MAX_ROWS = 1024  # of one request, as a server accepts by default
MAX_VALUES = 900_000  # of one request: 3.6 MB of float32; a server accepts 4 MiB by default
MAX_JSON_VALUES = 2**17  # of one request: 2.5 MiB as JSON

Row = NDArray[Any] | Mapping[str, object] | Sequence[object] | Frame
Rows = NDArray[Any] | Sequence[Mapping[str, object]] | Sequence[Sequence[object]] | Frame
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


@dataclass(frozen=True, kw_only=True, eq=False)
class Wanted:
    """What a prediction has besides its rows; see `Client.predict`."""

    gate_scale: GateScale | None = None
    gate_units: bool = False
    layer_typicality: bool = False
    tags: Sequence[str] = ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """The tensors to request."""
        more = ((GATE_UNITS, self.gate_units), (LAYER_TYPICALITY, self.layer_typicality))
        chosen = (name for name, is_wanted in more if is_wanted)
        return (PROBABILITIES, GATE_MEAN, TYPICALITY, *chosen)


def rows_per_request(size: int, *, binary: bool = True) -> int:
    """Return the number of rows of `size` values that are sent in one request."""
    return max(1, min(MAX_ROWS, (MAX_VALUES if binary else MAX_JSON_VALUES) // size))


class Calls:
    """The steps of each call; caches the default model's name and the descriptions of models."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._model = options.model
        # By name and version; the description of a version never changes.
        self._descriptions: dict[tuple[str, str], ModelDescription] = {}

    def predict(self, rows: Rows, wanted: Wanted) -> Steps[Predictions]:
        """Send arrays and data frames as tensors, and all other rows as JSON."""
        self._options.headers(wanted.tags)  # checks the tags before any request
        if isinstance(rows, np.ndarray):
            return (yield from self._infer(_matrix(rows), wanted))
        if frames.is_frame(rows):
            return (yield from self._infer_frame(cast(Frame, rows), wanted))
        if frames.is_series(rows):
            raise ArgumentError(
                "rows: expected a data frame, found a series; use `to_frame().T` for one row"
            )
        return (yield from self._predict_instances(cast(Sequence[object], rows), wanted))

    def explain(self, row: Row, *, gate_units: bool, inputs: bool) -> Steps[Explanation]:
        """Explain one row, sent as JSON."""
        response = yield from self.explain_response(row, gate_units=gate_units, inputs=inputs)
        return read_explanation(response)

    def explain_response(self, row: Row, *, gate_units: bool, inputs: bool) -> Steps[Response]:
        """Explain one row; `inputs` is not sent unless it is true, for servers of before 0.2."""
        limit = self._options.limit()
        if frames.is_series(row):
            row = frames.frame_of_series(row)
        if frames.is_frame(row):
            model = yield from self.model()
            row = _instance(cast(Frame, row), model)
        members = {"instance": row, GATE_UNITS: gate_units, **_inputs(wanted=inputs)}
        request = self._native("explain", members, self._options.headers())
        return (yield from send(request, limit))

    def model(self) -> Steps[ModelDescription]:
        """Get the description of the model."""
        limit = self._options.limit()
        name = yield from self._name(limit)
        return (yield from self._description(name, self._options.version, limit))

    def requests(self, filters: Filters) -> Steps["DataFrame"]:
        """Get all recorded rows that pass the filters."""
        frames.check_pandas()  # before the table is sent
        response = yield from self.get("/requests.parquet", filters)
        return frames.read_parquet(response.content)

    def request(self, request_id: str) -> Steps[tuple[RecordedRow, ...]]:
        """Get the recorded rows of one request."""
        return read_recorded((yield from self.get(request_path(request_id))))

    def predict_again(
        self, request_id: str, *, row: int, time: Time | None, gate_scale: GateScale | None
    ) -> Steps[Predictions]:
        """Predict a recorded row again."""
        limit = self._options.limit()
        scale = {} if gate_scale is None else {GATE_SCALE: scale_member(gate_scale, 1)}
        request = self._again(request_id, "predict", {**_recorded(row, time), **scale})
        return (yield from self._predictions((yield from send(request, limit)), limit))

    def explain_again(
        self, request_id: str, *, row: int, time: Time | None, gate_units: bool, inputs: bool
    ) -> Steps[Explanation]:
        """Explain a recorded row."""
        response = yield from self.explain_again_response(
            request_id, row=row, time=time, gate_units=gate_units, inputs=inputs
        )
        return read_explanation(response)

    def explain_again_response(
        self, request_id: str, *, row: int, time: Time | None, gate_units: bool, inputs: bool
    ) -> Steps[Response]:
        """Explain a recorded row."""
        members = {**_recorded(row, time), GATE_UNITS: gate_units, **_inputs(wanted=inputs)}
        request = self._again(request_id, "explain", members)
        return (yield from send(request, self._options.limit()))

    def flag(
        self, request_id: str, *, row: int, time: Time | None, tag: str
    ) -> Steps[tuple[str, ...]]:
        """Add a tag to a recorded row; return all of its tags."""
        return read_tags((yield from self.flag_response(request_id, row=row, time=time, tag=tag)))

    def flag_response(
        self, request_id: str, *, row: int, time: Time | None, tag: str
    ) -> Steps[Response]:
        """Add a tag to a recorded row."""
        request = self._again(request_id, "flag", {**_recorded(row, time), "tag": tag})
        return (yield from send(request, self._options.limit()))

    def unflag(
        self, request_id: str, *, row: int, time: Time | None, tag: str
    ) -> Steps[tuple[str, ...]]:
        """Remove a tag from a recorded row; return the tags that remain."""
        return read_tags((yield from self.unflag_response(request_id, row=row, time=time, tag=tag)))

    def unflag_response(
        self, request_id: str, *, row: int, time: Time | None, tag: str
    ) -> Steps[Response]:
        """Remove a tag from a recorded row."""
        query = urlencode({**_recorded(row, time), "tag": tag})
        request = Request(method="DELETE", path=f"{request_path(request_id)}/flag?{query}")
        return (yield from send(request, self._options.limit()))

    def drift(self) -> Steps[dict[str, Any]]:
        """Get the drift of every model."""
        body = parse((yield from self.get("/drift")).content)
        if not isinstance(body, dict):
            raise unreadable("a body that is not an object")
        return body

    def get(self, path: str, parameters: Mapping[str, object] = {}) -> Steps[Response]:
        """Get a path of the server; parameters that are None are not sent."""
        given = {name: _parameter(v) for name, v in parameters.items() if v is not None}
        query = f"?{urlencode(given)}" if given else ""
        request = Request(method="GET", path=path + query)
        return (yield from send(request, self._options.limit()))

    def _predict_instances(self, rows: Sequence[object], wanted: Wanted) -> Steps[Predictions]:
        if wanted.gate_units:
            raise ArgumentError(
                "rows: gate_units requires an array or a data frame, found "
                f"{type(rows).__name__}; give the rows as numbers"
            )
        limit = self._options.limit()
        members: dict[str, object] = {"instances": rows}
        if wanted.gate_scale is not None:
            count = len(rows) if isinstance(rows, Sequence) else 1
            members[GATE_SCALE] = scale_member(wanted.gate_scale, count)
        if wanted.layer_typicality:
            members[USUAL] = True
        request = self._native("predict", members, self._options.headers(wanted.tags))
        return (yield from self._predictions((yield from send(request, limit)), limit))

    def _infer_frame(self, frame: Frame, wanted: Wanted) -> Steps[Predictions]:
        """Encode a frame for the version of the model that predicts it."""
        table = frames.arrow_table(frame)  # a stream can be read once
        model = yield from self.model()
        while True:
            predictions = yield from self._infer(frames.encode(table, model.input), wanted)
            described = self._descriptions[predictions.model_name, predictions.model_version]
            if described.input == model.input:
                return replace(predictions, index=frames.index_of(frame))
            model = described  # the server has another version since

    def _infer(self, matrix: FloatArray, wanted: Wanted) -> Steps[Predictions]:
        """Send the rows of a matrix, in as many requests as they need."""
        scale: FloatArray | None = None
        if wanted.gate_scale is not None and not is_named(wanted.gate_scale):
            scale = scale_tensor(wanted.gate_scale, len(matrix), ())
        limit = self._options.limit()
        name = yield from self._name(limit)
        if wanted.gate_scale is not None and is_named(wanted.gate_scale):
            model = yield from self._description(name, self._options.version, limit)
            scale = scale_tensor(wanted.gate_scale, len(matrix), model.layer_names)
        step = rows_per_request(matrix.shape[1], binary=self._options.binary)
        parts = []
        for start in range(0, len(matrix), step):
            tensors = {INPUT: matrix[start : start + step]}
            if scale is not None:
                tensors[GATE_SCALE] = scale if len(scale) == 1 else scale[start : start + step]
            parts.append((yield from self._infer_part(name, tensors, wanted)))
        return joined(parts)

    def _infer_part(
        self, name: str, tensors: Mapping[str, FloatArray], wanted: Wanted
    ) -> Steps[Predictions]:
        limit = self._options.limit()
        request = infer_request(
            f"{_model_path(name, self._options.version)}/infer",
            tensors,
            wanted.outputs,
            self._options.headers(wanted.tags),
            binary=self._options.binary,
        )
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

    def described(self, name: str, version: str) -> Steps[ModelDescription]:
        """Return the description of a version of a model, requested once."""
        return (yield from self._described(name, version, self._options.limit()))

    def _described(self, name: str, version: str, limit: Limit) -> Steps[ModelDescription]:
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
        path = f"{request_path(request_id)}/{verb}"
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


def request_path(request_id: str) -> str:
    """Return the path of a recorded request."""
    return f"/requests/{quote(request_id, safe='')}"


def read_tags(response: Response) -> tuple[str, ...]:
    """Read the response to a flag."""
    return JsonObject.parse(response.content).strings("tags")


def _recorded(row: int, time: Time | None) -> dict[str, object]:
    """Return the members that identify a recorded row of a request."""
    return {"row": row} if time is None else {"row": row, "time": _parameter(time)}


def _inputs(*, wanted: bool) -> dict[str, bool]:
    return {INPUTS: True} if wanted else {}


def _instance(frame: Frame, model: ModelDescription) -> Row:
    """Return the only row of a frame in the form of JSON."""
    matrix = frames.encode(frame, model.input)
    if len(matrix) != 1:
        raise ArgumentError(
            f"row: expected one row, found a data frame of {len(matrix)}; select one, such as "
            "frame.iloc[0]"
        )
    columns = model.input.columns
    return named_values(matrix[0], columns) if columns else matrix[0]


def _parameter(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
