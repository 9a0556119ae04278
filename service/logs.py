"""Where log lines go and how they look."""

import logging
import sys

from service.settings import Settings

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
FIELDS = "%(asctime)s %(levelname)s %(name)s %(message)s"  # of a line in JSON, beside its own


def configure_logs(settings: Settings) -> None:
    """Write log lines to stderr, as text or, one object a line, as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    if settings.log_format == "json":
        from pythonjsonlogger.json import JsonFormatter  # only for who asks for it

        handler.setFormatter(JsonFormatter(FIELDS))
    else:
        handler.setFormatter(logging.Formatter(TEXT))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler])
