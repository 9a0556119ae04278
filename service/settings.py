"""The server's settings; the only module that reads the environment.

`python -m docs.write_settings` writes the descriptions below to docs/settings.md.
"""

import os
import re
from collections.abc import Iterable
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.database_url import read_database_url

BUNDLED_MODEL = Path(__file__).parent / "bundled" / "digits.onnx"
PREFIX = "HIGHWAY_"
RESERVED_PATHS = (
    *(
        "/predict",
        "/explain",
        "/what-if",
        "/inspector",
        "/docs",
        "/v1/models",
        "/v2",
        "/metrics",
        "/openapi.json",
    ),
    *("/requests", "/requests.parquet", "/ledger", "/drift"),
)

# Names in the environment that begin like settings: those of the tests and of the client, and those
# that Kubernetes adds for services named "highway" or "highway-…".
_OTHERS = re.compile(
    r"TEST_.*|CLIENT_KEY|(.*_)?SERVICE_(HOST|PORT(_.*)?)|(.*_)?PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?"
)
_KUBERNETES_PORT = re.compile(r"\w+://.*")  # the value of `HIGHWAY_…_PORT`
_HOST = re.compile(r"[\w.-]+|\[[0-9a-fA-F:.]+\]|\*")
_ORIGIN = re.compile(r"https?://([\w.-]+|\[[0-9a-fA-F:.]+\])(:\d+)?|\*")

AtLeastOne = Annotated[int, Field(ge=1)]


class SettingsError(ValueError):
    """An invalid setting; the message is one sentence that names the environment variable."""


