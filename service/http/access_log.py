"""Access log: one line for a sample of requests and for every server error; never a body."""

import logging
import random

from service.contract import Metadata
from service.inference.queue import PendingRequest
from service.observers import PHASES, SERVER_ERROR, RequestEvent

_log = logging.getLogger("service.access")


class AccessLog:
    """Observer that logs a sample of requests; in JSON each value is a field of its own."""

    def __init__(self, share: float) -> None:
        """Log this share of the requests, from 0 (none) to 1 (all)."""
        self._share = share

    def wants(self, status: int, model: Metadata, pending: PendingRequest | None) -> bool:
        """Select every server error, and other requests at random."""
        return status >= SERVER_ERROR or random.random() < self._share

    def observe(self, event: RequestEvent) -> None:
        """Log one line."""
        metadata = event.model
        milliseconds = (event.ended_ns - event.arrived_ns) * 1e-6
        fields: dict[str, object] = {
            "request_id": event.request_id,
            "client": event.client,
            "model": metadata.name,
            "version": metadata.version,
            "status": event.status,
            "rows": event.rows,
            "total_ms": round(milliseconds, 3),
        }
        if event.timing is not None:
            for phase in PHASES:
                fields[f"{phase}_ms"] = round(getattr(event.timing, phase) * 1e-6, 3)
            fields["batch_rows"] = event.timing.batch_rows
        _log.info(
            "%s: status %d, %d rows of %s in %.3f ms",
            event.request_id,
            event.status,
            event.rows,
            metadata.name,
            milliseconds,
            extra=fields,
        )
