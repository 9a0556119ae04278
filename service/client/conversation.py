"""What a call asks the server, request by request, without sockets."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np
import orjson
from numpy.typing import ArrayLike, NDArray

from service.client.description import ModelDescription, read_default_name, read_description
from service.client.errors import ArgumentError
from service.client.exchange import Limit, Request, Steps, exchange
from service.client.predictions import Predictions, of_inference, of_instances
from service.client.tensors import FloatArray, infer_request, read_inference
from service.contract import GATE_MEAN, GATE_SCALE, GATE_UNITS, INPUT, PROBABILITIES

DEADLINE = "X-Deadline-Ms"

Rows = NDArray[Any] | Sequence[Mapping[str, object]] | Sequence[Sequence[object]]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What holds for every call of a client; see `Client`."""

    model: str | None
    version: str | None
    binary: bool
    timeout_seconds: float
    retries: int
    deadline_ms: int | None

    def __post_init__(self) -> None:
        if self.version is not None and self.model is None:
            raise ArgumentError("version: expected a model beside it, found none; name the model")
        if not self.timeout_seconds > 0:
            raise ArgumentError(
                f"timeout_seconds: expected a number above 0, found {self.timeout_seconds}"
            )
        if self.retries < 0:
            raise ArgumentError(f"retries: expected 0 or more, found {self.retries}")
        if self.deadline_ms is not None and self.deadline_ms < 1:
            raise ArgumentError(f"deadline_ms: expected 1 or more, found {self.deadline_ms}")


class Conversation:
    """The requests of one client's calls, and what it remembers from one call to the next."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._model = options.model
        self._descriptions: dict[str, ModelDescription] = {}  # by version, which never changes

    def predict(
        self, rows: Rows, *, gate_scale: ArrayLike | None, gate_units: bool
    ) -> Steps[Predictions]:
        """Send an array as a tensor, all other rows as JSON."""
        limit = self._limit()
        if isinstance(rows, np.ndarray):
            return (yield from self._infer(rows, gate_scale, gate_units, limit))
        if gate_scale is not None or gate_units:
            raise ArgumentError(
                "rows: expected a numpy array beside gate_scale or gate_units, found "
                f"{type(rows).__name__}; give the rows as numbers"
            )
        return of_instances((yield from exchange(self._instances(rows), limit)))

    def model(self) -> Steps[ModelDescription]:
        """Ask what the model is."""
        limit = self._limit()
        name = yield from self._name(limit)
        return (yield from self._description(name, self._options.version, limit))

    def _infer(
        self, rows: NDArray[Any], gate_scale: ArrayLike | None, gate_units: bool, limit: Limit
    ) -> Steps[Predictions]:
        tensors = {INPUT: _matrix(rows)}
        if gate_scale is not None:
            tensors[GATE_SCALE] = _scale(gate_scale, len(rows))
        outputs = (PROBABILITIES, GATE_MEAN, *([GATE_UNITS] if gate_units else []))
        name = yield from self._name(limit)
        path = f"{_path(name, self._options.version)}/infer"
        request = infer_request(path, tensors, outputs, binary=self._options.binary)
        reply = yield from exchange(self._in_time(request), limit)
        answer = read_inference(reply)
        # Asked only now, for the answer names its version: a server may have loaded another.
        version = answer.model_version
        if version not in self._descriptions:
            self._descriptions[version] = yield from self._description(name, version, limit)
        return of_inference(answer, self._descriptions[version], reply)

    def _instances(self, rows: object) -> Request:
        try:
            # NaN becomes null, a missing value's form in JSON.
            content = orjson.dumps({"instances": rows}, option=orjson.OPT_SERIALIZE_NUMPY)
        except TypeError as error:
            raise ArgumentError(f"rows: expected what JSON can hold, found {error}") from error
        model, version = self._options.model, self._options.version
        path = "/predict" if model is None else f"{_path(model, version, 'v1')}:predict"
        headers = {"Content-Type": "application/json"}
        return self._in_time(Request(method="POST", path=path, headers=headers, content=content))

    def _in_time(self, request: Request) -> Request:
        deadline = self._options.deadline_ms
        headers = {**request.headers, **({DEADLINE: str(deadline)} if deadline else {})}
        return Request(
            method=request.method, path=request.path, headers=headers, content=request.content
        )

    def _name(self, limit: Limit) -> Steps[str]:
        """Return the model's name: the first that the server lists, unless one was given."""
        if self._model is None:
            reply = yield from exchange(Request(method="GET", path="/v2/models"), limit)
            self._model = read_default_name(reply)
        return self._model

    def _description(self, name: str, version: str | None, limit: Limit) -> Steps[ModelDescription]:
        request = Request(method="GET", path=_path(name, version))
        return read_description((yield from exchange(request, limit)))

    def _limit(self) -> Limit:
        options = self._options
        return Limit(retries=options.retries, until=time.monotonic() + options.timeout_seconds)


def _path(name: str, version: str | None, protocol: str = "v2") -> str:
    model = f"/{protocol}/models/{quote(name, safe='')}"
    return model if version is None else f"{model}/versions/{quote(version, safe='')}"


def _matrix(rows: NDArray[Any]) -> FloatArray:
    """Flatten each row, as (rows, features)."""
    if rows.dtype.kind not in "fiu":
        raise ArgumentError(f"rows: expected an array of numbers, found one of {rows.dtype}")
    if rows.ndim < 2 or not rows.size:
        raise ArgumentError(
            f"rows: expected (rows, features) or (rows, height, width[, 3]), found {rows.shape}; "
            "write a single row as row[np.newaxis]"
        )
    with np.errstate(over="ignore"):  # the server refuses infinity in a better sentence
        return rows.reshape(len(rows), -1).astype(np.float32)


def _scale(scale: ArrayLike, rows: int) -> FloatArray:
    """Return factors as (1, layers) or (rows, layers)."""
    factors = np.atleast_2d(np.asarray(scale, np.float32))
    if factors.ndim != 2 or len(factors) not in (1, rows):
        raise ArgumentError(
            f"gate_scale: expected (layers,), (1, layers) or ({rows}, layers), found "
            f"{np.shape(scale)}"
        )
    return factors