class Settings(BaseSettings):
    """Each field is read from the environment variable HIGHWAY_ plus its name in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, use_attribute_docstrings=True)

    model: Path = BUNDLED_MODEL
    """ONNX file to serve, a folder with one such file, or a folder of models,
    NAME/VERSION/model.onnx; by default the bundled digit classifier."""
    default_model: str | None = None
    """Name of the model that `/predict`, `/explain` and `/what-if` use; by default the first by
    name."""
    model_poll_seconds: Annotated[float, Field(gt=0, le=3600)] = 2
    """Seconds between two looks at a folder; a new file is served when it has not changed for as
    long."""
    public_key: Path | None = None
    """PEM file of a public key. If set, the model must have a valid signature by this key in a file
    of the same name plus `.sig`."""
    model_load_seconds: Annotated[float, Field(gt=0)] = 10
    """Maximum number of seconds to load a model and compute its golden rows; a slower one is
    refused."""
    model_load_bytes: AtLeastOne = 1 << 30
    """Maximum memory, in bytes, to load a model and compute its golden rows; one that needs more
    is refused. It is several times the file's size."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port to listen on; 0 chooses a free port."""
    api_keys: Path | None = None
    """File of API keys, made with `highway key`. If set, every request but health checks needs a
    key. [What a key may do](security.md)."""
    inspector: Literal["on", "off"] = "on"
    """Whether the server has the [inspector page](inspector.md) at `/` and the page of its API at
    `/docs`."""
    open: bool = False
    """Do not warn if other machines can connect and no API keys are set."""
    allowed_hosts: str | None = None
    """Comma-separated names in the header `Host`, without ports; `*` for any. By default the names
    of this machine's loopback if the server listens there only, else any."""
    cors_origins: str | None = None
    """Comma-separated origins whose pages may call the server from a browser, such as
    `https://app.example.com`; `*` for any. By default no other than the server's own."""
    root_path: str | None = None
    """Path prefix under which a proxy publishes the server, such as `/models`. Requests with the
    prefix and without it get the same response. [Behind a proxy](proxy.md)."""
    trusted_proxies: str | None = None
    """Comma-separated addresses or networks of proxies, such as `10.0.0.0/8`; only their headers
    `X-Forwarded-For`, `X-Forwarded-Proto`, `X-Forwarded-Host` and `Forwarded` are used. By default
    none."""
    tls_certificate: Path | None = None
    """PEM file of the certificate, followed by its intermediate ones. If set, the server speaks
    HTTPS only."""
    tls_key: Path | None = None
    """PEM file of the certificate's private key, without a password; by default in the same
    file."""
    max_body_bytes: AtLeastOne = 4 * 1024 * 1024
    """Maximum length of a request body; a longer one gets 413. 1,024 rows of 784 pixels from 0 to
    255 are 3.2 MB of JSON; send larger rows as binary tensors or in parts. Some work on a body
    cannot be divided, such as copying it: with 4 MiB this holds the event loop for at most 5 ms."""
    max_rows: AtLeastOne = 1024
    """Maximum number of rows in a request; a larger one gets 400."""
    request_read_seconds: Annotated[float, Field(gt=0)] = 30
    """Maximum number of seconds for a complete request to arrive; a slower one gets 408."""
    send_seconds: Annotated[float, Field(gt=0)] = 30
    """Maximum number of seconds for which a client may read nothing of its response; its connection
    is then closed."""
    keep_alive_seconds: AtLeastOne = 75
    """Number of seconds after which a connection without requests is closed; more than the 60 s of
    common load balancers, which must close first."""
    max_connections: AtLeastOne = 1000
    """Maximum number of connections of a worker; above it, idle ones are closed, and new ones get
    503 unless they request health."""
    max_inflight_bytes: AtLeastOne = 32 * 1024 * 1024
    """Maximum number of bytes that a worker holds for all connections: bodies without a response,
    and responses that are not read. Beyond it the slowest body gets 429. At least twice
    `HIGHWAY_MAX_BODY_BYTES`."""
    max_queue_rows: AtLeastOne = 4096
    """Maximum number of rows in the queue; a request beyond it gets 429. At least
    `HIGHWAY_MAX_ROWS`."""
    max_queue_ms: AtLeastOne = 250
    """Maximum number of milliseconds that a request is estimated to wait in the queue; beyond it,
    requests get 429. Waiting clients have equal shares of the queue and of each batch."""
    max_batch_rows: Annotated[int, Field(ge=1, le=65536)] = 512
    """Maximum number of rows that the model computes in one batch. More than 64 are computed
    together only if they take at most a millisecond."""
    deadline_ms: Annotated[int | None, Field(ge=1)] = None
    """Milliseconds after which a request that is not yet computed gets 504. A request can set an
    earlier deadline."""
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Number of processes that share the port."""
    worker_timeout_seconds: Annotated[float, Field(gt=0)] = 10
    """Seconds without a sign of life after which a worker is killed and replaced."""
    threads: Annotated[int | None, Field(ge=1)] = None
    """Number of threads that compute a long batch, per worker; by default its share of the
    available processors."""
    predict_route: str | None = None
    """Additional path of `/predict`, such as SageMaker's `/invocations`."""
    health_route: str | None = None
    """Additional path that reports readiness, such as SageMaker's `/ping`."""
    drain_delay_seconds: Annotated[float, Field(ge=0)] = 1
    """Seconds for which a server that received SIGTERM is not ready but serves on, so that
    balancers stop sending first."""
    drain_seconds: Annotated[int, Field(ge=0)] = 6
    """Maximum number of seconds that a stopping server then waits for pending requests."""
    health_port: Annotated[int | None, Field(ge=0, le=65535)] = None
    """Additional port that answers only health checks, from a process without other load."""
    grpc_port: Annotated[int | None, Field(ge=0, le=65535)] = None
    """Additional port for [gRPC](grpc.md), the other form of the Open Inference Protocol; 0 chooses
    a free port. Needs the extra `grpc`."""
    access_log_share: Annotated[float, Field(ge=0, le=1)] = 0.001
    """Share of requests that are logged; requests with a server error are always logged."""
    log_format: Literal["text", "json"] = "text"
    """Format of log lines."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is logged."""
    traces: bool = False
    """Export OpenTelemetry spans to the collector in the `OTEL_EXPORTER_OTLP_…` variables. Needs
    the extra `otel`."""
    otlp_metrics: bool = False
    """Export the metrics of `/metrics`, once for all workers, to the collector in the
    `OTEL_EXPORTER_OTLP_…` variables. Needs the extra `otel`."""
    otlp_metrics_seconds: Annotated[float, Field(gt=0, le=3600)] = 60
    """Seconds between two exports of the metrics."""
    ledger_url: str | None = None
    """URL of the ledger's database, SQLite or PostgreSQL; `off` disables the ledger. By default the
    SQLite file `ledger.db` in the user's data folder (Linux: `~/.local/share/highway-networks`)."""
    ledger_rate: Annotated[float, Field(ge=1, le=1_000_000)] = 100
    """Maximum number of rows per second that the ledger records; beyond it, a random sample that
    [prefers atypical rows, rare labels and low confidence](ledger.md#sampling)."""
    ledger_atypical: Annotated[float, Field(ge=0, le=1)] = 0.01
    """A row is atypical for the ledger if its combined p-value is at most this."""
    ledger_inputs: Literal["atypical", "all", "none"] = "atypical"
    """Whose inputs the ledger stores, so that they can be predicted again or explained: those of
    `atypical` rows, of `all` recorded rows, or `none`."""
    ledger_input_bytes: AtLeastOne = 256 * 1024 * 1024
    """Maximum size of all stored inputs, compressed, in bytes; beyond it the oldest are deleted."""
    ledger_input_days: Annotated[float, Field(gt=0, le=36_500)] = 30
    """Number of days for which inputs are kept, at most as long as their rows."""
    ledger_days: Annotated[float, Field(gt=0, le=36_500)] = 30
    """Number of days for which rows are kept."""
    ledger_rows: Annotated[int, Field(ge=1, le=10**12)] = 10_000_000
    """Approximate maximum number of rows kept."""

    @field_validator("port", "health_port", "grpc_port", mode="before")
    @classmethod
    def _is_not_of_kubernetes(cls, value: object, info: ValidationInfo) -> object:
        """Ignore the variable that Kubernetes sets for a service named `highway`."""
        if isinstance(value, str) and _KUBERNETES_PORT.fullmatch(value):
            return cls.model_fields[str(info.field_name)].default
        return value

    @field_validator("predict_route", "health_route", "root_path")
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

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, names: str | None) -> str | None:
        if names is not None and not all(_HOST.fullmatch(name) for name in names.split(",")):
            raise ValueError(
                "expected names without ports, separated by commas, such as "
                "models.example.com,[::1]; or *"
            )
        return names

    @field_validator("root_path")
    @classmethod
    def _is_ascii(cls, path: str | None) -> str | None:
        if path is not None and not path.isascii():
            raise ValueError(f"expected a path of ASCII letters, such as /models, found {path!r}")
        return path

    @field_validator("root_path")
    @classmethod
    def _begins_no_path(cls, path: str | None) -> str | None:
        """Requests to `/v1/models/…` would lose a prefix `/v1`."""
        below = [other for other in RESERVED_PATHS if other.startswith(f"{path}/")]
        if below:
            raise ValueError(f"expected another path: the server has {below[0]}, found {path}")
        return path

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, networks: str | None) -> str | None:
        for text in () if networks is None else networks.split(","):
            try:
                ip_network(text)
            except ValueError as error:
                raise ValueError(
                    "expected addresses or networks, separated by commas, such as "
                    f"10.0.0.0/8,192.168.1.7; found {text!r}"
                ) from error
        return networks

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: str | None) -> str | None:
        if origins is not None and not all(_ORIGIN.fullmatch(one) for one in origins.split(",")):
            raise ValueError(
                "expected origins without a path, separated by commas, such as "
                "https://app.example.com; or *"
            )
        return origins

    @model_validator(mode="after")
    def _key_has_a_certificate(self) -> Self:
        if self.tls_key is not None and self.tls_certificate is None:
            raise ValueError(
                "HIGHWAY_TLS_CERTIFICATE: expected the certificate of HIGHWAY_TLS_KEY, found none"
            )
        return self

    @model_validator(mode="after")
    def _routes_differ(self) -> Self:
        if self.predict_route is not None and self.predict_route == self.health_route:
            raise ValueError(
                "HIGHWAY_HEALTH_ROUTE: expected another path than HIGHWAY_PREDICT_ROUTE, found the "
                "same"
            )
        return self

    @model_validator(mode="after")
    def _routes_are_not_below_the_prefix(self) -> Self:
        for name in ("predict_route", "health_route"):
            route = getattr(self, name)
            if self.root_path is not None and f"{route}/".startswith(f"{self.root_path}/"):
                raise ValueError(
                    f"{PREFIX}{name.upper()}: expected a path without the prefix "
                    f"HIGHWAY_ROOT_PATH ({self.root_path}), found {route}"
                )
        return self

    @model_validator(mode="after")
    def _queue_holds_the_largest_request(self) -> Self:
        if self.max_queue_rows < self.max_rows:
            raise ValueError(
                f"HIGHWAY_MAX_QUEUE_ROWS: expected at least HIGHWAY_MAX_ROWS ({self.max_rows}), "
                f"found {self.max_queue_rows}"
            )
        return self

    @model_validator(mode="after")
    def _memory_holds_two_of_the_largest_bodies(self) -> Self:
        if self.max_inflight_bytes < 2 * self.max_body_bytes:
            raise ValueError(
                "HIGHWAY_MAX_INFLIGHT_BYTES: expected at least twice HIGHWAY_MAX_BODY_BYTES "
                f"({self.max_body_bytes}), found {self.max_inflight_bytes}"
            )
        return self


def read_settings(**given: object) -> Settings:
    """Read the environment; `given` values that are not None take precedence."""
    _check_names(os.environ.items())
    try:
        return Settings(**{key: value for key, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError(_sentence(error.errors(include_url=False)[0])) from error


def _check_names(environment: Iterable[tuple[str, str]]) -> None:
    """Raise `SettingsError` for a variable that looks like a setting but is none.

    A misspelt `HIGHWAY_PUBLIC_KEY` would serve unsigned models. Case is ignored, as pydantic does.
    """
    known = [name.upper() for name in Settings.model_fields]
    for variable, value in environment:
        prefix, name = variable[: len(PREFIX)].upper(), variable[len(PREFIX) :].upper()
        if prefix != PREFIX or name in known or _OTHERS.fullmatch(name):
            continue
        if name.endswith("_PORT") and _KUBERNETES_PORT.fullmatch(value):
            continue
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {PREFIX}{near[0]}" if near else "docs/settings.md lists all settings"
        raise SettingsError(f"{variable}: expected the name of a setting, found another; {hint}")


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
