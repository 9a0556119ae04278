"""Error responses: the status of each error, and the one JSON shape `{"error": "…"}`."""

from collections.abc import Mapping
from typing import NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match

from service import errors
from service.formats.json_documents import encode
from service.http.endpoints import JSON_LINE, Header

# The status of each error, and its reason in the metrics.
STATUS: dict[type[errors.RequestError], tuple[int, str]] = {
    errors.BodyError: (400, "bad_request"),
    errors.InputError: (400, "bad_request"),
    errors.QueryError: (400, "bad_request"),
    errors.AuthenticationError: (401, "bad_request"),
    errors.ScopeError: (403, "bad_request"),
    errors.OriginError: (403, "bad_request"),
    errors.UnknownPathError: (404, "bad_request"),
    errors.UnknownModelError: (404, "bad_request"),
    errors.UnknownRequestError: (404, "bad_request"),
    errors.LedgerOffError: (404, "bad_request"),
    errors.GoneError: (409, "bad_request"),
    errors.ModelRefusedError: (409, "bad_request"),
    errors.BodyTooLargeError: (413, "too_large"),
    errors.MediaTypeError: (415, "media_type"),
    errors.HostError: (421, "bad_request"),
    errors.AttemptsError: (429, "bad_request"),
    errors.QueueFullError: (429, "queue_full"),
    errors.UnsupportedError: (501, "bad_request"),
    errors.LedgerUnavailableError: (503, "not_ready"),
    errors.NotReadyError: (503, "not_ready"),
    errors.DeadlineError: (504, "deadline"),
}
INTERNAL_ERROR = (500, "internal_error")


class RawResponse(NamedTuple):
    """A response independent of a framework.

    `lines` are its header lines, each with its CRLF and without Content-Length.
    """

    status: int
    lines: bytes
    body: bytes

    @property
    def headers(self) -> list[Header]:
        """The headers by name."""
        fields = [line.partition(b": ") for line in self.lines.splitlines()]
        return [(name, value) for name, _, value in fields]

    def with_header(self, name: bytes, value: bytes) -> "RawResponse":
        """Return the response with one more header."""
        return self._replace(lines=b"%b%b: %b\r\n" % (self.lines, name, value))


def error_response(
    status: int, message: str, headers: Mapping[str, str] | None = None
) -> RawResponse:
    """Build a response in the one error shape."""
    lines = [f"{name.lower()}: {text}\r\n".encode() for name, text in (headers or {}).items()]
    return RawResponse(status, b"".join((JSON_LINE, *lines)), encode({"error": message}))


def response_to(error: Exception) -> RawResponse:
    """Build the response to an error; an unexpected one reveals no details."""
    if not isinstance(error, errors.RequestError):
        return error_response(INTERNAL_ERROR[0], "internal error; the server's log has the details")
    headers = None
    if isinstance(error, errors.AuthenticationError):
        headers = {"WWW-Authenticate": 'Bearer realm="highway-networks"'}
    if isinstance(error, errors.QueueFullError | errors.AttemptsError):
        headers = {"Retry-After": str(error.retry_after)}
    return error_response(STATUS[type(error)][0], str(error), headers)


def reason_of(error: Exception) -> str:
    """Return the reason under which the metrics count an error."""
    return (STATUS[type(error)] if isinstance(error, errors.RequestError) else INTERNAL_ERROR)[1]


def to_starlette(raw: RawResponse) -> Response:
    """Convert a raw response to Starlette's."""
    response = Response(raw.body, raw.status)
    response.raw_headers.extend(raw.headers)
    return response


def add_error_handlers(app: FastAPI) -> None:
    """Respond to the errors of all routes and of the router in the one shape."""

    @app.exception_handler(errors.RequestError)
    @app.exception_handler(Exception)
    async def request_or_internal_error(_request: Request, error: Exception) -> Response:
        # Starlette raises an unexpected error again after the response, so that uvicorn logs the
        # traceback.
        return to_starlette(response_to(error))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        message = error.detail
        if error.status_code == 404 and message == "Not Found":
            message = "path: not found; GET /openapi.json lists all paths"
        if error.status_code == 405:
            headers["Allow"] = _allowed_methods(request)
            message = f"method: expected {headers['Allow']}, found {request.method}"
        return to_starlette(error_response(error.status_code, message, headers))

    @app.exception_handler(RequestValidationError)
    async def validation_error(_request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        source, *names = map(str, first["loc"])
        if first["type"] == "extra_forbidden":  # the name is the client's text
            message = f"{source}: expected the parameters that GET /openapi.json lists"
        else:
            message = ": ".join([*filter(None, [".".join(names)]), first["msg"]])
        return to_starlette(error_response(400, message))

    @app.exception_handler(ClientDisconnect)
    async def client_disconnected(_request: Request, _error: ClientDisconnect) -> Response:
        return to_starlette(error_response(400, "body: incomplete; the client disconnected"))


def _allowed_methods(request: Request) -> str:
    """Return the methods of all routes that match the path; Starlette names those of the first."""
    routes = request.app.router.routes

    def allowed(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in routes)

    methods = filter(allowed, ("DELETE", "GET", "PATCH", "POST", "PUT"))
    return ", ".join(methods).replace("GET", "GET, HEAD")
