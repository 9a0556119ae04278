"""The server's settings; the only module that reads the environment.

`python -m docs.write_settings` writes the descriptions below to docs/settings.md.
"""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.database_url import read_database_url

BUNDLED_MODEL = Path(__file__).parent / "bundled" / "digits.onnx"
PREFIX = "HIGHWAY_"
RESERVED_PATHS = (
    *("/predict", "/explain", "/v1/models", "/v2", "/metrics", "/openapi.json"),
    *("/requests", "/requests.parquet", "/ledger", "/drift"),
)

AtLeastOne = Annotated[int, Field(ge=1)]


class SettingsError(ValueError):
    """An invalid setting; the message is one sentence that names the environment variable."""


class Settings(BaseSettings):
    """Each field is read from the environment variable HIGHWAY_ plus its name in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, use_attribute_docstrings=True)

    model: Path = BUNDLED_MODEL
    """ONNX file to serve; by default the bundled digit classifier."""
    public_key: Path | None = None
    """PEM file of a public key. If set, the model must have a valid signature by this key in a file
    of the same name plus `.sig`."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port to listen on; 0 chooses a free port."""
    max_body_bytes: AtLeastOne = 16 * 1024 * 1024
    """Maximum length of a request body; a longer one gets 413."""
    max_rows: AtLeastOne = 1024
    """Maximum number of rows in a request; a larger one gets 400."""
    request_read_seconds: Annotated[float, Field(gt=0)] = 30
    """Maximum number of seconds for a complete request to arrive; a slower one gets 408."""
    max_queue_rows: AtLeastOne = 4096
    """Maximum number of rows in the queue; a request beyond it gets 429. At least
    `HIGHWAY_MAX_ROWS`."""
    max_batch_rows: Annotated[int, Field(ge=1, le=65536)] = 64
    """Maximum number of rows that the model computes in one batch."""
    deadline_ms: Annotated[int | None, Field(ge=1)] = None
    """Milliseconds after which a request that is not yet computed gets 504. A request can set an
    earlier deadline."""
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Number of processes that share the port."""
    threads: Annotated[int | None, Field(ge=1)] = None
    """Number of threads that compute a batch, per worker; by default derived from the available
    processors and the workers."""
    predict_route: str | None = None
    """Additional path of `/predict`, such as SageMaker's `/invocations`."""
    health_route: str | None = None
    """Additional path that reports readiness, such as SageMaker's `/ping`."""
    drain_seconds: Annotated[int, Field(ge=0)] = 20
    """Maximum number of seconds that a stopping server waits for pending requests."""
    access_log_share: Annotated[float, Field(ge=0, le=1)] = 0.001
    """Share of requests that are logged; requests with a server error are always logged."""
    log_format: Literal["text", "json"] = "text"
    """Format of log lines."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is logged."""
    traces: bool = False
    """Export OpenTelemetry spans to the collector in the `OTEL_EXPORTER_OTLP_…` variables. Needs
    the extra `otel`."""
    ledger_url: str | None = None
    """URL of the ledger's database, SQLite or PostgreSQL; `off` disables the ledger. By default the
    SQLite file `ledger.db` in the user's data folder (Linux: `~/.local/share/highway-networks`)."""
    ledger_rate: Annotated[float, Field(ge=1, le=1_000_000)] = 100
    """Maximum number of rows per second that the ledger records; beyond it, a random sample."""
    ledger_inputs: bool = False
    """Store the input rows as well, so that they can be predicted again or explained."""
    ledger_days: Annotated[float, Field(gt=0, le=36_500)] = 30
    """Number of days for which rows are kept."""
    ledger_rows: Annotated[int, Field(ge=1, le=10**12)] = 10_000_000
    """Approximate maximum number of rows kept."""

    @field_validator("predict_route", "health_route")
    @classmethod
    def _is_a_free_path(cls, path: str | None) -> str | None:
        if path is None:
            return path
        if not re.fullmatch(r"(/[\w.:-]+)+", path) or {".", ".."} & set(path.split("/")):
            raise ValueError("expected a path of letters, digits and ._:-, such as /ping")
        if any(path == other or path.startswith(f"{other}/") for other in RESERVED_PATHS):
            raise ValueError(
                f"expected a free path; used by the server: {', '.join(RESERVED_PATHS)}"
            )
        return path

    @field_validator("ledger_url")
    @classmethod
    def _is_a_database_url(cls, url: str | None) -> str | None:
        read_database_url(url)
        return url

    @model_validator(mode="after")
    def _queue_holds_the_largest_request(self) -> Self:
        if self.max_queue_rows < self.max_rows:
            raise ValueError(
                f"HIGHWAY_MAX_QUEUE_ROWS: expected at least HIGHWAY_MAX_ROWS ({self.max_rows}), "
                f"found {self.max_queue_rows}"
            )
        return self


def read_settings(**given: object) -> Settings:
    """Read the environment; `given` values that are not None take precedence."""
    try:
        return Settings(**{key: value for key, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError(_sentence(error.errors(include_url=False)[0])) from error


# What was expected, by pydantic's type of error.
_EXPECTED = {
    "greater_than": "more than {gt:.15g}",
    "greater_than_equal": "at least {ge:.15g}",
    "less_than_equal": "at most {le:.15g}",
    "int_parsing": "an integer",
    "float_parsing": "a number",
    "bool_parsing": "true or false",
    "literal_error": "{expected}",
}


def _sentence(error: ErrorDetails) -> str:
    message = error["msg"].removeprefix("Value error, ")
    if not error["loc"]:  # a conflict of two settings, in our own words
        return message
    variable = PREFIX + str(error["loc"][0]).upper()
    if error["type"] in _EXPECTED:
        expected = _EXPECTED[error["type"]].format(**error.get("ctx", {}))
        message = f"expected {expected}, found {str(error['input'])!r}"
    return f"{variable}: {message}"
