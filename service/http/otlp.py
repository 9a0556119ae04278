"""OpenTelemetry's export by OTLP/HTTP: its settings, its resource, and its log; needs `otel`.

The collector may be absent, slow or in error. Exports happen in threads of their own, and what they
log is limited, so that requests and the log do not depend on it.
"""

import logging
import os
import socket
import sys
from collections.abc import Callable
from importlib.util import find_spec
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING

from service import __version__
from service.settings import Settings, SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

SERVICE = "highway-networks"
LOG_SECONDS = 60.0  # between two messages of the exporters
FLUSH_SECONDS = 1.0  # for which a stopping worker waits for its last exports
LIBRARY = "opentelemetry"
# OpenTelemetry's warnings of this module quote a malformed header, with the secret in it.
HEADER_LOGGER = "opentelemetry.util.re"
HEADER_MESSAGE = (
    "a malformed header is not sent to the collector: OTEL_EXPORTER_OTLP_HEADERS, or the variable "
    "for one signal, must be a list such as NAME=VALUE,NAME=VALUE with URL-encoded values"
)

_log = logging.getLogger(__name__)


def check_exports(settings: Settings) -> None:
    """Raise `SettingsError` if an export is enabled and cannot start."""
    wanted = {"HIGHWAY_TRACES": settings.traces, "HIGHWAY_OTLP_METRICS": settings.otlp_metrics}
    for variable in (name for name, is_wanted in wanted.items() if is_wanted):
        if not _is_installed():
            raise SettingsError(
                f"{variable}: OpenTelemetry is not installed; install the extra 'otel' or unset "
                "the variable"
            )
    # Windows has no `flock`.
    if settings.otlp_metrics and sys.platform == "win32" and settings.workers > 1:
        raise SettingsError(
            "HIGHWAY_OTLP_METRICS: expected one worker on Windows, found more; set "
            "HIGHWAY_WORKERS=1, or scrape /metrics"
        )


def _is_installed() -> bool:
    try:
        return find_spec(f"{LIBRARY}.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:  # of a package above it
        return False


def resource() -> "Resource":
    """Return the attributes of this server; those of the `OTEL_…` variables take precedence.

    All workers of a server are one instance, since each export is of all of them.
    """
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    own = {
        "service.name": SERVICE,
        "service.version": __version__,
        "service.instance.id": f"{socket.gethostname()}:{os.getppid()}",
    }
    return Resource.create(own).merge(OTELResourceDetector().detect())


def limit_messages() -> None:
    """Let OpenTelemetry log one line a minute, without tracebacks."""
    logger = logging.getLogger(LIBRARY)
    if not any(isinstance(handler, LimitedHandler) for handler in logger.handlers):
        logger.addHandler(LimitedHandler())
        logger.propagate = False


def run_briefly(*works: Callable[[], object]) -> None:
    """Run each work in a thread of its own, and wait for all for at most `FLUSH_SECONDS`."""
    threads = [Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    limit = monotonic() + FLUSH_SECONDS
    for thread in threads:
        thread.join(max(0.0, limit - monotonic()))


class LimitedHandler(logging.Handler):
    """Passes a message to this module's log, and then no other for `LOG_SECONDS`."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._next = 0.0
        self._omitted = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Log or count a message; `logging` holds this handler's lock."""
        now = monotonic()
        if now < self._next:
            self._omitted += 1
            return
        omitted, self._omitted, self._next = self._omitted, 0, now + LOG_SECONDS
        message = HEADER_MESSAGE if record.name == HEADER_LOGGER else record.getMessage()
        _log.warning("%s (%d messages omitted before)", message, omitted)
