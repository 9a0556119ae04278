"""The server's settings; this module alone reads the environment."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.ledger.address import read_address

BUNDLED_MODEL = Path(__file__).parent / "bundled" / "digits.onnx"
PREFIX = "HIGHWAY_"
TAKEN = (
    *("/predict", "/explain", "/v1/models", "/v2", "/metrics", "/openapi.json"),
    *("/requests", "/requests.parquet", "/ledger", "/drift"),
)


class SettingsError(ValueError):
    """An environment variable that cannot be used: one sentence that names it."""


class Settings(BaseSettings):
    """Each field is the environment variable HIGHWAY_ and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    model: Annotated[Path, Field(description="The .onnx file to serve.")] = BUNDLED_MODEL
    public_key: Annotated[
        Path | None,
        Field(description="Require beside the model its .sig, a signature by this key's owner."),
    ] = None
    host: Annotated[str, Field(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port; 0 takes a free one.")] = 8000
    max_body_bytes: Annotated[
        int, Field(ge=1, description="Longest request body; a longer one is answered 413.")
    ] = 16 * 1024 * 1024
    max_rows: Annotated[int, Field(ge=1, description="Most rows in one request.")] = 1024
    receive_seconds: Annotated[
        float, Field(gt=0, description="How long a request may take to arrive; beyond, 408.")
    ] = 30
    queue_rows: Annotated[
        int, Field(ge=1, description="Most rows that wait; a request beyond is answered 429.")
    ] = 4096
    run_rows: Annotated[
        int, Field(ge=1, le=65536, description="Most rows in one run of the model.")
    ] = 64
    deadline_ms: Annotated[
        int | None,
        Field(ge=1, description="Answer 504 to what has not run by then; unset, it may wait."),
    ] = None
    workers: Annotated[int, Field(ge=1, le=256, description="Processes on the one port.")] = 1
    threads: Annotated[
        int | None,
        Field(ge=1, description="Threads for one run; unset, what workers and processors allow."),
    ] = None
    predict_route: Annotated[
        str | None,
        Field(pattern=r"^/[\w./:-]+$", description="One more path for /predict: /invocations."),
    ] = None
    health_route: Annotated[
        str | None,
        Field(pattern=r"^/[\w./:-]+$", description="One more path for readiness: /ping."),
    ] = None
    drain_seconds: Annotated[
        int, Field(ge=0, description="How long a stop waits for requests that are under way.")
    ] = 20
    access_log_share: Annotated[
        float, Field(ge=0, le=1, description="Share of requests that are logged; failures are.")
    ] = 0.001
    log_format: Annotated[Literal["text", "json"], Field(description="How log lines look.")] = (
        "text"
    )
    traces: Annotated[
        bool, Field(description="Send OpenTelemetry spans; the OTEL_… variables say where.")
    ] = False
    ledger_url: Annotated[
        str | None,
        Field(description="The ledger's database; unset, a file of the user's own; off, none."),
    ] = None
    ledger_rate: Annotated[
        float, Field(ge=1, le=1e6, description="Rows a second that are recorded; beyond, a sample.")
    ] = 100
    ledger_inputs: Annotated[
        bool, Field(description="Record the inputs too: they can be asked about again.")
    ] = False
    ledger_days: Annotated[
        float, Field(gt=0, le=36_500, description="For how many days rows are kept.")
    ] = 30
    ledger_rows: Annotated[
        int, Field(ge=1, le=10**12, description="About how many rows are kept.")
    ] = 10_000_000
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="Least severe log line.")
    ] = "info"

    @field_validator("predict_route", "health_route")
    @classmethod
    def _leads_nowhere_yet(cls, path: str | None) -> str | None:
        if path is None:
            return path
        taken = any(path == other or path.startswith(f"{other}/") for other in TAKEN)
        if taken or any(part in ("", ".", "..") for part in path.split("/")[1:]):
            raise ValueError(f"expected a path that is free, not {' or '.join(TAKEN)}")
        return path

    @field_validator("ledger_url")
    @classmethod
    def _names_a_database(cls, url: str | None) -> str | None:
        read_address(url)
        return url

    @model_validator(mode="after")
    def _queue_holds_the_largest_request(self) -> Self:
        if self.queue_rows < self.max_rows:
            raise ValueError(
                f"expected HIGHWAY_QUEUE_ROWS of at least HIGHWAY_MAX_ROWS, {self.max_rows}, "
                f"found {self.queue_rows}"
            )
        return self


def read_settings(**given: object) -> Settings:
    """Read the environment; what is `given` and not None comes before it."""
    try:
        return Settings(**{key: value for key, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if not first["loc"]:  # two settings that do not go together, in our own words
            raise SettingsError(first["msg"].removeprefix("Value error, ")) from error
        name = PREFIX + str(first["loc"][0]).upper()
        expected = first["msg"].replace("Input should be ", "expected ", 1)
        expected = expected.removeprefix("Value error, ")
        raise SettingsError(f"{name}: {expected}; correct the variable") from error
