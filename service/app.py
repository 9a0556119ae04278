"""The application: the models behind `/predict` and the Open Inference Protocol."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.routing import Route

from service import __version__
from service.http.access_log import AccessLog
from service.http.drift import drift_router
from service.http.error_responses import add_error_handlers
from service.http.explain import PATTERNS as EXPLAIN_PATTERNS
from service.http.explain import ExplainRoute
from service.http.fast_lane import FAST_LANE, FastLane
from service.http.friendly import friendly_router
from service.http.inference_route import InferenceRoute
from service.http.ledger_metrics import LedgerCollector
from service.http.metrics import metrics_router
from service.http.open_inference import protocol_router
from service.http.openapi import Described, describe_doors
from service.http.reception import Reception
from service.http.records import Recorder
from service.http.requests import requests_router
from service.http.rerun import rerun_router
from service.http.routes import Routes
from service.http.statistics import statistics_router
from service.http.tracing import SpanRecorder, otlp_tracer
from service.inference.counters import Board
from service.inference.models import Models
from service.ledger.ledger import Ledger, open_ledger
from service.settings import Settings


def create_app(models: Models, settings: Settings, board: Board | None = None) -> FastAPI:
    """Serve `models`; loading comes before, so that a bad file never opens a port.

    On the `board` the processes of a server add up what is no single model's.
    """
    ledger = open_ledger(settings, board or Board())
    reception = Reception(deadline_ms=settings.deadline_ms, recorders=_recorders(settings, ledger))
    routes = Routes(models, max_rows=settings.max_rows, predict_route=settings.predict_route)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        gc.freeze()  # what is loaded by now stays: looking through it again would be in vain
        models.start(asyncio.get_running_loop())
        if ledger is not None:
            ledger.start()
        yield {
            FAST_LANE: FastLane(
                reception,
                routes,
                max_body_bytes=settings.max_body_bytes,
                receive_seconds=settings.receive_seconds,
            )
        }
        models.close()
        if ledger is not None:
            ledger.close()

    app = FastAPI(
        title="highway-networks",
        summary="A highway network's predictions, with the openness of every layer",
        version=__version__,
        lifespan=lifespan,
        # The stock pages load scripts from another host.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for pattern, kind in routes.patterns.items():
        endpoint = InferenceRoute(reception, routes, kind, max_body_bytes=settings.max_body_bytes)
        app.router.routes.append(Route(pattern, endpoint, methods=["POST"]))
    explain = ExplainRoute(models, reception, max_body_bytes=settings.max_body_bytes)
    for pattern in EXPLAIN_PATTERNS:
        app.router.routes.append(Route(pattern, explain, methods=["POST"]))
    app.include_router(friendly_router(models, health_route=settings.health_route))
    app.include_router(statistics_router(models))
    app.include_router(protocol_router(models, max_body_bytes=settings.max_body_bytes))
    app.include_router(requests_router(ledger, settings))
    app.include_router(
        rerun_router(ledger, models, reception, max_body_bytes=settings.max_body_bytes)
    )
    app.include_router(metrics_router(models, LedgerCollector(ledger)))
    app.include_router(drift_router(models))
    add_error_handlers(app)
    _describe(app, routes)
    return app


def _recorders(settings: Settings, ledger: Ledger | None) -> Iterator[Recorder]:
    yield AccessLog(settings.access_log_share)
    if ledger is not None:
        yield ledger.recorder
    if settings.traces:
        yield SpanRecorder(otlp_tracer())


def _describe(app: FastAPI, routes: Routes) -> None:
    """Add to FastAPI's description the endpoints that do not pass through FastAPI."""
    generate = app.openapi
    patterns: dict[str, Described] = {**routes.patterns}
    patterns.update((pattern, "explain") for pattern in EXPLAIN_PATTERNS)

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = describe_doors(generate(), patterns)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it
