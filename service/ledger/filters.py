"""Filters, order and paging of requests: the query parameters of `GET /requests`."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from service.ledger.fields import EPOCH
from service.ledger.tags import TAG_PATTERN

MAX_PAGE_ROWS = 1000
MAX_CURSOR_LENGTH = 200
ALL_MODELS = "*"

Sort = Literal["-time", "time", "typicality", "-typicality"]
Integer = Annotated[int, Field(gt=-(2**63), lt=2**63)]  # of a database


class Position(NamedTuple):
    """A row's position in an order: the `key` that it is sorted by, then its number."""

    sort: Sort
    key: Integer | Annotated[float, Field(ge=0, le=1)]  # µs or a p-value
    sequence: Integer


_position = TypeAdapter(Position)


def write_cursor(position: Position) -> str:
    """Encode a position."""
    return urlsafe_b64encode(_position.dump_json(position)).decode().rstrip("=")


def read_cursor(cursor: str) -> Position:
    """Decode a position; raise `ValueError` for anything that `write_cursor` has not written."""
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return _position.validate_json(text, strict=True)
    except ValueError:  # from base64 or pydantic
        raise PydanticCustomError("cursor", "expected the `next` of an earlier page") from None


def _check_cursor(cursor: str) -> str:
    read_cursor(cursor)
    return cursor


def read_time(value: object) -> object:
    """Convert a time in ISO 8601 to µs since 1970; return values that are no string unchanged."""
    if not isinstance(value, str):
        return value
    try:
        time = datetime.fromisoformat(value)
        aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
        return (aware - EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise PydanticCustomError(
            "time", "expected a time such as 2026-01-31T12:00:00Z; a + must be written as %2B"
        ) from None


Time = Annotated[
    int, BeforeValidator(read_time), WithJsonSchema({"type": "string", "format": "date-time"})
]
Cursor = Annotated[str, Field(max_length=MAX_CURSOR_LENGTH), AfterValidator(_check_cursor)]
Name = Annotated[str, Field(min_length=1)]


class Filters(BaseModel):
    """Conditions that rows must meet, and their order; None: not filtered.

    `since` and `until` are µs since 1970.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: Time | None = Field(None, description="Earliest time, included.")
    until: Time | None = Field(None, description="Latest time, excluded.")
    label: Name | None = Field(None, description="Predicted label.")
    model: Name | None = Field(
        None,
        description="Name of the model, whether it is served or not; `*` for all. Without a model, "
        "a version and an id, the rows of the models that are served now.",
    )
    version: Name | None = Field(None, description="Version of the model.")
    tag: str | None = Field(None, pattern=TAG_PATTERN, description="One of the request's X-Tags.")
    id: str | None = Field(None, pattern="^[!-~]{1,128}$", description="Request id.")
    typicality_below: float | None = Field(
        None, gt=0, le=1, description="Upper bound of the combined p-value, excluded."
    )
    sort: Sort = Field("-time", description="`-` sorts in descending order.")

    @model_validator(mode="after")
    def _check_interval(self) -> Self:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise PydanticCustomError("interval", "until: expected a time after since")
        return self

    @property
    def served_only(self) -> bool:
        """Whether only rows of served models match: no model, version or request is named."""
        return self.model is None and self.version is None and self.id is None

    @property
    def descending(self) -> bool:
        """Whether the largest values come first."""
        return self.sort.startswith("-")

    @property
    def by_time(self) -> bool:
        """Whether rows are sorted by time instead of typicality."""
        return self.sort.endswith("time")


class PageFilters(Filters):
    """Filters, and which page of the rows."""

    limit: int = Field(50, ge=1, le=MAX_PAGE_ROWS, description="Maximum number of rows.")
    cursor: Cursor | None = Field(None, description="The `next` of the previous page.")

    @model_validator(mode="after")
    def _check_sort(self) -> Self:
        if self.after is not None and self.after.sort != self.sort:
            raise PydanticCustomError("sort", "cursor: expected the `next` of a page of this sort")
        return self

    @property
    def after(self) -> Position | None:
        """Position of the last row of the previous page."""
        return None if self.cursor is None else read_cursor(self.cursor)
