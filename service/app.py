"""The application: one model behind `/predict` and the Open Inference Protocol."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.routing import Route

from service import __version__
from service.classifier import Classifier
from service.engine import Engine
from service.error_responses import add_error_handlers
from service.openapi import describe_predict
from service.predict import Predict
from service.protocol import protocol_router
from service.settings import Settings


def create_app(classifier: Classifier, settings: Settings) -> FastAPI:
    """Serve `classifier`; loading comes before, so that a bad file never opens a port."""
    engine = Engine(classifier)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        engine.close()

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
    app.router.routes.append(Route("/predict", Predict(engine, settings), methods=["POST"]))
    app.include_router(protocol_router(engine))
    add_error_handlers(app)
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    """Add to FastAPI's description the endpoint that does not pass through FastAPI."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = describe_predict(generate())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it
