"""uvicorn with limits, in one process or several, and a plain sentence when it cannot start."""

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
from service.http.fast_protocol import FastProtocol
from service.inference.counters import Board
from service.inference.models import Limits, Models, ServedModel
from service.inference.processors import inference_threads, usable_processors
from service.logs import configure_logs
from service.settings import Settings, SettingsError

_log = logging.getLogger(__name__)


def run_server(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests under way get `drain_seconds` to finish."""
    # uvicorn raises the signal again when it has drained, which would end the process as killed.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    configure_logs(settings)
    threads = settings.threads or inference_threads(usable_processors(), settings.workers)
    classifier = load(settings, threads)
    listener = _listen(settings)
    _announce(classifier, settings, threads, listener)
    if settings.workers == 1:
        app = _application(classifier, settings, Board())
        uvicorn.Server(_config(app, settings)).run(sockets=[listener])
        return
    del classifier  # it was to be seen that it loads; each worker loads its own
    with _board_folder() as folder:
        worker = Worker(settings=settings, threads=threads, board=Path(folder))
        supervisor = Multiprocess(_config(worker, settings), [listener])
        supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise SystemExit(1)  # the worker has said why


@dataclass(frozen=True, kw_only=True)
class Worker:
    """Makes the application in a process of its own; goes there by pickle."""

    settings: Settings
    threads: int
    board: Path

    def __call__(self) -> FastAPI:
        """Load the model and make the application."""
        configure_logs(self.settings)
        Thread(target=_end_with_parent, daemon=True).start()
        try:
            classifier = load(self.settings, self.threads)
            return _application(classifier, self.settings, Board(self.board))
        except (ContractError, OSError) as error:
            # Its code tells uvicorn that another one would fail as well.
            _log.error("a worker cannot start: %s", error)
            raise SystemExit(STARTUP_FAILURE) from error


def _end_with_parent() -> None:
    """Stop when the process that watches over the workers is gone, however it ended."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def load(settings: Settings, threads: int) -> Classifier:
    """Load the model that the settings name."""
    return Classifier.load(settings.model, public_key=settings.public_key, threads=threads)


def _board_folder() -> TemporaryDirectory[str]:
    try:
        return TemporaryDirectory(prefix="highway-")
    except OSError as error:
        raise SettingsError(
            "TMPDIR: expected a folder in which several workers can count together, found none "
            "that can be written to; set the variable, or use one worker"
        ) from error


def _application(classifier: Classifier, settings: Settings, board: Board) -> FastAPI:
    limits = Limits(queue_rows=settings.queue_rows, run_rows=settings.run_rows)
    return create_app(Models([ServedModel(classifier, limits, board)]), settings, board)


def _config(app: FastAPI | Worker, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=isinstance(app, Worker),
        workers=settings.workers,
        http=FastProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        # Without it one half-sent request keeps a stopped server alive for ever.
        timeout_graceful_shutdown=settings.drain_seconds,
    )


def _announce(
    classifier: Classifier, settings: Settings, threads: int, listener: socket.socket
) -> None:
    metadata = classifier.metadata
    host, port = listener.getsockname()[:2]
    _log.info(
        "serving %s version %s (%d labels, %d highway layers) on http://%s:%d "
        "(processors: %g, workers: %d, threads for a run: %d)",
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


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _listen(settings: Settings) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        return socket.create_server((settings.host, settings.port), family=family, backlog=512)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]  # the address behind it is told already
        raise SettingsError(
            f"{settings.host}:{settings.port}: expected an address to listen on, found: {reason}; "
            "choose another --host or --port"
        ) from error
