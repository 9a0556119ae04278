"""Every error as `{"error": "…"}`: one table from what went wrong to its status."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from service.encoding import JSON, encode
from service.errors import (
    BodyError,
    BodyTooLargeError,
    InputError,
    MediaTypeError,
    RequestError,
)

STATUS: dict[type[RequestError], int] = {
    BodyError: 400,
    InputError: 400,
    BodyTooLargeError: 413,
    MediaTypeError: 415,
}


def error_response(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """Build the one error shape."""
    return Response(encode({"error": message}), status, headers, media_type=JSON)


def add_error_handlers(app: FastAPI) -> None:
    """Answer every error of every route in the one shape, the router's own included."""

    @app.exception_handler(RequestError)
    async def request_error(_request: Request, error: RequestError) -> Response:
        return error_response(STATUS[type(error)], str(error))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        message = error.detail
        if error.status_code == 404 and message == "Not Found":
            message = "path: expected one that GET /openapi.json lists, found another"
        if error.status_code == 405:
            message = f"method: expected {headers.get('Allow', 'another')}, found {request.method}"
        return error_response(error.status_code, message, headers)

    @app.exception_handler(RequestValidationError)
    async def validation_error(_request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return error_response(400, f"{place}: {first['msg']}")

    @app.exception_handler(ClientDisconnect)
    async def client_left(_request: Request, _error: ClientDisconnect) -> Response:
        return error_response(400, "body: expected the whole of it, found its sender gone")

    @app.exception_handler(Exception)
    async def own_fault(_request: Request, _error: Exception) -> Response:
        # Starlette raises the error again once this is sent, so uvicorn logs its traceback.
        return error_response(500, "the server failed at this request; its log says why")
