"""The name of a recorded row: the id in the path, and members of the request's body."""

from pydantic_core import PydanticCustomError

from service.errors import BodyError
from service.formats.json_documents import Members
from service.formats.parameters import read_count
from service.ledger.fields import RowName
from service.ledger.filters import read_time

ROW, TIME = ROW_MEMBERS = "row", "time"


def read_row_name(request_id: str, members: Members) -> RowName:
    """Read the row's index, by default 0, and its time; malformed ones are a `BodyError`."""
    return RowName(request_id, read_count(members, ROW, least=0) or 0, _read_time(members))


def _read_time(members: Members) -> int | None:
    """Return the time of the recorded row in µs since 1970, None for the first row of the id."""
    value = members.get(TIME)
    if value is None:
        return None
    try:
        time_us = read_time(value)
    except PydanticCustomError:
        time_us = None
    if not isinstance(value, str) or not isinstance(time_us, int):
        raise BodyError(f"parameter '{TIME}': expected the `time` of a recorded row")
    return time_us
