"""Request and response bodies of the ledger's endpoints."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from service.http.schemas.inference import Scales, Typicality
from service.ledger.fields import FIELDS
from service.ledger.filters import Time
from service.ledger.tags import TAG_PATTERN


def _members(shown: str, *group: str) -> dict[str, Any]:
    """Return pydantic's definitions of the fields whose JSON members are in this object."""
    return {
        field.path[-1]: (
            field.kind.json | None if field.nullable else field.kind.json,
            Field(description=field.description),
        )
        for field in FIELDS
        if field.shown == shown and field.path[:-1] == group
    }


RecordedTiming = create_model(
    "RecordedTiming",
    __doc__="Milliseconds of each phase, and the size of the batch.",
    **_members("detail", "timing_ms"),
)
RecordedRow = create_model(
    "RecordedRow",
    __doc__="One row of an answered request.",
    **_members("list"),
    typicality=(Typicality | None, ...),
)
RecordedDetail = create_model(
    "RecordedDetail",
    __base__=RecordedRow,
    __doc__="Everything that is recorded of a row; arrays by label or layer name.",
    **_members("detail"),
    timing_ms=(RecordedTiming, ...),
)


_TIME = "`time` of the recorded row, if several requests have the id; by default the first one."


class RerunPredictRequest(BaseModel):
    """The row of the request to compute again, and its gate scale."""

    row: int | None = Field(0, ge=0)
    time: str | None = Field(None, description=_TIME)
    gate_scale: dict[str, float] | list[float] | None = Field(
        None, description="Factor of each layer, in order or by layer name; by default 1."
    )


class RerunWhatIfRequest(BaseModel):
    """The row of the request, and the gate scales to compute it with."""

    row: int | None = Field(0, ge=0)
    time: str | None = Field(None, description=_TIME)
    gate_scale: Scales = None


class RerunExplainRequest(BaseModel):
    """The row of the request to explain."""

    row: int | None = Field(0, ge=0)
    time: str | None = Field(None, description=_TIME)
    gate_units: bool | None = Field(False, description="Include the gates of each unit.")
    inputs: bool | None = Field(False, description="Include the effects of columns or patches.")


class FlagRequest(BaseModel):
    """The tag to add, and the row of the request."""

    row: int | None = Field(0, ge=0)
    time: str | None = Field(None, description=_TIME)
    tag: str | None = Field("flagged", pattern=TAG_PATTERN)


class FlagName(BaseModel):
    """Query parameters: the tag to remove, and the row of the request; `time` in µs since 1970."""

    model_config = ConfigDict(extra="forbid")

    row: int = Field(0, ge=0, lt=2**53)
    time: Time | None = Field(None, description=_TIME)
    tag: str = Field("flagged", pattern=TAG_PATTERN)


class FlaggedRow(BaseModel):
    """A recorded row and all its tags, in order."""

    id: str
    row: int
    time: str
    tags: list[str]


class Gap(BaseModel):
    """Answered rows that could not be written."""

    began: str
    ended: str
    rows: int
    reason: str


class RequestPage(BaseModel):
    """Rows in the requested order."""

    requests: list[RecordedRow]
    gaps: list[Gap] = Field(description="Gaps in the requested time, newest first, at most 100.")
    next: str | None = Field(
        description="Cursor of the next page; this page may be short or empty."
    )


class RecordedRequest(BaseModel):
    """The first recorded rows of a request id, oldest first, at most 1000."""

    id: str
    rows: list[RecordedDetail]
    more: bool = Field(description="Whether the id has more rows; `GET /requests?id=` lists all.")


class StoredInputs(BaseModel):
    """Whose inputs are stored, their size after compression, and its limits."""

    stored: str = Field(description="`atypical`, `all` or `none`.")
    bytes: int | None = Field(description="Null while the database is unavailable.")
    max_bytes: int
    days: float


class Retention(BaseModel):
    """Maximum age, and approximate maximum number of rows."""

    days: float
    rows: int


class LedgerStatus(BaseModel):
    """State of this process's writer, and row counts of all processes of the server."""

    state: str = Field(description="`off`, `starting`, `writing` or `unavailable`.")
    database: str | None = Field(description="`sqlite`, `postgresql`, or null if it is off.")
    url: str | None = Field(description="Database, without its password; only for admin.")
    last_error: str | None = Field(
        description="Why the database is unavailable; in detail only for admin."
    )
    written: int = Field(description="Rows in the database.")
    sampled_out: int = Field(description="Rows not written, counted in the sample's weights.")
    lost: int = Field(description="Rows in a gap.")
    waiting: int = Field(description="Rows that are buffered.")
    rate: float = Field(description="Rows recorded per second; beyond it, a random sample.")
    atypical: float = Field(description="Combined p-value up to which a row is atypical.")
    inputs: StoredInputs
    retention: Retention
    gaps: list[Gap] = Field(description="Newest first, including those not yet in the database.")
