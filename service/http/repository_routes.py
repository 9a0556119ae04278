"""Routes of the Open Inference Protocol's model repository: index, load and unload."""

from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import ValidationError

from service.errors import BodyError, UnsupportedError
from service.formats.json_documents import parse_object
from service.formats.parameters import read_flag
from service.http.openapi import error_responses, request_body
from service.http.schemas import models as schemas
from service.inference.models import Models
from service.lifecycle import Lifecycle, ModelRepository

READY: Final = "READY"
UNAVAILABLE: Final = "UNAVAILABLE"

_CHANGE: dict[str, Any] = {
    "responses": error_responses(400, 404, 409, 413, 501),
    "openapi_extra": request_body(schemas.LoadRequest, required=False),
}


def repository_router(models: Models, lifecycle: Lifecycle) -> APIRouter:
    """Return the routes; those that change the served models need the scope `admin`."""
    router = APIRouter(prefix="/v2/repository", tags=["Open Inference Protocol"])

    @router.post(
        "/index",
        openapi_extra=request_body(schemas.IndexRequest, required=False),
        responses=error_responses(400, 413),
    )
    async def list_repository(request: Request) -> list[schemas.IndexEntry]:
        """List the models; with `ready`, only those that are ready."""
        # Triton's client sends the body without a media type.
        body = await request.body()
        only_ready = body != b"" and read_flag(parse_object(body, "ready"), "ready") is True
        return [
            entry
            for entry in index_of(models, lifecycle.repository)
            if entry.state == READY or not only_ready
        ]

    @router.post("/models/{name}/load", **_CHANGE)
    async def load_model(name: str, request: Request) -> schemas.Empty:
        """Serve what the model repository holds of a model now; the scope is `admin`."""
        repository = repository_of(models, lifecycle, name)
        _check_no_parameters(await request.body())
        await repository.load(name)
        return schemas.Empty()

    @router.post("/models/{name}/unload", **_CHANGE)
    async def unload_model(name: str, request: Request) -> schemas.Empty:
        """Serve a model no longer, until it is loaded again; the scope is `admin`."""
        repository = repository_of(models, lifecycle, name)
        _check_no_parameters(await request.body())
        await repository.unload(name)
        return schemas.Empty()

    return router


def index_of(models: Models, repository: ModelRepository | None) -> list[schemas.IndexEntry]:
    """Return an entry for each served version and each refused file."""
    ready = {(model.metadata.name, model.metadata.version): model.engine.alive for model in models}
    refused = repository.refused if repository is not None else ()
    reasons = {(name, version): reason for name, version, reason in refused}
    return [
        schemas.IndexEntry(
            name=name,
            version=version,
            state=READY if ready.get((name, version)) else UNAVAILABLE,
            reason=reasons.get((name, version), ""),
        )
        for name, version in [*ready, *(key for key in reasons if key not in ready)]
    ]


def repository_of(models: Models, lifecycle: Lifecycle, name: str) -> ModelRepository:
    """Return the repository; `UnsupportedError` if the served models cannot change."""
    if lifecycle.repository is None:
        models.find(name)
        raise UnsupportedError(
            "models cannot be loaded or unloaded here; start the server with `highway serve`"
        )
    return lifecycle.repository


def _check_no_parameters(body: bytes) -> None:
    """Reject every parameter that would name a file, a URL or a configuration."""
    try:
        schemas.LoadRequest.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise BodyError(
            "body: expected none or {}, found other JSON; the server's model repository alone "
            "decides which files are loaded"
        ) from error
