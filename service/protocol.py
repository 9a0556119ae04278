"""The Open Inference Protocol, version 2: health and metadata."""

import json
from dataclasses import asdict

from fastapi import APIRouter, HTTPException

from service import __version__
from service.contract import (
    CONTRACT_VERSION,
    GATE_MEAN,
    GATE_SCALE,
    GATE_UNITS,
    INPUT,
    LOGITS,
    PROBABILITIES,
    Metadata,
)
from service.engine import Engine
from service.schemas import Health, ModelMetadata, ServerMetadata, TensorMetadata

SERVER_NAME = "highway-networks"
PLATFORM = "onnx_onnxv1"


def protocol_router(engine: Engine) -> APIRouter:
    """Return the routes under `/v2`."""
    router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])
    metadata = engine.classifier.metadata

    @router.get("/health/live")
    async def live() -> Health:
        """Say that the process answers."""
        return Health(live=True, ready=True)

    @router.get("/health/ready")
    async def ready() -> Health:
        """Say that the model answers: it was loaded and tried before the first request."""
        return Health(live=True, ready=True)

    @router.get("")
    @router.get("/", include_in_schema=False)
    async def server_metadata() -> ServerMetadata:
        """Name the server and the extensions of the protocol that it serves."""
        return ServerMetadata(name=SERVER_NAME, version=__version__, extensions=[])

    @router.get("/models/{name}")
    async def model_metadata(name: str) -> ModelMetadata:
        """Describe the model's tensors, and in `properties` its labels and layers."""
        if name != metadata.name:
            raise HTTPException(404, f"model: expected '{metadata.name}', found another name")
        return _model_metadata(metadata)

    return router


def _model_metadata(metadata: Metadata) -> ModelMetadata:
    layers, classes = len(metadata.layers), len(metadata.labels)
    return ModelMetadata(
        name=metadata.name,
        versions=[metadata.version],
        platform=PLATFORM,
        inputs=[_tensor(INPUT, metadata.input.size), _tensor(GATE_SCALE, layers)],
        outputs=[
            _tensor(LOGITS, classes),
            _tensor(PROBABILITIES, classes),
            _tensor(GATE_MEAN, layers),
            _tensor(GATE_UNITS, sum(layer.width for layer in metadata.layers)),
        ],
        properties={
            "contract": str(CONTRACT_VERSION),
            "digest": str(metadata.verification["digest"]),
            "labels": json.dumps(metadata.labels, ensure_ascii=False),
            "layers": json.dumps([asdict(layer) for layer in metadata.layers]),
            "input": json.dumps(asdict(metadata.input), ensure_ascii=False),
            "optional_inputs": json.dumps([GATE_SCALE]),
        },
    )


def _tensor(name: str, width: int) -> TensorMetadata:
    return TensorMetadata(name=name, datatype="FP32", shape=[-1, width])
