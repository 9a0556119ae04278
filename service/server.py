"""One server process: uvicorn with limits, and a plain sentence when it cannot start."""

import logging
import signal
import socket
from types import FrameType

import uvicorn

from service.app import create_app
from service.classifier import Classifier
from service.settings import Settings, SettingsError

_log = logging.getLogger(__name__)


def run_server(classifier: Classifier, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests under way get `drain_seconds` to finish."""
    # uvicorn raises the signal again when it has drained, which would end the process as killed.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    config = uvicorn.Config(
        create_app(classifier, settings),
        host=settings.host,
        port=settings.port,
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        # Without it one half-sent request keeps a stopped server alive for ever.
        timeout_graceful_shutdown=settings.drain_seconds,
    )
    listener = _listen(settings)
    metadata = classifier.metadata
    host, port = listener.getsockname()[:2]
    _log.info(
        "serving %s version %s (%d labels, %d highway layers) on http://%s:%d",
        metadata.name,
        metadata.version,
        len(metadata.labels),
        len(metadata.layers),
        host,
        port,
    )
    uvicorn.Server(config).run(sockets=[listener])


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
