"""A worker: one process that serves the models, directed by the supervisor."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE

from service.app import create_app
from service.classifier import Classifier
from service.contract import ContractError
from service.http.connection_timer import GRACE_SECONDS
from service.http.protocol import HttpProtocol
from service.http.protocol_context import PROTOCOL_CONTEXT
from service.inference.models import Limits, Models, ServedModel
from service.lifecycle import Lifecycle, RefusedFile
from service.logs import configure_logs
from service.server.acceptor import Acceptor
from service.server.artifacts import Artifact, ModelSet
from service.server.channel import Channel
from service.server.worker_control import WorkerControl
from service.settings import Settings
from service.shared_counters import SharedCounters

if TYPE_CHECKING:
    from service.grpc.server import GrpcServer

# Of every response: a browser must not guess its type. `service.http.response_encoding` has those
# that differ.
SAFE_HEADERS = (("x-content-type-options", "nosniff"),)

HANDOVER_SECONDS = 0.01  # from libuv to uvloop, of a connection

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class WorkerStart:
    """What a worker needs to start; it can be pickled."""

    settings: Settings
    threads: int
    shared_counters: Path
    models: ModelSet
    refused: tuple[RefusedFile, ...]
    listener: socket.socket
    channel: socket.socket


def run_worker(start: WorkerStart, inherited: Sequence[socket.socket] = ()) -> None:
    """Serve until the supervisor says stop, or ends.

    `inherited` are sockets of the supervisor that a forked process has to close.
    """
    for end in inherited:
        end.close()
    for number in (signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)):
        signal.signal(number, signal.SIG_IGN)  # the supervisor decides what they mean
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    configure_logs(start.settings)
    gc.freeze()  # what was loaded before the fork stays shared with the supervisor
    counters = SharedCounters(start.shared_counters)
    try:
        models = Models(
            [
                make_model(artifact, start.settings, start.threads, counters)
                for artifact in start.models.artifacts
            ],
            default=start.settings.default_model,
            traffic=start.models.traffic,
        )
        lifecycle = Lifecycle()
        app = create_app(models, start.settings, counters, lifecycle)
    except (ContractError, OSError) as error:
        _log.error("a worker cannot start: %s", error)
        sys.exit(STARTUP_FAILURE)
    server = WorkerServer(server_config(app, start.settings), start, models, lifecycle, counters)
    server.run(sockets=[start.listener])


def make_model(
    artifact: Artifact, settings: Settings, threads: int, counters: SharedCounters
) -> ServedModel:
    """Load an artifact; a `ContractError` if it cannot be loaded here."""
    return serve_classifier(Classifier(artifact.content, threads=threads), settings, counters)


def serve_classifier(
    classifier: Classifier, settings: Settings, counters: SharedCounters
) -> ServedModel:
    """Return a model with the settings' limits; on the event loop's thread only."""
    limits = Limits(
        max_queue_rows=settings.max_queue_rows,
        max_queue_ms=settings.max_queue_ms,
        max_batch_rows=settings.max_batch_rows,
    )
    return ServedModel(classifier, limits, counters)


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """Return uvicorn's configuration; the tests use it too."""
    return uvicorn.Config(
        app,
        http=HttpProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # `service.http.forwarded` reads them
        headers=list(SAFE_HEADERS),
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        timeout_keep_alive=settings.keep_alive_seconds,
        # Without it a single incomplete request keeps a stopping server alive forever.
        timeout_graceful_shutdown=settings.drain_seconds,
    )


class WorkerServer(uvicorn.Server):
    """uvicorn's server, which stops when the supervisor says so."""

    def __init__(
        self,
        config: uvicorn.Config,
        start: WorkerStart,
        models: Models,
        lifecycle: Lifecycle,
        counters: SharedCounters,
    ) -> None:
        super().__init__(config)
        self._start = start
        self._models = models
        self._lifecycle = lifecycle
        self._counters = counters
        self._control: asyncio.Task[None] | None = None
        self._acceptor: Acceptor | None = None
        self._grpc: GrpcServer | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve, then report to the supervisor."""
        start = self._start
        loop = asyncio.get_running_loop()
        control = WorkerControl(
            await Channel.open(start.channel),
            self._models,
            self._lifecycle,
            lambda content: Classifier(content, threads=start.threads),
            lambda classifier: serve_classifier(classifier, start.settings, self._counters),
        )
        control.refused = start.refused
        self._lifecycle.repository = control
        with contextlib.suppress(NotImplementedError):  # not on Windows
            loop.add_signal_handler(signal.SIGTERM, self._stop)
        if start.settings.workers > 1 and sys.platform == "linux":
            await super().startup([])
            self._acceptor = self._accept(start.listener)
            # uvicorn closes it when the worker stops, and waits for it; it calls nothing else.
            self.servers.append(cast(asyncio.Server, self._acceptor))
        else:
            await super().startup(sockets)
        if start.settings.grpc_port is not None and self.started:
            await self._start_grpc()
        self._control = loop.create_task(self._obey(control))

    def _accept(self, listener: socket.socket) -> Acceptor:
        """Accept connections, in turn with the other workers."""
        make_protocol = partial(
            HttpProtocol,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        connections = self.server_state.connections
        return Acceptor(listener, make_protocol, connections, self._counters, self.config.ssl)

    async def _accept_waiting(self) -> None:
        """Accept the connections that wait: the kernel would reset them.

        uvloop accepts one in an iteration of the event loop, so that many wait after a stall.
        """
        with self._start.listener.dup() as listener:
            acceptor = self._acceptor or self._accept(listener)
            acceptor.close()
            # libuv may have accepted one more, which uvloop opens in its next iteration; closing
            # the server before would reset it.
            await asyncio.sleep(HANDOVER_SECONDS)
            await acceptor.wait_open(GRACE_SECONDS)

    async def on_tick(self, counter: int) -> bool:
        """Do what is due every 0.1 seconds; return whether to stop."""
        if self._acceptor is not None:
            self._acceptor.publish()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish the pending requests of both ports, and those of connections that wait."""
        if sys.platform == "linux":
            await self._accept_waiting()
        if self._grpc is None:
            await super().shutdown(sockets)
            return
        stopping = asyncio.ensure_future(self._grpc.stop(self._start.settings.drain_seconds))
        await super().shutdown(sockets)
        await stopping

    async def _start_grpc(self) -> None:
        from service.grpc.server import GrpcServer  # needs the extra `grpc`

        context = self.lifespan.state[PROTOCOL_CONTEXT]
        self._grpc = GrpcServer(context, self._models, self._start.settings)
        await self._grpc.start()

    async def _obey(self, control: WorkerControl) -> None:
        try:
            await control.run()
        except Exception:
            _log.exception("a message of the supervisor could not be processed")
        finally:  # also if the supervisor has ended
            self._stop()

    def _stop(self) -> None:
        self._lifecycle.draining = True
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to the supervisor."""
        yield
