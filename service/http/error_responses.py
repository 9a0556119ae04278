"""Every error of the application as `{"error": "…"}`, the router's own included."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from service.errors import RequestError
from service.http.replies import Reply, error_reply, reply_to


def response(reply: Reply) -> Response:
    """Make Starlette's response of a reply."""
    made = Response(reply.body, reply.status)
    for name, value in reply.headers:
        made.raw_headers.append((name, value))
    return made


def add_error_handlers(app: FastAPI) -> None:
    """Answer every error of every route in the one shape."""

    @app.exception_handler(RequestError)
    async def request_error(_request: Request, error: RequestError) -> Response:
        return response(reply_to(error))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        message = error.detail
        if error.status_code == 404 and message == "Not Found":
            message = "path: expected one that GET /openapi.json lists, found another"
        if error.status_code == 405:
            message = f"method: expected {headers.get('Allow', 'another')}, found {request.method}"
        return response(error_reply(error.status_code, message, headers))

    @app.exception_handler(RequestValidationError)
    async def validation_error(_request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return response(error_reply(400, f"{place}: {first['msg']}"))

    @app.exception_handler(ClientDisconnect)
    async def client_left(_request: Request, _error: ClientDisconnect) -> Response:
        return response(error_reply(400, "body: expected the whole of it, found its sender gone"))

    @app.exception_handler(Exception)
    async def own_fault(_request: Request, error: Exception) -> Response:
        # Starlette raises the error again once this is sent, so uvicorn logs its traceback.
        return response(reply_to(error))
