"""Routes of the models: list, KServe V1 readiness, Open Inference Protocol without inference.

The protocol's routes are health, metadata and the statistics extension.
"""

import json
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Response
from starlette.convertors import StringConvertor, register_url_convertor

from service import __version__
from service.contract import CONTRACT_VERSION, GATE_SCALE, INPUT, OUTPUTS, Metadata, tensor_widths
from service.errors import UnknownModelError
from service.formats.json_documents import encode
from service.formats.usual import usual_gates_by_label, usual_inputs
from service.http.schemas import models as schemas
from service.inference.models import Models, ServedModel
from service.inference.statistics import PHASES
from service.lifecycle import Lifecycle
from service.settings import Settings

SERVER_NAME = "highway-networks"
PLATFORM = "onnx_onnxv1"
EXTENSIONS = ["binary_tensor_data", "classification", "statistics"]
REPOSITORY_EXTENSION = "model_repository"

_HEALTH: dict[int | str, dict[str, Any]] = {503: {"model": schemas.Health}}
_READINESS: dict[int | str, dict[str, Any]] = {503: {"model": schemas.ModelReady}}


class ModelConvertor(StringConvertor):
    """Matches the name of a model, without a verb after it, which belongs to another route."""

    regex = "[^/]+(?<!:predict)(?<!:explain)"


register_url_convertor("model", ModelConvertor())


def models_router(models: Models, lifecycle: Lifecycle, *, health_route: str | None) -> APIRouter:
    """Return the routes; `health_route` is an additional path that reports readiness."""
    router = APIRouter()

    @router.get("/v2/models", tags=["Open Inference Protocol"])
    async def list_models() -> schemas.ModelList:
        """List the models; `/predict` uses the first."""
        return schemas.ModelList(
            models=[
                schemas.ServedModel(
                    name=model.metadata.name,
                    version=model.metadata.version,
                    ready=model.engine.alive,
                )
                for model in models
            ]
        )

    @router.get("/v1/models/{name:model}", tags=["KServe V1"], responses=_READINESS)
    async def model_ready(name: str, response: Response) -> schemas.ModelReady:
        """Report whether the model is ready."""
        return _readiness(models, lifecycle, response, name)

    if health_route is not None:

        @router.get(health_route, tags=["platform"], responses=_HEALTH)
        async def server_ready(response: Response) -> schemas.Health:
            """Report whether every model is ready."""
            return _health(models, lifecycle, response)

    return router


def protocol_router(models: Models, lifecycle: Lifecycle, *, signature: str) -> APIRouter:
    """Return the routes under `/v2`; `signature` is that of `signature_of`."""
    router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

    # Registered before `/v2/models/{name}`, which would match "stats" as a name.
    @router.get("/models/stats")
    async def statistics_of_all_models() -> schemas.StatisticsResponse:
        """Return the statistics of every model."""
        return schemas.StatisticsResponse(model_stats=[statistics_of(model) for model in models])

    @router.get("/models/{name}/stats")
    @router.get("/models/{name}/versions/{version}/stats")
    async def statistics_of_model(
        name: str, version: str | None = None
    ) -> schemas.StatisticsResponse:
        """Return the statistics of one model."""
        return schemas.StatisticsResponse(model_stats=[statistics_of(models.find(name, version))])

    @router.get("/health/live")
    async def server_live() -> schemas.Health:
        """Report that the process is running."""
        return schemas.Health(live=True, ready=is_ready(models, lifecycle))

    @router.get("/health/ready", responses=_HEALTH)
    async def server_ready(response: Response) -> schemas.Health:
        """Report whether every model is ready and the server is not stopping."""
        return _health(models, lifecycle, response)

    @router.get("")
    @router.get("/", include_in_schema=False)
    async def server_metadata() -> schemas.ServerMetadata:
        """Return the server's name, version and supported protocol extensions."""
        return describe_server(lifecycle)

    @router.get("/models/{name}")
    @router.get("/models/{name}/versions/{version}")
    async def model_metadata(name: str, version: str | None = None) -> schemas.ModelMetadata:
        """Return the model's tensors, and in `properties` its labels and layers."""
        metadata = models.find(name, version).metadata
        return metadata_of(metadata, models.versions(name), properties_of(metadata, signature))

    @router.get("/models/{name}/ready", responses=_READINESS)
    @router.get("/models/{name}/versions/{version}/ready", responses=_READINESS)
    async def model_ready(
        response: Response, name: str, version: str | None = None
    ) -> schemas.ModelReady:
        """Report whether the model is ready."""
        return _readiness(models, lifecycle, response, name, version)

    return router


