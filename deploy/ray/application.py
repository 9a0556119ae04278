"""The server's application on Ray Serve: `serve run deploy.ray.application:application`.

Each replica has the application of `highway serve`, with the same endpoints, formats, errors and
batches. Ray's proxy takes the place of the server's sockets and workers.
"""

import asyncio
import logging
import math
from typing import Any

import ray
from fastapi import FastAPI
from ray import serve

from deploy.ray.access import AccessMiddleware
from deploy.ray.configuration import read_config, replica_settings
from service.app import create_app
from service.classifier import Classifier, read_metadata
from service.contract import ContractError, Metadata
from service.http.access import create_access
from service.inference.models import Models
from service.server.model_store import ModelStore
from service.server.repository import Repository
from service.server.worker import serve_classifier
from service.settings import SettingsError
from service.shared_counters import SharedCounters

# A replica's own queue refuses with 429 and a sentence. Ray's limits are above it, so that Ray's
# proxy, whose refusal is 503 and plain text, acts only if replicas take no requests.
ONGOING_REQUESTS = 512  # of a replica
QUEUED_REQUESTS = 512  # of Ray's proxy

_log = logging.getLogger("ray.serve")


def create_replica_app() -> FastAPI:
    """Return the application without a model; `state` has its models, settings and counters."""
    settings, models, counters = replica_settings(), Models([]), SharedCounters()
    app = create_app(models, settings, counters)
    app.add_middleware(AccessMiddleware, access=create_access(settings))
    app.state.models, app.state.settings, app.state.counters = models, settings, counters
    return app


@serve.deployment(
    name="highway",
    user_config={},  # without one, Ray does not call `reconfigure`
    max_ongoing_requests=ONGOING_REQUESTS,
    max_queued_requests=QUEUED_REQUESTS,
    health_check_period_s=10,
    health_check_timeout_s=30,
    graceful_shutdown_timeout_s=10,
    ray_actor_options={"num_cpus": 1},
)
@serve.ingress(create_replica_app)
class Replica:
    """One process of the deployment."""

    app: FastAPI  # set by `serve.ingress`

    async def reconfigure(self, config: dict[str, Any]) -> None:
        """Load the models that the `user_config` names, then serve them in place of the others.

        A replica that serves already keeps its models if the new ones are refused: the refusal is
        in its log. The first models of a replica have to load.
        """
        state = self.app.state
        try:
            path = read_config(config).model or state.settings.model
            store = ModelStore(
                Repository(path, state.settings.public_key),
                _metadata,
                default=state.settings.default_model,
            )
            await store.open()
            threads = state.settings.threads or _assigned_processors()
            classifiers = [
                await asyncio.to_thread(Classifier, artifact.content, threads=threads)
                for artifact in store.models.artifacts
            ]
        except (ContractError, SettingsError) as error:
            if not list(state.models):
                raise
            _log.error("refused %s; the replica serves %s", error, _names(state.models))
            return
        served = [serve_classifier(each, state.settings, state.counters) for each in classifiers]
        state.models.replace(served, store.models.traffic)
        _log.info("serving %s with %d threads for long batches", _names(state.models), threads)

    def check_health(self) -> None:
        """Raise an error if the replica cannot compute; Ray then replaces it."""
        models: Models = self.app.state.models
        if not (list(models) and models.ready):
            raise RuntimeError("the replica is not ready: its models do not compute")


async def _metadata(content: bytes) -> Metadata:
    return await asyncio.to_thread(read_metadata, content)


def _assigned_processors() -> int:
    """Return the number of processors that Ray has assigned to this process, at least one."""
    context: Any = ray.get_runtime_context()
    processors: float = context.get_assigned_resources().get("CPU", 1)
    return max(1, math.floor(processors))


def _names(models: Models) -> str:
    return ", ".join(f"{m.metadata.name} version {m.metadata.version}" for m in models)


application = Replica.bind()  # type: ignore[attr-defined]  # a deployment, not the class
