"""The server in this process, but for its sockets."""

import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from pythonjsonlogger.json import JsonFormatter
from uvicorn.server import ServerState

from service.app import create_app
from service.classifier import Classifier
from service.http.protocol import HttpProtocol
from service.http.protocol_context import PROTOCOL_CONTEXT, ProtocolContext
from service.inference.admission import LoopLoad
from service.inference.models import Models, ServedModel
from service.logs import FIELDS
from service.server.worker import serve_classifier, server_config
from service.settings import Settings
from service.shared_counters import SharedCounters

UNLIMITED_MS = 3_600_000


@dataclass(frozen=True, kw_only=True)
class Server:
    """A started application that serves one model."""

    config: uvicorn.Config
    server_state: ServerState
    app_state: dict[str, Any]
    model: ServedModel

    @property
    def context(self) -> ProtocolContext:
        """What its connections share."""
        context: ProtocolContext = self.app_state[PROTOCOL_CONTEXT]
        return context

    def connection(self) -> HttpProtocol:
        """Return the protocol of a new connection."""
        return HttpProtocol(self.config, self.server_state, self.app_state)


@asynccontextmanager
async def started(file: Path, **settings: Any) -> AsyncIterator[Server]:
    """Serve an artifact on the running loop; default settings but for these, and no ledger.

    Nothing is refused, although other processes may make an iteration of the loop long.
    """
    unlimited = {"max_queue_ms": UNLIMITED_MS, "ledger_url": "off"}
    given = Settings(**{"model": file, **unlimited, **settings})
    counters = SharedCounters()
    model = serve_classifier(Classifier.load(file), given, counters)
    model.engine._loop_load = LoopLoad(UNLIMITED_MS * 1_000_000)
    app = create_app(Models([model]), given, counters)
    config = server_config(app, given)
    config.load()
    server_state = ServerState()
    server_state.default_headers = [
        (b"date", b"Thu, 01 Jan 1970 00:00:00 GMT"),  # as long as those that uvicorn adds
        *((name.encode(), value.encode()) for name, value in config.headers),
    ]
    async with app.router.lifespan_context(app) as state:
        yield Server(
            config=config, server_state=server_state, app_state=dict(state or {}), model=model
        )


@contextmanager
def written_access_log() -> Iterator[None]:
    """Write the access log to the null device: without a file, logging would skip the lines."""
    log = logging.getLogger("service.access")
    with open(os.devnull, "w") as file:
        handler = logging.StreamHandler(file)
        handler.setFormatter(JsonFormatter(FIELDS))
        level, propagate = log.level, log.propagate
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False
        try:
            yield
        finally:
            log.removeHandler(handler)
            log.setLevel(level)
            log.propagate = propagate