def describe_server(lifecycle: Lifecycle) -> schemas.ServerMetadata:
    """Return the server's metadata; a server of fixed models has no extension to change them."""
    extensions = EXTENSIONS if lifecycle.repository is None else [*EXTENSIONS, REPOSITORY_EXTENSION]
    return schemas.ServerMetadata(name=SERVER_NAME, version=__version__, extensions=extensions)


def is_ready(models: Models, lifecycle: Lifecycle) -> bool:
    """Return whether every model is ready and the server is not stopping."""
    return models.ready and not lifecycle.draining


def _health(models: Models, lifecycle: Lifecycle, response: Response) -> schemas.Health:
    ready = is_ready(models, lifecycle)
    response.status_code = 200 if ready else 503
    return schemas.Health(live=True, ready=ready)


def _readiness(
    models: Models,
    lifecycle: Lifecycle,
    response: Response,
    name: str,
    version: str | None = None,
) -> schemas.ModelReady:
    """Report on a served model, or on one whose file the repository refused."""
    try:
        ready = models.find(name, version).engine.alive and not lifecycle.draining
    except UnknownModelError:
        refused = lifecycle.repository.refused if lifecycle.repository else ()
        if not any(file.name == name and version in (None, file.version) for file in refused):
            raise
        ready = False
    response.status_code = 200 if ready else 503
    return schemas.ModelReady(name=name, ready=ready)


def signature_of(settings: Settings) -> str:
    """Return what is known of the signatures of the served files.

    With a public key, a file without a valid signature is refused.
    """
    return "not checked" if settings.public_key is None else "valid"


def metadata_of(
    metadata: Metadata, versions: list[str], properties: dict[str, str] | None = None
) -> schemas.ModelMetadata:
    """Return the tensors of a model, with these properties."""
    widths = tensor_widths(metadata)

    def tensors(*names: str) -> list[schemas.TensorMetadata]:
        return [
            schemas.TensorMetadata(name=name, datatype="FP32", shape=[-1, widths[name]])
            for name in names
        ]

    return schemas.ModelMetadata(
        name=metadata.name,
        versions=versions,
        platform=PLATFORM,
        inputs=tensors(INPUT, GATE_SCALE),
        outputs=tensors(*OUTPUTS),
        properties=properties or {},
    )


def properties_of(metadata: Metadata, signature: str) -> dict[str, str]:
    """Return what the protocol has no members for; lists and objects are JSON."""
    return {
        "contract": str(CONTRACT_VERSION),
        "digest": str(metadata.verification["digest"]),
        "signature": signature,
        "labels": json.dumps(metadata.labels, ensure_ascii=False),
        "layers": json.dumps([asdict(layer) for layer in metadata.layers]),
        "input": json.dumps(asdict(metadata.input), ensure_ascii=False),
        "optional_inputs": json.dumps([GATE_SCALE]),
        "usual_gates": encode(usual_gates_by_label(metadata)).decode(),
        "usual_inputs": encode(usual_inputs(metadata)).decode(),
        "training": encode(metadata.training).decode(),
        "verification": encode(verification_record(metadata)).decode(),
    }


def verification_record(metadata: Metadata) -> dict[str, Any]:
    """Return what the export verified, without the golden rows, which are large."""
    return {key: value for key, value in metadata.verification.items() if key != "golden"}


def statistics_of(model: ServedModel) -> schemas.ModelStatistics:
    """Return the counters of a model, summed over all processes."""
    counters = model.statistics.total()
    phases = {
        phase: _duration(count, ns)
        for phase, (count, ns) in zip(PHASES, counters.phases.tolist(), strict=True)
    }
    none = _duration(0, 0)
    return schemas.ModelStatistics(
        name=model.metadata.name,
        version=model.metadata.version,
        last_inference=int(counters.last_ms[0]),
        inference_count=int(counters.rows[0]),
        execution_count=int(counters.batches[:, 0].sum()),
        inference_stats=schemas.InferenceStatistics(**phases, cache_hit=none, cache_miss=none),
        response_stats={},
        batch_stats=[
            schemas.BatchStatistics(
                batch_size=size,
                compute_input=_duration(count, gather),
                compute_infer=_duration(count, compute),
                compute_output=_duration(count, deliver),
            )
            for size, (count, gather, compute, deliver) in enumerate(counters.batches.tolist())
            if count
        ],
        memory_usage=[],
    )


def _duration(count: float, ns: float) -> schemas.Duration:
    return schemas.Duration(count=int(count), ns=int(ns))
