"""The start of the server: its socket, its models, and its supervisor."""

import asyncio
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from service.classifier import read_metadata
from service.contract import Metadata
from service.database_url import read_database_url
from service.grpc.extra import check_installed
from service.http.access import create_access
from service.http.hosts import is_loopback
from service.http.otlp import check_exports
from service.logs import configure_logs
from service.processors import batch_threads, usable_processors
from service.server.listener import address_of, listen, reserve
from service.server.model_store import ModelStore
from service.server.repository import Repository
from service.server.supervisor import Supervisor
from service.settings import Settings, SettingsError
from service.tls import check_certificate
from service.trial import try_artifact_on_loop

# Writable even if every disk is read-only.
MEMORY_FOLDER = "/dev/shm"  # nosec B108

_log = logging.getLogger(__name__)


def run_server(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; pending requests then have `drain_seconds` to finish."""
    configure_logs(settings)
    _allow_many_files()
    check_certificate(settings)
    if settings.grpc_port is not None:
        check_installed()
    check_exports(settings)
    create_access(settings)  # to report an invalid file of API keys before a port is opened
    with _counters_folder() as folder:
        code = asyncio.run(_serve(settings, folder))
    raise SystemExit(code)


async def _serve(settings: Settings, shared_counters: Path) -> int:
    async def try_model(content: bytes) -> Metadata:
        seconds, memory_bytes = settings.model_load_seconds, settings.model_load_bytes
        await try_artifact_on_loop(content, seconds=seconds, memory_bytes=memory_bytes)
        return read_metadata(content)

    repository = Repository(settings.model, settings.public_key)
    store = ModelStore(repository, try_model, default=settings.default_model)
    await store.open()
    threads = settings.threads or batch_threads(usable_processors(), settings.workers)
    listener = listen(settings.host, settings.port)
    reserved = None
    if settings.grpc_port is not None:
        reserved = reserve(settings.host, settings.grpc_port, "HIGHWAY_GRPC_PORT")
        settings = settings.model_copy(update={"grpc_port": reserved.getsockname()[1]})
    health = settings.health_port
    supervisor = Supervisor(
        settings,
        store,
        listener,
        threads=threads,
        shared_counters=shared_counters,
        health=None if health is None else listen(settings.host, health, "HIGHWAY_HEALTH_PORT"),
    )
    with reserved or nullcontext():
        return await supervisor.run(lambda: _log_start(store, settings, threads, listener))


def _allow_many_files() -> None:
    """Raise the limit of open files, so that all connections of the settings can be open."""
    with suppress(ImportError, OSError, ValueError):  # on Windows and macOS
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def _counters_folder() -> Iterator[Path]:
    folder = MEMORY_FOLDER if os.access(MEMORY_FOLDER, os.W_OK) else None
    try:
        temporary = TemporaryDirectory(prefix="highway-", dir=folder)
    except OSError as error:
        raise SettingsError(
            "TMPDIR: expected a writable folder for the counters that the workers share, found "
            "none; set the variable"
        ) from error
    with temporary as path:
        yield Path(path)


def _log_start(
    store: ModelStore, settings: Settings, threads: int, listener: socket.socket
) -> None:
    _log.info(
        "serving %s on %s (processors: %g, workers: %d, threads for long batches: %d)",
        store.models,
        address_of(listener, settings),
        usable_processors(),
        settings.workers,
        threads,
    )
    ledger = read_database_url(settings.ledger_url)
    keeps_inputs = ledger is not None and settings.ledger_inputs != "none"
    if ledger is not None and keeps_inputs:
        _log.info(
            "the ledger keeps the inputs of %s rows in %s; HIGHWAY_LEDGER_INPUTS=none turns this "
            "off",
            *(settings.ledger_inputs, ledger.redacted),
        )
    if settings.grpc_port is not None:
        _log.info("serving gRPC on port %d", settings.grpc_port)
    if settings.api_keys is None and not settings.open and not is_loopback(settings.host):
        _log.warning(
            "NO API KEYS ARE SET: whoever can reach %s can send predictions, and read statistics, "
            "metrics, drift and the ledger%s; set HIGHWAY_API_KEYS, or HIGHWAY_OPEN=1 if this is "
            "intended",
            settings.host,
            " with its stored inputs" if keeps_inputs else "",
        )
