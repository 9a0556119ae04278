"""What a call asks a model, request by request, without sockets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.client.description import ModelDescription, read_default_name, read_description
from service.client.errors import ArgumentError
from service.client.exchange import Limit, Reply, Request, Steps, exchange
from service.client.explanations import Explanation, read_explanation
from service.client.instances import explain_request, model_path, predict_request
from service.client.options import Options
from service.client.predictions import Predictions, instances_model, of_inference, of_instances
from service.client.scales import GateScale, is_named, scale_tensor
from service.client.tensors import FloatArray, infer_request, read_inference
from service.contract import GATE_MEAN, GATE_SCALE, GATE_UNITS, INPUT, PROBABILITIES, UNUSUAL

Row = NDArray[Any] | Mapping[str, object] | Sequence[object]
Rows = NDArray[Any] | Sequence[Mapping[str, object]] | Sequence[Sequence[object]]


class Conversation:
    """The requests of one client's calls, and what it remembers from one call to the next."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._model = options.model
        # By name and version, which never change.
        self._descriptions: dict[tuple[str, str], ModelDescription] = {}

    def predict(
        self,
        rows: Rows,
        *,
        gate_scale: GateScale | None,
        gate_units: bool,
        tags: Sequence[str],
    ) -> Steps[Predictions]:
        """Send an array as a tensor, all other rows as JSON."""
        limit = self._options.limit()
        headers = self._options.headers(tags)
        if isinstance(rows, np.ndarray):
            return (yield from self._infer(rows, gate_scale, gate_units, headers, limit))
        if gate_units:
            raise ArgumentError(
                f"rows: expected a numpy array beside gate_units, found {type(rows).__name__}; "
                "give the rows as numbers"
            )
        request = predict_request(self._options, rows, gate_scale, headers)
        return (yield from self.read_predictions((yield from exchange(request, limit)), limit))

    def explain(self, row: Row, *, gate_units: bool) -> Steps[Explanation]:
        """Ask about one row, as JSON."""
        request = explain_request(self._options, row, gate_units=gate_units)
        return read_explanation((yield from exchange(request, self._options.limit())))

    def model(self) -> Steps[ModelDescription]:
        """Ask what the model is."""
        limit = self._options.limit()
        name = yield from self._name(limit)
        return (yield from self._description(name, self._options.version, limit))

    def read_predictions(self, reply: Reply, limit: Limit) -> Steps[Predictions]:
        """Read the answer of `/predict`, having asked what its model's layers are called."""
        name, version = instances_model(reply)
        return of_instances(reply, (yield from self._described(name, version, limit)))

    def _infer(
        self,
        rows: NDArray[Any],
        gate_scale: GateScale | None,
        gate_units: bool,
        headers: Mapping[str, str],
        limit: Limit,
    ) -> Steps[Predictions]:
        tensors = {INPUT: _matrix(rows)}
        name = None
        if gate_scale is not None:
            layers: tuple[str, ...] = ()
            if is_named(gate_scale):
                name = yield from self._name(limit)
                model = yield from self._description(name, self._options.version, limit)
                layers = model.layer_names
            tensors[GATE_SCALE] = scale_tensor(gate_scale, len(rows), layers)
        outputs = (PROBABILITIES, GATE_MEAN, UNUSUAL, *([GATE_UNITS] if gate_units else []))
        name = yield from self._name(limit)
        path = f"{model_path(name, self._options.version)}/infer"
        request = infer_request(path, tensors, outputs, headers, binary=self._options.binary)
        reply = yield from exchange(request, limit)
        answer = read_inference(reply)
        # Asked only now, for the answer names its version: a server may have loaded another.
        described = yield from self._described(name, answer.model_version, limit)
        return of_inference(answer, described, reply)

    def _name(self, limit: Limit) -> Steps[str]:
        """Return the model's name: the first that the server lists, unless one was given."""
        if self._model is None:
            reply = yield from exchange(Request(method="GET", path="/v2/models"), limit)
            self._model = read_default_name(reply)
        return self._model

    def _described(self, name: str, version: str, limit: Limit) -> Steps[ModelDescription]:
        """Ask what a version of a model is, once."""
        if (name, version) not in self._descriptions:
            described = yield from self._description(name, version, limit)
            self._descriptions[name, version] = described
        return self._descriptions[name, version]

    def _description(self, name: str, version: str | None, limit: Limit) -> Steps[ModelDescription]:
        request = Request(method="GET", path=model_path(name, version))
        return read_description((yield from exchange(request, limit)))


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
