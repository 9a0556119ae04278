"""Who is measured: this project's three ways in, and the obvious service's two."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks.serving.bodies import Body, instances, v2_binary, v2_json
from benchmarks.serving.obvious import ASYNC_PATH, DEF_PATH
from benchmarks.serving.servers import Command, obvious, project
from service.classifier import FloatArray

PROJECT, OBVIOUS = "highway-networks", "FastAPI"
SERVERS: dict[str, Command] = {PROJECT: project, OBVIOUS: obvious}

PREDICT, V2_JSON, V2_BINARY = "`/predict`", "V2 JSON", "V2 binary"
DEF, ASYNC_DEF = "FastAPI, `def`", "FastAPI, `async def`"


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A way to ask one of the servers."""

    name: str
    server: str
    body: Callable[[FloatArray], Body]


def contenders(model: str) -> dict[str, Contender]:
    """Return all of them by name; `model` is the name that the file gives itself."""
    return {
        name: Contender(name=name, server=server, body=body)
        for name, server, body in (
            (PREDICT, PROJECT, partial(instances, "/predict")),
            (V2_JSON, PROJECT, partial(v2_json, model)),
            (V2_BINARY, PROJECT, partial(v2_binary, model)),
            (DEF, OBVIOUS, partial(instances, DEF_PATH)),
            (ASYNC_DEF, OBVIOUS, partial(instances, ASYNC_PATH)),
        )
    }
