"""Contenders: endpoints of this server and of its rivals, and what each is compared with."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks.serving.bodies import Body, instances, v2_binary, v2_json
from benchmarks.serving.rivals.fastapi_service import ASYNC_PATH, DEF_PATH
from benchmarks.serving.rivals.installed import FASTAPI, MOSEC, NODE, SKETCH, TRITON
from service.arrays import FloatArray
from service.contract import GATE_MEAN, PROBABILITIES

PROJECT = "highway-networks"
OUTPUTS = (GATE_MEAN, PROBABILITIES)  # of every contender
RIVAL_MODEL = "model"  # the rivals' name of the file

PREDICT, V2_JSON, V2_BINARY = "`/predict`", "V2 JSON", "V2 binary"
DEF, ASYNC_DEF = "FastAPI, `def`", "FastAPI, `async def`"
# Each is compared with V2_JSON or V2_BINARY.
JSON, BINARY = "JSON", "binary"
OURS = {JSON: V2_JSON, BINARY: V2_BINARY}


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One endpoint of one server; `format` is JSON or BINARY."""

    name: str
    server: str
    format: str
    body: Callable[[FloatArray], Body]


def of_rival(server: str, form: str) -> str:
    """Return the name of a rival's protocol endpoint with one format."""
    return f"{server}, {form}"


def contenders(model: str) -> dict[str, Contender]:
    """Return all contenders by name; `model` is the name in the ONNX file."""
    endpoints = [
        (V2_JSON, PROJECT, JSON, partial(v2_json, model, outputs=OUTPUTS)),
        (V2_BINARY, PROJECT, BINARY, partial(v2_binary, model, outputs=OUTPUTS)),
        (PREDICT, PROJECT, JSON, partial(instances, "/predict")),
        (DEF, FASTAPI, JSON, partial(instances, DEF_PATH)),
        (ASYNC_DEF, FASTAPI, JSON, partial(instances, ASYNC_PATH)),
    ]
    for server in (SKETCH, NODE, MOSEC, TRITON):
        for form, body in ((JSON, v2_json), (BINARY, v2_binary)):
            if (server, form) != (MOSEC, BINARY):  # it has no binary format
                encode = partial(body, RIVAL_MODEL, outputs=OUTPUTS)
                endpoints.append((of_rival(server, form), server, form, encode))
    return {
        name: Contender(name=name, server=server, format=form, body=body)
        for name, server, form, body in endpoints
    }
