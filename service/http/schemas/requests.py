"""What the ledger tells of requests, and of itself."""

from pydantic import BaseModel, Field


class Unusual(BaseModel):
    """p-values: the share of usual rows that look less usual than this one."""

    gates: float
    confidence: float
    both: float


class RecordedRow(BaseModel):
    """One row of an answered request."""

    id: str = Field(description="of the request, as X-Request-Id told it")
    row: int = Field(description="its place among the request's rows, from 0")
    rows: int = Field(description="how many the request had")
    time: str = Field(description="of the answer, UTC")
    door: str = Field(description="predict or infer")
    model_name: str
    model_version: str
    label: str
    probability: float
    unusual: Unusual | None
    tags: list[str]
    weight: float = Field(description="how many rows this one stands for; 1 if all were recorded")


class AskAgain(BaseModel):
    """Which row of the request to ask about again, with what becoming of its gates."""

    row: int = Field(0, ge=0)
    gate_scale: dict[str, float] | list[float] | None = Field(
        None, description="for each layer, or by layer name; unless given, gates are left alone"
    )


class ExplainAgain(BaseModel):
    """Which row of the request to explain."""

    row: int = Field(0, ge=0)
    gate_units: bool = Field(False, description="tell the gates unit by unit")


class Gap(BaseModel):
    """Rows that were answered while the database took none."""

    began: str
    ended: str
    rows: int
    reason: str


class RequestPage(BaseModel):
    """Rows in the order asked for."""

    requests: list[RecordedRow]
    gaps: list[Gap] = Field(description="of the time asked for, the newest first, at most 100")
    next: str | None = Field(
        description="the cursor of the next page; a page may be short, or bare"
    )


class TimingMs(BaseModel):
    """Milliseconds of each phase, and how many rows ran together."""

    decode: float
    queue: float
    model: float
    encode: float
    total: float
    batch_rows: int


class RecordedDetail(RecordedRow):
    """Everything that is recorded of a row; layers by their names."""

    probabilities: dict[str, float]
    gate_mean: dict[str, float]
    gate_scale: dict[str, float] | None = Field(description="of a what-if question")
    timing_ms: TimingMs
    input_stored: bool


class RecordedRequest(BaseModel):
    """The recorded rows of an id, at most the newest 1000, oldest first."""

    id: str
    rows: list[RecordedDetail]


class Retention(BaseModel):
    """How long, and about how many rows."""

    days: float
    rows: int


class LedgerStatus(BaseModel):
    """How the ledger stands; numbers of rows are those of all the server's processes."""

    state: str = Field(description="off, starting, writing or away; of the process that answers")
    url: str | None = Field(description="without its password")
    trouble: str | None = Field(description="why it is away")
    written: int = Field(description="rows that are in the database")
    sampled_out: int = Field(description="rows that others, in the database, stand for")
    lost: int = Field(description="rows that are in a gap")
    waiting: int = Field(description="rows that are on their way")
    rate: float = Field(description="rows a second that are recorded, beyond it a sample")
    inputs: bool = Field(description="whether inputs are stored")
    retention: Retention
    gaps: list[Gap] = Field(description="the newest first; those that the database lacks yet too")
