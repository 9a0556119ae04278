"""What is neither inference nor the Open Inference Protocol: the list, KServe V1, platforms."""

from fastapi import APIRouter, HTTPException, Response

from service.http.schemas.metadata import Health, ModelList, ModelReady, ServedModel
from service.inference.models import Models


def friendly_router(models: Models, *, health_route: str | None) -> APIRouter:
    """Return the routes; `health_route` is one more path for readiness, as a platform wants it."""
    router = APIRouter()

    @router.get("/v2/models", tags=["Open Inference Protocol"])
    async def model_list() -> ModelList:
        """List the models; the first is the one that `/predict` asks."""
        return ModelList(
            models=[
                ServedModel(
                    name=model.metadata.name,
                    version=model.metadata.version,
                    ready=model.engine.alive,
                )
                for model in models
            ]
        )

    @router.get("/v1/models/{name}", tags=["KServe V1"], responses={503: {"model": ModelReady}})
    async def model_ready(name: str, response: Response) -> ModelReady:
        """Say whether the model answers."""
        # Else a GET of those paths would be met here, as a name.
        if name.endswith((":predict", ":explain")):
            raise HTTPException(405, headers={"Allow": "POST"})
        answers = models.find(name).engine.alive
        response.status_code = 200 if answers else 503
        return ModelReady(name=name, ready=answers)

    if health_route is not None:

        @router.get(health_route, tags=["platform"], responses={503: {"model": Health}})
        async def ready(response: Response) -> Health:
            """Say whether every model answers."""
            response.status_code = 200 if models.ready else 503
            return Health(live=True, ready=models.ready)

    return router
