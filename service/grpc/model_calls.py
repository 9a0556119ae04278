"""The methods without inference: health, metadata, statistics and the model repository."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from pydantic import BaseModel

from service.errors import BodyError, UnknownModelError
from service.grpc.calls import Call
from service.grpc.messages import response_class
from service.http.model_routes import describe_server, is_ready, metadata_of, statistics_of
from service.http.repository_routes import READY, index_of, repository_of
from service.inference.models import Models
from service.lifecycle import Lifecycle

UNLOAD_DEPENDENTS = "unload_dependents"  # allowed, and without effect


class ModelCalls:
    """A method for each call; takes the request message and returns the response message."""

    def __init__(self, models: Models, lifecycle: Lifecycle) -> None:
        self._models = models
        self._lifecycle = lifecycle

    def by_method(self) -> dict[str, tuple[bytes, Call]]:
        """Return each method's call, and the HTTP path that needs the same scope."""
        return {
            "ServerLive": (b"/v2/health/live", self.server_live),
            "ServerReady": (b"/v2/health/ready", self.server_ready),
            "ModelReady": (b"/v2/models/-/ready", self.model_ready),
            "ServerMetadata": (b"/v2", self.server_metadata),
            "ModelMetadata": (b"/v2/models/-", self.model_metadata),
            "ModelStatistics": (b"/v2/models/stats", self.model_statistics),
            "RepositoryIndex": (b"/v2/repository/index", self.repository_index),
            "RepositoryModelLoad": (b"/v2/repository/models/-/load", self.load_model),
            "RepositoryModelUnload": (b"/v2/repository/models/-/unload", self.unload_model),
        }

    @property
    def ready(self) -> bool:
        """Whether every model is ready and the server is not stopping."""
        return is_ready(self._models, self._lifecycle)

    async def server_live(self, _request: Any) -> Message:
        """Report that the process is running."""
        return _response("ServerLive", {"live": True})

    async def server_ready(self, _request: Any) -> Message:
        """Report whether every model is ready and the server is not stopping."""
        return _response("ServerReady", {"ready": self.ready})

    async def model_ready(self, request: Any) -> Message:
        """Report whether a model is ready; one that is not served is not, as with Triton."""
        try:
            model = self._models.find(request.name, request.version or None)
        except UnknownModelError:
            ready = False
        else:
            ready = model.engine.alive and not self._lifecycle.draining
        return _response("ModelReady", {"ready": ready})

    async def server_metadata(self, _request: Any) -> Message:
        """Return the server's name, version and supported protocol extensions."""
        return _response("ServerMetadata", describe_server(self._lifecycle))

    async def model_metadata(self, request: Any) -> Message:
        """Return the model's tensors."""
        model = self._models.find(request.name, request.version or None)
        versions = self._models.versions(request.name)
        return _response("ModelMetadata", metadata_of(model.metadata, versions))

    async def model_statistics(self, request: Any) -> Message:
        """Return the statistics of a model, without a name of all models."""
        models = (
            [self._models.find(request.name, request.version or None)]
            if request.name
            else self._models
        )
        statistics = [statistics_of(model).model_dump() for model in models]
        return _response("ModelStatistics", {"model_stats": statistics})

    async def repository_index(self, request: Any) -> Message:
        """List the models; with `ready`, only those that are ready."""
        entries = [
            entry.model_dump()
            for entry in index_of(self._models, self._lifecycle.repository)
            if entry.state == READY or not request.ready
        ]
        return _response("RepositoryIndex", {"models": entries})

    async def load_model(self, request: Any) -> Message:
        """Serve what the model repository holds of a model now."""
        repository = repository_of(self._models, self._lifecycle, request.model_name)
        _check_no_parameters(request)
        await repository.load(request.model_name)
        return _response("RepositoryModelLoad", {})

    async def unload_model(self, request: Any) -> Message:
        """Serve a model no longer, until it is loaded again."""
        repository = repository_of(self._models, self._lifecycle, request.model_name)
        _check_no_parameters(request)
        await repository.unload(request.model_name)
        return _response("RepositoryModelUnload", {})


def _response(method: str, content: BaseModel | Mapping[str, Any]) -> Message:
    """Return the message with the content of the HTTP form; what gRPC does not have is left out."""
    values = content.model_dump() if isinstance(content, BaseModel) else dict(content)
    message: Message = ParseDict(values, response_class(method)(), ignore_unknown_fields=True)
    return message


def _check_no_parameters(request: Any) -> None:
    """Reject every parameter that would name a file, a URL or a configuration."""
    if not set(request.parameters) <= {UNLOAD_DEPENDENTS}:
        raise BodyError(
            "parameters: expected none, found some; the server's model repository alone decides "
            "which files are loaded"
        )
