"""One log line for some requests and for every failure of ours; never a word of a body."""

import logging
import random

from service.http.records import Record

_log = logging.getLogger("service.access")

OURS = 500  # statuses from here on are our fault and always logged


class AccessLog:
    """Writes a sample of the reception, each field for itself where the format is JSON."""

    def __init__(self, share: float) -> None:
        """Write this share of the requests, from 0 (none) to 1 (all)."""
        self._share = share

    def wants(self, status: int, rows: int) -> bool:
        """Choose the failures, and by chance others."""
        return status >= OURS or random.random() < self._share

    def record(self, record: Record) -> None:
        """Write one line."""
        metadata = record.door.model.metadata
        milliseconds = (record.ended_ns - record.arrived_ns) * 1e-6
        fields: dict[str, object] = {
            "request_id": record.request_id,
            "model": metadata.name,
            "version": metadata.version,
            "status": record.status,
            "rows": record.rows,
            "total_ms": round(milliseconds, 3),
        }
        if record.timing is not None:
            for phase in ("decode", "queue", "model", "encode"):
                fields[f"{phase}_ms"] = round(getattr(record.timing, phase) * 1e-6, 3)
            fields["batch_rows"] = record.timing.batch_rows
        _log.info(
            "%s: status %d, %d rows of %s in %.3f ms",
            record.request_id,
            record.status,
            record.rows,
            metadata.name,
            milliseconds,
            extra=fields,
        )
