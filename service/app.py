"""The FastAPI application: native endpoints, Open Inference Protocol, ledger and operation."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from service import __version__
from service.http.access_log import AccessLog
from service.http.body_limit import BodyLimitMiddleware
from service.http.drift import drift_router
from service.http.error_responses import add_error_handlers
from service.http.explain_routes import explain_router
from service.http.inference_routes import InferenceRoute, Routes
from service.http.ledger_routes import requests_router
from service.http.metrics import metrics_router
from service.http.model_routes import models_router, protocol_router
from service.http.openapi import DEFAULT_RESPONSE, described_route
from service.http.protocol import PROTOCOL_CONTEXT, ProtocolContext
from service.http.request_policy import RequestPolicy
from service.http.rerun_routes import rerun_router
from service.http.tracing import SpanObserver, otlp_tracer
from service.inference.models import Models
from service.ledger.ledger import Ledger, open_ledger
from service.observers import RequestObserver
from service.settings import Settings
from service.shared_counters import SharedCounters


def create_app(
    models: Models, settings: Settings, shared_counters: SharedCounters | None = None
) -> FastAPI:
    """Serve loaded `models`; the server's processes sum the ledger's counts in `shared_counters`.

    Models are loaded before, so that no port is opened for an invalid file.
    """
    ledger = open_ledger(settings, shared_counters or SharedCounters())
    policy = RequestPolicy(deadline_ms=settings.deadline_ms, observers=_observers(settings, ledger))
    routes = Routes(models, max_rows=settings.max_rows, predict_route=settings.predict_route)
    context = ProtocolContext(
        policy, routes, settings.max_body_bytes, settings.request_read_seconds
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        gc.freeze()  # excludes the objects loaded so far from later collections
        models.start(asyncio.get_running_loop())
        if ledger is not None:
            ledger.start()
        yield {PROTOCOL_CONTEXT: context}
        models.close()
        if ledger is not None:
            ledger.close()

    app = FastAPI(
        title="highway-networks",
        summary="Predictions of a highway network, with the openness of the gates of every layer",
        version=__version__,
        lifespan=lifespan,
        # The stock pages load scripts from another host.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=DEFAULT_RESPONSE,
    )
    app.add_middleware(BodyLimitMiddleware, max_bytes=settings.max_body_bytes)
    for pattern, kind in routes.patterns.items():
        endpoint = InferenceRoute(policy, routes, kind)
        app.router.routes.append(described_route(pattern, kind, endpoint))
    app.include_router(explain_router(models, policy))
    app.include_router(models_router(models, health_route=settings.health_route))
    app.include_router(protocol_router(models))
    app.include_router(requests_router(ledger, settings))
    app.include_router(rerun_router(ledger, models, policy))
    app.include_router(metrics_router(models, ledger))
    app.include_router(drift_router(models))
    add_error_handlers(app)
    return app


def _observers(settings: Settings, ledger: Ledger | None) -> Iterator[RequestObserver]:
    yield AccessLog(settings.access_log_share)
    if ledger is not None:
        yield ledger.observer
    if settings.traces:
        yield SpanObserver(otlp_tracer())
