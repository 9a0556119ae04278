"""The FastAPI application: native endpoints, Open Inference Protocol, ledger and operation."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from service import __version__
from service.http.access import create_access
from service.http.access_log import AccessLog
from service.http.body_limit import BodyLimitMiddleware
from service.http.body_turns import BodyTurns
from service.http.byte_budget import ByteBudget
from service.http.connections import Connections
from service.http.cors import PreflightMiddleware
from service.http.drift import drift_router
from service.http.error_responses import add_error_handlers
from service.http.explain_routes import explain_router
from service.http.flag_routes import flag_router
from service.http.forwarded import TrustedProxies
from service.http.head_requests import HeadMiddleware
from service.http.inference_routes import InferenceRoute, Routes
from service.http.inspector_routes import inspector_router
from service.http.ledger_routes import requests_router
from service.http.metrics import ServiceCollector, metrics_router
from service.http.model_routes import models_router, protocol_router, signature_of
from service.http.model_schemas import describe_models
from service.http.openapi import DEFAULT_RESPONSE, described_route
from service.http.protocol_context import PROTOCOL_CONTEXT, ProtocolContext
from service.http.repository_routes import repository_router
from service.http.request_policy import RequestPolicy
from service.http.rerun_routes import rerun_router
from service.http.response_encoding import DefaultLines
from service.http.root_path import RootPath
from service.http.telemetry import Telemetry
from service.http.what_if_routes import what_if_router
from service.inference.models import Models
from service.ledger.ledger import Ledger, open_ledger
from service.lifecycle import Lifecycle
from service.memory import give_memory_back, limit_free_memory
from service.observers import RequestObserver
from service.settings import Settings
from service.shared_counters import SharedCounters


def create_app(
    models: Models,
    settings: Settings,
    shared_counters: SharedCounters | None = None,
    lifecycle: Lifecycle | None = None,
) -> FastAPI:
    """Serve loaded `models`.

    The server's processes sum their counts in `shared_counters`; `lifecycle` connects the
    application with the server around it.
    """
    shared_counters, lifecycle = shared_counters or SharedCounters(), lifecycle or Lifecycle()
    ledger = open_ledger(settings, shared_counters)
    collector = ServiceCollector(models, ledger, shared_counters)
    telemetry = Telemetry(settings, collector, shared_counters)
    observers = _observers(settings, ledger, telemetry)
    policy = RequestPolicy(deadline_ms=settings.deadline_ms, observers=observers)
    routes = Routes(models, max_rows=settings.max_rows, predict_route=settings.predict_route)
    context = ProtocolContext(
        policy=policy,
        routes=routes,
        max_body_bytes=settings.max_body_bytes,
        request_read_seconds=settings.request_read_seconds,
        send_seconds=settings.send_seconds,
        access=create_access(settings, routes.exact),
        lifecycle=lifecycle,
        budget=ByteBudget(settings.max_inflight_bytes),
        connections=Connections(
            settings.max_connections,
            health_paths=[(settings.health_route or "/v2/health/live").encode()],
        ),
        body_turns=BodyTurns(),
        default_lines=DefaultLines(),
        root_path=RootPath(settings.root_path),
        proxies=TrustedProxies(settings.trusted_proxies),
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        gc.freeze()  # excludes the objects loaded so far from later collections
        limit_free_memory()
        trimming = asyncio.create_task(give_memory_back(context.budget.burst_ended))
        models.start(asyncio.get_running_loop())
        if ledger is not None:
            ledger.start()
        telemetry.start()
        yield {PROTOCOL_CONTEXT: context}
        trimming.cancel()
        context.connections.abort()
        models.close()
        if ledger is not None:
            ledger.close()
        telemetry.close()  # last: it may wait for a collector, and rows are worth more

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
    if settings.cors_origins is not None:
        app.add_middleware(PreflightMiddleware)
    app.add_middleware(HeadMiddleware)
    for pattern, kind in routes.patterns.items():
        endpoint = InferenceRoute(policy, routes, kind)
        app.router.routes.append(described_route(pattern, kind, endpoint))
    app.include_router(explain_router(models, policy))
    app.include_router(what_if_router(models, policy))
    app.include_router(models_router(models, lifecycle, health_route=settings.health_route))
    signature = signature_of(settings)
    app.include_router(protocol_router(models, lifecycle, signature=signature))
    app.include_router(repository_router(models, lifecycle))
    app.include_router(requests_router(ledger, settings, models))
    app.include_router(rerun_router(ledger, models, policy))
    app.include_router(flag_router(ledger))
    app.include_router(metrics_router(collector))
    app.include_router(drift_router(models))
    if settings.inspector == "on":
        app.include_router(inspector_router(settings.root_path))
    describe_models(app, models, max_rows=settings.max_rows)
    add_error_handlers(app)
    return app


def _observers(
    settings: Settings, ledger: Ledger | None, telemetry: Telemetry
) -> Iterator[RequestObserver]:
    yield AccessLog(settings.access_log_share)
    if ledger is not None:
        yield ledger.observer
    yield from telemetry.observers
