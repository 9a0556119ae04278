"""Contenders: three endpoints of this project, and two of the plain FastAPI service."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks.serving.bodies import Body, instances, v2_binary, v2_json
from benchmarks.serving.fastapi_service import ASYNC_PATH, DEF_PATH
from benchmarks.serving.servers import Command, fastapi, project
from service.arrays import FloatArray

PROJECT, FASTAPI = "highway-networks", "FastAPI"
SERVERS: dict[str, Command] = {PROJECT: project, FASTAPI: fastapi}

PREDICT, V2_JSON, V2_BINARY = "`/predict`", "V2 JSON", "V2 binary"
DEF, ASYNC_DEF = "FastAPI, `def`", "FastAPI, `async def`"


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One endpoint of one server."""

    name: str
    server: str
    body: Callable[[FloatArray], Body]


def contenders(model: str) -> dict[str, Contender]:
    """Return all contenders by name; `model` is the name in the ONNX file."""
    return {
        name: Contender(name=name, server=server, body=body)
        for name, server, body in (
            (PREDICT, PROJECT, partial(instances, "/predict")),
            (V2_JSON, PROJECT, partial(v2_json, model)),
            (V2_BINARY, PROJECT, partial(v2_binary, model)),
            (DEF, FASTAPI, partial(instances, DEF_PATH)),
            (ASYNC_DEF, FASTAPI, partial(instances, ASYNC_PATH)),
        )
    }
