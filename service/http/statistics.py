"""The protocol's statistics extension: what each model has done since the server started."""

from fastapi import APIRouter

from service.http.schemas.statistics import (
    BatchStatistics,
    Duration,
    InferenceStatistics,
    ModelStatistics,
    StatisticsResponse,
)
from service.inference.counters import PHASES, Counters
from service.inference.models import Models, ServedModel


def statistics_router(models: Models) -> APIRouter:
    """Return the routes that end in `/stats`."""
    router = APIRouter(prefix="/v2/models", tags=["Open Inference Protocol"])

    # Before `/v2/models/{name}`, which would take "stats" for a model's name.
    @router.get("/stats")
    async def all_models() -> StatisticsResponse:
        """Tell the statistics of every model."""
        return StatisticsResponse(model_stats=[_of_model(model) for model in models])

    @router.get("/{name}/stats")
    @router.get("/{name}/versions/{version}/stats")
    async def one_model(name: str, version: str | None = None) -> StatisticsResponse:
        """Tell one model's statistics."""
        return StatisticsResponse(model_stats=[_of_model(models.find(name, version))])

    return router


def _of_model(model: ServedModel) -> ModelStatistics:
    counters = model.statistics.total()
    phases = {
        phase: Duration(count=int(count), ns=int(ns))
        for phase, (count, ns) in zip(PHASES, counters.phases.tolist(), strict=True)
    }
    nothing = Duration(count=0, ns=0)
    return ModelStatistics(
        name=model.metadata.name,
        version=model.metadata.version,
        last_inference=int(counters.last_ms[0]),
        inference_count=int(counters.rows[0]),
        execution_count=int(counters.runs[0]),
        inference_stats=InferenceStatistics(**phases, cache_hit=nothing, cache_miss=nothing),
        response_stats={},
        batch_stats=_batches(counters),
        memory_usage=[],
    )


def _batches(counters: Counters) -> list[BatchStatistics]:
    return [
        BatchStatistics(
            batch_size=size,
            compute_input=Duration(count=int(count), ns=int(gather)),
            compute_infer=Duration(count=int(count), ns=int(model)),
            compute_output=Duration(count=int(count), ns=int(deliver)),
        )
        for size, (count, gather, model, deliver) in enumerate(counters.batches.tolist())
        if count
    ]
