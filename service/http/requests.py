"""What the ledger holds: pages of requests, one of them, all as Parquet, and how it stands."""

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from service.errors import LedgerAwayError
from service.formats.documents import JSON, encode
from service.http.query_parameters import ONE, PAGED, UNPAGED
from service.http.recorded import brief, full, told
from service.http.recorded_table import MEDIA_TYPE, TableSender
from service.http.schemas.errors import ErrorResponse
from service.http.schemas.requests import LedgerStatus, RecordedRequest, RequestPage
from service.http.stored_rows import kept
from service.ledger.cursor import write_cursor
from service.ledger.entries import Gap
from service.ledger.filters import Filters, read_filters
from service.ledger.ledger import Ledger
from service.settings import Settings

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorResponse} for status in (400, 404, 429, 503)
}


def requests_router(ledger: Ledger | None, settings: Settings) -> APIRouter:
    """Return the routes; those that read are run in threads."""
    router = APIRouter(tags=["ledger"])
    tables = TableSender()

    @router.get("/requests", response_model=RequestPage, responses=_ERRORS, openapi_extra=PAGED)
    def request_list(request: Request) -> Response:
        """List what was recorded, filtered and sorted, a page at a time."""
        holder = kept(ledger)
        page = holder.reader.page(filters := read_filters(request.query_params.multi_items()))
        pending = [gap for gap in holder.pending_gaps if _overlaps(gap, filters)]
        return _json(
            {
                "requests": [brief(each) for each in page.rows],
                "gaps": [told(gap) for gap in (*reversed(pending), *page.gaps)],
                "next": None if page.more is None else write_cursor(page.more),
            }
        )

    # Before the path of one request, which would take any name.
    @router.get(
        "/requests.parquet",
        response_class=StreamingResponse,
        responses={**_ERRORS, 200: {"content": {MEDIA_TYPE: {}}}},
        openapi_extra=UNPAGED,
    )
    def request_table(request: Request) -> StreamingResponse:
        """Send all that a list would show, and the arrays, as a Parquet file."""
        filters = read_filters(request.query_params.multi_items(), paged=False)
        return tables.response(kept(ledger).reader.chunks(filters))

    @router.get(
        "/requests/{id:path}",
        response_model=RecordedRequest,
        responses=_ERRORS,
        openapi_extra=ONE,
    )
    def one_request(request: Request) -> Response:
        """Tell everything of the rows of one request that were recorded."""
        name = request.path_params["id"]
        rows = kept(ledger).reader.request(name)
        return _json({"id": name, "rows": [full(each) for each in rows]})

    @router.get("/ledger", response_model=LedgerStatus)
    def ledger_status() -> Response:
        """Tell whether records are written, and what was left out."""
        return _json({**_standing(ledger), **_settings(settings)})

    return router


def _standing(ledger: Ledger | None) -> dict[str, Any]:
    if ledger is None:
        numbers = dict.fromkeys(("written", "sampled_out", "lost", "waiting"), 0)
        return {"state": "off", "url": None, "trouble": None, **numbers, "gaps": []}
    standing = ledger.standing()
    tally = standing.tally
    return {
        "state": standing.state,
        "url": ledger.address.shown,
        "trouble": standing.trouble,
        "written": tally.written,
        "sampled_out": tally.sampled_out,
        "lost": tally.lost,
        "waiting": tally.waiting,
        "gaps": [told(gap) for gap in (*reversed(ledger.pending_gaps), *_gaps(ledger))],
    }


def _settings(settings: Settings) -> dict[str, Any]:
    return {
        "rate": settings.ledger_rate,
        "inputs": settings.ledger_inputs,
        "retention": {"days": settings.ledger_days, "rows": settings.ledger_rows},
    }


def _gaps(ledger: Ledger) -> list[Gap]:
    """Return what the database tells, if there is hope that it does."""
    if ledger.standing().state != "writing":
        return []
    try:
        return ledger.reader.gaps(Filters())
    except LedgerAwayError:
        return []


def _overlaps(gap: Gap, filters: Filters) -> bool:
    since, until = filters.since_us, filters.until_us
    return (since is None or gap.ended_us >= since) and (until is None or gap.began_us < until)


def _json(value: object) -> Response:
    return Response(encode(value), media_type=JSON)
