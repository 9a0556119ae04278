"""The friendly requests, in which rows are JSON: `/predict` and `/explain`."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

import numpy as np
import orjson

from service.client.errors import ArgumentError
from service.client.exchange import Request
from service.client.options import Options
from service.client.scales import GateScale, scale_member
from service.contract import GATE_SCALE, GATE_UNITS

JSON = "application/json"


def predict_request(
    options: Options, rows: object, gate_scale: GateScale | None, headers: Mapping[str, str]
) -> Request:
    """Ask for the predictions of rows."""
    count = len(rows) if isinstance(rows, Sequence) else 1
    scale = {} if gate_scale is None else {GATE_SCALE: scale_member(gate_scale, count)}
    body = json_body({"instances": rows, **scale})
    return _asking(options, "predict", body, headers)


def explain_request(options: Options, row: object, *, gate_units: bool) -> Request:
    """Ask which layers the label of one row hangs on."""
    row = np.ascontiguousarray(row) if isinstance(row, np.ndarray) else row
    body = json_body({"instance": row, GATE_UNITS: gate_units})
    return _asking(options, "explain", body, options.headers())


def json_body(members: Mapping[str, object]) -> bytes:
    """Write JSON, in which NaN becomes null, a missing value's form."""
    try:
        return orjson.dumps(members, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError as error:
        raise ArgumentError(f"rows: expected what JSON can hold, found {error}") from error


def model_path(name: str, version: str | None, protocol: str = "v2") -> str:
    """Return where a model answers."""
    model = f"/{protocol}/models/{quote(name, safe='')}"
    return model if version is None else f"{model}/versions/{quote(version, safe='')}"


def _asking(options: Options, verb: str, body: bytes, headers: Mapping[str, str]) -> Request:
    model, version = options.model, options.version
    path = f"/{verb}" if model is None else f"{model_path(model, version, 'v1')}:{verb}"
    return Request(
        method="POST", path=path, headers={"Content-Type": JSON, **headers}, content=body
    )
