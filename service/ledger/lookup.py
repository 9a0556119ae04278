"""Finds one recorded row by the id of its request, its index and its time."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select

from service.errors import UnknownRequestError
from service.ledger.fields import RowName
from service.ledger.tables import requests

_UNKNOWN_ID = (
    "id: the ledger has no such request; it may be expired, omitted by sampling, or not written yet"
)
_UNKNOWN_ROW = "row: the ledger has no such row of this request"


def select_row(name: RowName, *columns: Any) -> Select[Any]:
    """Select these columns of a row, which may not exist."""
    same = has_id(name.request_id) & (requests.c.row == name.row)
    if name.time_us is not None:
        same &= requests.c.time == name.time_us
    first = select(*columns).where(same).order_by(requests.c.time, requests.c.sequence)
    return first.limit(1)


def unknown_row(connection: Connection, name: RowName) -> UnknownRequestError:
    """Return the error of a row that is not recorded."""
    known = select(requests.c.sequence).where(has_id(name.request_id)).limit(1)
    is_known = connection.scalar(known) is not None
    return UnknownRequestError(_UNKNOWN_ROW) if is_known else unknown_id()


def unknown_id() -> UnknownRequestError:
    """Return the error of an id that is not recorded."""
    return UnknownRequestError(_UNKNOWN_ID)


def has_id(request_id: str) -> ColumnElement[bool]:
    """Return the condition of the rows of an id."""
    if "\0" in request_id:  # PostgreSQL refuses it
        raise unknown_id()
    return requests.c.id == request_id
