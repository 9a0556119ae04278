"""The server: uvicorn in one process or several, its configuration, and start-up errors."""

import logging
import os
import signal
import socket
from dataclasses import dataclass
from multiprocessing import parent_process
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from types import FrameType

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess

from service.app import create_app
from service.classifier import Classifier
from service.contract import ContractError
from service.http.protocol import HttpProtocol
from service.inference.models import Limits, Models, ServedModel
from service.inference.processors import inference_threads, usable_processors
from service.logs import configure_logs
from service.settings import Settings, SettingsError
from service.shared_counters import SharedCounters

_log = logging.getLogger(__name__)


def run_server(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; pending requests then have `drain_seconds` to finish."""
    # uvicorn raises the signal again after draining, which would end the process as killed.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)
    configure_logs(settings)
    threads = settings.threads or inference_threads(usable_processors(), settings.workers)
    classifier = Classifier.load(settings.model, public_key=settings.public_key, threads=threads)
    listener = _listen(settings)
    _log_start(classifier, settings, threads, listener)
    if settings.workers == 1:
        app = _application(classifier, settings, SharedCounters())
        uvicorn.Server(server_config(app, settings)).run(sockets=[listener])
        return
    del classifier  # loaded only to validate it; each worker loads its own
    with _counters_folder() as folder:
        worker = Worker(settings=settings, threads=threads, shared_counters=Path(folder))
        supervisor = Multiprocess(server_config(worker, settings), [listener])
        supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise SystemExit(1)  # the worker has logged the reason


@dataclass(frozen=True, kw_only=True)
class Worker:
    """Picklable factory of the application in a worker process."""

    settings: Settings
    threads: int
    shared_counters: Path

    def __call__(self) -> FastAPI:
        """Load the model and create the application."""
        settings = self.settings
        configure_logs(settings)
        Thread(target=_exit_with_parent, daemon=True).start()
        try:
            classifier = Classifier.load(
                settings.model, public_key=settings.public_key, threads=self.threads
            )
            return _application(classifier, settings, SharedCounters(self.shared_counters))
        except (ContractError, OSError) as error:
            # This exit code stops uvicorn from starting another worker, which would fail as well.
            _log.error("a worker cannot start: %s", error)
            raise SystemExit(STARTUP_FAILURE) from error


def _exit_with_parent() -> None:
    """Stop this worker when the supervising process has ended for any reason."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def server_config(app: FastAPI | Worker, settings: Settings) -> uvicorn.Config:
    """Return uvicorn's configuration; the tests use it too."""
    return uvicorn.Config(
        app,
        factory=isinstance(app, Worker),
        workers=settings.workers,
        http=HttpProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        # Without it a single incomplete request keeps a stopping server alive forever.
        timeout_graceful_shutdown=settings.drain_seconds,
    )


def _counters_folder() -> TemporaryDirectory[str]:
    try:
        return TemporaryDirectory(prefix="highway-")
    except OSError as error:
        raise SettingsError(
            "TMPDIR: no writable folder for the counters that several workers share; set the "
            "variable, or use one worker"
        ) from error


def _application(
    classifier: Classifier, settings: Settings, shared_counters: SharedCounters
) -> FastAPI:
    limits = Limits(max_queue_rows=settings.max_queue_rows, max_batch_rows=settings.max_batch_rows)
    return create_app(
        Models([ServedModel(classifier, limits, shared_counters)]), settings, shared_counters
    )


def _log_start(
    classifier: Classifier, settings: Settings, threads: int, listener: socket.socket
) -> None:
    metadata = classifier.metadata
    host, port = listener.getsockname()[:2]
    _log.info(
        "serving %s version %s (%d labels, %d highway layers) on http://%s:%d "
        "(processors: %g, workers: %d, inference threads: %d)",
        metadata.name,
        metadata.version,
        len(metadata.labels),
        len(metadata.layers),
        f"[{host}]" if ":" in host else host,
        port,
        usable_processors(),
        settings.workers,
        threads,
    )


def _exit(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _listen(settings: Settings) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        return socket.create_server((settings.host, settings.port), family=family, backlog=512)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]  # without the address, given below
        raise SettingsError(
            f"cannot listen on {settings.host}:{settings.port}: {reason}; choose another --host or "
            "--port"
        ) from error
