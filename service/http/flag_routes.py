"""Flags: tags that a client adds to a recorded row later, and removes."""

import asyncio
import re
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from starlette.concurrency import run_in_threadpool

from service.errors import BodyError, UnknownRequestError
from service.formats.json_documents import JSON, encode, kind_of, parse_object
from service.http.body_limit import OptionalJsonBody
from service.http.openapi import error_responses, request_body
from service.http.query_parameters import each_once
from service.http.recorded_rows import ROW_MEMBERS, read_row_name
from service.http.schemas.ledger import FlaggedRow, FlagName, FlagRequest
from service.ledger.fields import RowName, iso_time
from service.ledger.ledger import Ledger, require_ledger
from service.ledger.tags import TAG_PATTERN

TAG, FLAGGED = "tag", "flagged"
WRITTEN_SECONDS = 1.0  # after its response, a row is in the database

RequestId = Annotated[str, Path(alias="id")]


def flag_router(ledger: Ledger | None) -> APIRouter:
    """Return the routes; they write in threads, beside the ledger's own writer."""
    router = APIRouter(tags=["ledger"])
    answer: dict[str, Any] = {"response_model": FlaggedRow}

    async def changed(change: Callable[..., Any], name: RowName, tag: str) -> Response:
        try:
            row = await run_in_threadpool(change, name, tag)
        except UnknownRequestError:  # it may not be written yet
            await asyncio.sleep(WRITTEN_SECONDS)
            row = await run_in_threadpool(change, name, tag)
        document = {"id": name.request_id, "row": name.row, "time": iso_time(row.time_us)}
        return Response(encode({**document, "tags": row.tags}), media_type=JSON)

    @router.post(
        "/requests/{id:path}/flag",
        responses=error_responses(400, 404, 413, 415, 503),
        openapi_extra=request_body(FlagRequest, required=False),
        **answer,
    )
    async def flag(request_id: RequestId, body: OptionalJsonBody) -> Response:
        """Add a tag to a recorded row, by default `flagged`; return its tags."""
        flags = require_ledger(ledger).flags
        members = parse_object(body, TAG, *ROW_MEMBERS)
        name, tag = read_row_name(request_id, members), _read_tag(members.get(TAG))
        return await changed(flags.add, name, tag)

    @router.delete(
        "/requests/{id:path}/flag",
        responses=error_responses(400, 404, 503),
        dependencies=[Depends(each_once(FlagName))],
        **answer,
    )
    async def remove_flag(request_id: RequestId, query: Annotated[FlagName, Query()]) -> Response:
        """Remove a tag from a recorded row, by default `flagged`; return its tags."""
        flags = require_ledger(ledger).flags
        return await changed(flags.remove, RowName(request_id, query.row, query.time), query.tag)

    return router


def _read_tag(value: object) -> str:
    if value is None:
        return FLAGGED
    if not isinstance(value, str) or not re.fullmatch(TAG_PATTERN, value):
        found = "another" if isinstance(value, str) else kind_of(value)
        raise BodyError(
            "parameter 'tag': expected a string of 1 to 64 letters, digits or . _ : = / @ -, found "
            f"{found}"
        )
    return value
