"""A plain FastAPI service: FastAPI, pydantic and onnxruntime, combined as their docs show.

    python -m benchmarks.serving.rivals.fastapi_service FILE PORT

One thread for the network, as in this project's server, and no access log.
"""

import sys
from pathlib import Path

import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from service.contract import GATE_MEAN, INPUT, PROBABILITIES
from service.runtime import onnxruntime

DEF_PATH, ASYNC_PATH = "/predict", "/async/predict"
OUTPUTS = (GATE_MEAN, PROBABILITIES)

Matrix = list[list[float]]


class Request(BaseModel):
    """Rows of numbers."""

    instances: Matrix


class Response(BaseModel):
    """Outputs, one list for each row."""

    gate_mean: Matrix
    probabilities: Matrix


def create_app(file: Path) -> FastAPI:
    """Serve the file at both paths."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # without the advice on the overridable input
    session = onnxruntime.InferenceSession(str(file), options)
    app = FastAPI()

    def respond(request: Request) -> Response:
        rows = np.asarray(request.instances, dtype=np.float32)
        outputs = session.run(OUTPUTS, {INPUT: rows})
        return Response(**{name: o.tolist() for name, o in zip(OUTPUTS, outputs, strict=True)})

    @app.post(DEF_PATH)
    def predict(request: Request) -> Response:
        """Compute in one of the framework's threads."""
        return respond(request)

    @app.post(ASYNC_PATH)
    async def predict_async(request: Request) -> Response:
        """Compute on the event loop, which is blocked meanwhile."""
        return respond(request)

    return app


if __name__ == "__main__":
    uvicorn.run(
        create_app(Path(sys.argv[1])),
        port=int(sys.argv[2]),
        access_log=False,
        log_level="warning",
    )
