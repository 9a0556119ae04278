"""The Open Inference Protocol, version 2, beside its inference: health, metadata, repository."""

import json
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request, Response

from service import __version__
from service.contract import (
    CONTRACT_VERSION,
    GATE_SCALE,
    INPUT,
    OUTPUTS,
    Metadata,
    tensor_widths,
)
from service.errors import UnsupportedError
from service.formats.documents import JSON, parse_object
from service.formats.parameters import read_flag
from service.http.bodies import check_length, read_body
from service.http.schemas.errors import ErrorResponse
from service.http.schemas.metadata import (
    Health,
    ModelMetadata,
    ModelReady,
    ServerMetadata,
    TensorMetadata,
)
from service.http.schemas.repository import IndexEntry, IndexRequest
from service.inference.models import Models

SERVER_NAME = "highway-networks"
PLATFORM = "onnx_onnxv1"
EXTENSIONS = ["binary_tensor_data", "classification", "statistics"]


def protocol_router(models: Models, *, max_body_bytes: int) -> APIRouter:
    """Return the routes under `/v2`."""
    router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

    @router.get("/health/live")
    async def live() -> Health:
        """Say that the process answers."""
        return Health(live=True, ready=models.ready)

    @router.get("/health/ready", responses={503: {"model": Health}})
    async def ready(response: Response) -> Health:
        """Say whether every model answers; each was tried before the first request."""
        response.status_code = 200 if models.ready else 503
        return Health(live=True, ready=models.ready)

    @router.get("")
    @router.get("/", include_in_schema=False)
    async def server_metadata() -> ServerMetadata:
        """Name the server and the extensions of the protocol that it serves."""
        return ServerMetadata(name=SERVER_NAME, version=__version__, extensions=EXTENSIONS)

    @router.get("/models/{name}")
    @router.get("/models/{name}/versions/{version}")
    async def model_metadata(name: str, version: str | None = None) -> ModelMetadata:
        """Describe the model's tensors, and in `properties` its labels and layers."""
        model = models.find(name, version)
        return _model_metadata(model.metadata, models.versions(name))

    @router.get("/models/{name}/ready", responses={503: {"model": ModelReady}})
    @router.get("/models/{name}/versions/{version}/ready", responses={503: {"model": ModelReady}})
    async def model_ready(response: Response, name: str, version: str | None = None) -> ModelReady:
        """Say whether the model answers."""
        answers = models.find(name, version).engine.alive
        response.status_code = 200 if answers else 503
        return ModelReady(name=name, ready=answers)

    @router.post(
        "/repository/index",
        openapi_extra=_INDEX_BODY,
        responses={400: {"model": ErrorResponse}, 413: {"model": ErrorResponse}},
    )
    async def index(request: Request) -> list[IndexEntry]:
        """List the models; with `ready` only those that answer."""
        # FastAPI would read a body of any length, and take NaN for JSON.
        check_length(dict(request.scope["headers"]), max_body_bytes)
        body = await read_body(request.receive, limit=max_body_bytes)
        only_ready = body != b"" and read_flag(parse_object(body, "ready"), "ready") is True
        entries = [
            IndexEntry(
                name=model.metadata.name,
                version=model.metadata.version,
                state="READY" if model.engine.alive else "UNAVAILABLE",
                reason="",
            )
            for model in models
        ]
        return [entry for entry in entries if entry.state == "READY" or not only_ready]

    @router.post("/repository/models/{name}/load", **_UNSUPPORTED)
    @router.post("/repository/models/{name}/unload", **_UNSUPPORTED)
    async def change(name: str) -> None:
        """Refuse: what is served is chosen by whoever starts the server."""
        models.find(name)
        raise UnsupportedError(
            "repository: expected a model to be chosen when the server starts, found a request to "
            "change it; start the server with another file"
        )

    return router


_UNSUPPORTED: dict[str, Any] = {"status_code": 501, "response_model": ErrorResponse}
_INDEX_BODY = {
    "requestBody": {"content": {JSON: {"schema": IndexRequest.model_json_schema()}}},
}


def _model_metadata(metadata: Metadata, versions: list[str]) -> ModelMetadata:
    widths = tensor_widths(metadata)

    def tensors(*names: str) -> list[TensorMetadata]:
        return [TensorMetadata(name=n, datatype="FP32", shape=[-1, widths[n]]) for n in names]

    return ModelMetadata(
        name=metadata.name,
        versions=versions,
        platform=PLATFORM,
        inputs=tensors(INPUT, GATE_SCALE),
        outputs=tensors(*OUTPUTS),
        properties={
            "contract": str(CONTRACT_VERSION),
            "digest": str(metadata.verification["digest"]),
            "labels": json.dumps(metadata.labels, ensure_ascii=False),
            "layers": json.dumps([asdict(layer) for layer in metadata.layers]),
            "input": json.dumps(asdict(metadata.input), ensure_ascii=False),
            "optional_inputs": json.dumps([GATE_SCALE]),
        },
    )
