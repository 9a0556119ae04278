"""The ledger's endpoints: pages of requests, one request, Parquet, and the writer's status."""

from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from service.errors import LedgerUnavailableError
from service.formats.json_documents import JSON, encode
from service.http.callers import is_admin
from service.http.openapi import ErrorResponse
from service.http.parquet_response import PARQUET, ParquetResponse, ParquetSender
from service.http.query_parameters import each_once
from service.http.schemas.ledger import LedgerStatus, RecordedRequest, RequestPage
from service.inference.models import Models
from service.ledger.fields import FIELDS, ModelKey, RecordedRow, iso_time, model_key
from service.ledger.filters import Filters, PageFilters
from service.ledger.ledger import Ledger, require_ledger
from service.ledger.write_buffer import TOO_SLOW, Gap
from service.ledger.writer import LedgerCounts, WriterStatus
from service.settings import Settings

UNAVAILABLE = "the database is unavailable; the server's log has the reason"

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorResponse} for status in (400, 404, 429, 503)
}
_DETAIL = [(field, field.reader, field.path) for field in FIELDS if field.shown != "never"]
_LIST = [entry for entry in _DETAIL if entry[0].shown == "list"]


def requests_router(ledger: Ledger | None, settings: Settings, models: Models) -> APIRouter:
    """Return the routes; those that read the database run in threads."""
    router = APIRouter(tags=["ledger"])
    sender = ParquetSender()
    query = [Depends(each_once(PageFilters))]

    async def served_keys() -> frozenset[ModelKey]:
        return frozenset(model_key(model.metadata) for model in models)

    Served = Annotated[frozenset[ModelKey], Depends(served_keys)]  # noqa: N806 (a type)

    @router.get("/requests", response_model=RequestPage, responses=_ERRORS, dependencies=query)
    def list_requests(
        request: Request, filters: Annotated[PageFilters, Query()], served: Served
    ) -> Response:
        """List recorded rows, filtered and sorted, in pages."""
        detailed = is_admin(request.scope)
        required = require_ledger(ledger)
        page = required.reader.page(filters, served)
        pending = [gap for gap in required.writer.pending_gaps if _overlaps(gap, filters)]
        return _json(
            {
                "requests": [_row_json(recorded) for recorded in page.rows],
                "gaps": [_gap_json(gap, detailed) for gap in (*reversed(pending), *page.gaps)],
                "next": page.next,
            }
        )

    # Before the route of one request, whose path matches too.
    @router.get(
        "/requests.parquet",
        response_class=Response,
        responses={**_ERRORS, 200: {"content": {PARQUET: {}}}},
        dependencies=query,
    )
    def export_requests(filters: Annotated[Filters, Query()], served: Served) -> ParquetResponse:
        """Send all rows that match, with their arrays, as a Parquet file."""
        return sender.response(require_ledger(ledger).reader.chunks(filters, served))

    @router.get("/requests/{id:path}", response_model=RecordedRequest, responses=_ERRORS)
    def get_request(id: str) -> Response:
        """Return everything that is recorded of one request."""
        found = require_ledger(ledger).reader.request(id)
        rows = [_row_json(recorded, detail=True) for recorded in found.rows]
        return _json({"id": id, "rows": rows, "more": found.more})

    @router.get("/ledger", response_model=LedgerStatus)
    def ledger_status(request: Request) -> Response:
        """Return whether rows are written, and how many were sampled out or lost."""
        detailed = is_admin(request.scope)
        status = WriterStatus("off", None, LedgerCounts())
        gaps: list[Gap] = []
        input_bytes: int | None = None
        if ledger is not None:
            status = ledger.writer.status()
            gaps += reversed(ledger.writer.pending_gaps)
            if status.state == "writing":
                with suppress(LedgerUnavailableError):
                    gaps += ledger.reader.gaps()
                    input_bytes = ledger.reader.input_bytes()
        counts = status.counts._asdict()
        del counts["writing"]
        return _json(
            {
                "state": status.state,
                "database": ledger and ledger.database.kind,
                "url": ledger.database.redacted if ledger and detailed else None,
                "last_error": status.last_error if detailed else status.last_error and UNAVAILABLE,
                **counts,
                "gaps": [_gap_json(gap, detailed) for gap in gaps],
                "rate": settings.ledger_rate,
                "atypical": settings.ledger_atypical,
                "inputs": {
                    "stored": settings.ledger_inputs,
                    "bytes": input_bytes,
                    "max_bytes": settings.ledger_input_bytes,
                    "days": settings.ledger_input_days,
                },
                "retention": {"days": settings.ledger_days, "rows": settings.ledger_rows},
            }
        )

    return router


def _overlaps(gap: Gap, filters: Filters) -> bool:
    since, until = filters.since, filters.until
    return (since is None or gap.ended_us >= since) and (until is None or gap.began_us < until)


def _row_json(recorded: RecordedRow, *, detail: bool = False) -> dict[str, Any]:
    """Return the members of a row in a list, or in detail."""
    members: dict[str, Any] = {}
    for field, read, path in _DETAIL if detail else _LIST:
        value = read(recorded)
        if value is not None and field.kind.to_json is not None:
            value = field.kind.to_json(value, recorded)
        parent = members if len(path) == 1 else members.setdefault(path[0], {})
        parent[path[-1]] = value
    if members["typicality"]["combined"] is None:
        members["typicality"] = None
    return members


def _gap_json(gap: Gap, detailed: bool) -> dict[str, Any]:
    """Return a gap; a reason may name the database's file or host, so it is for admin only."""
    reason = gap.reason if detailed or gap.reason == TOO_SLOW else UNAVAILABLE
    began, ended = iso_time(gap.began_us), iso_time(gap.ended_us)
    return {"began": began, "ended": ended, "rows": gap.rows, "reason": reason}


def _json(value: object) -> Response:
    return Response(encode(value), media_type=JSON)
