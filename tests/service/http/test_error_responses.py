from collections.abc import Iterator

import pytest
from fastapi import FastAPI, HTTPException
from starlette.requests import ClientDisconnect
from starlette.testclient import TestClient

from service.errors import (
    BodyError,
    BodyTooLargeError,
    DeadlineError,
    InputError,
    MediaTypeError,
    NotReadyError,
    QueueFullError,
    RequestError,
    UnknownModelError,
    UnsupportedError,
)
from service.http.error_responses import (
    INTERNAL_ERROR,
    STATUS,
    RawResponse,
    add_error_handlers,
    error_response,
    reason_of,
    response_to,
    to_starlette,
)
from service.inference.statistics import REASONS

JSON = b"content-type: application/json\r\n"


def test_an_error_response_is_one_member_of_strict_json() -> None:
    response = error_response(405, 'method: expected "POST", found GET', {"Allow": "POST"})
    assert response == (
        405,
        JSON + b"allow: POST\r\n",
        b'{"error":"method: expected \\"POST\\", found GET"}',
    )


@pytest.mark.parametrize(
    ("kind", "status", "reason"),
    [
        (BodyError, 400, "bad_request"),
        (InputError, 400, "bad_request"),
        (UnknownModelError, 404, "bad_request"),
        (BodyTooLargeError, 413, "too_large"),
        (MediaTypeError, 415, "media_type"),
        (UnsupportedError, 501, "bad_request"),
        (NotReadyError, 503, "not_ready"),
        (DeadlineError, 504, "deadline"),
    ],
)
def test_a_request_error_becomes_a_status_a_message_and_a_reason(
    kind: type[RequestError], status: int, reason: str
) -> None:
    assert response_to(kind("a sentence")) == (status, JSON, b'{"error":"a sentence"}')
    assert reason_of(kind("a sentence")) == reason


def test_a_full_queue_says_when_to_retry() -> None:
    error = QueueFullError("a sentence", retry_after=3)
    assert response_to(error) == (429, JSON + b"retry-after: 3\r\n", b'{"error":"a sentence"}')
    assert reason_of(error) == "queue_full"


def test_every_request_error_has_a_status_and_every_reason_a_counter() -> None:
    assert set(STATUS) == set(RequestError.__subclasses__())
    assert {reason for _, reason in (*STATUS.values(), INTERNAL_ERROR)} <= set(REASONS)


def test_an_internal_error_is_500_without_its_text() -> None:
    error = ValueError("/SECRET/path")
    assert response_to(error) == (
        500,
        JSON,
        b'{"error":"internal error; the server\'s log has the details"}',
    )
    assert reason_of(error) == "internal_error"


def test_starlettes_response_keeps_repeated_headers() -> None:
    raw = RawResponse(429, b"content-type: text/x\r\na: 1\r\na: 2: 3\r\nb: \r\n", b"body")
    response = to_starlette(raw)
    assert (response.status_code, response.body) == (429, b"body")
    assert response.raw_headers == [
        (b"content-length", b"4"),
        (b"content-type", b"text/x"),
        (b"a", b"1"),
        (b"a", b"2: 3"),
        (b"b", b""),
    ]


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    add_error_handlers(app)
    return app


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


NO_MODEL = "model: expected 'tiny', found another name"


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (UnknownModelError("a sentence"), 404, "a sentence"),
        (HTTPException(404, NO_MODEL), 404, NO_MODEL),
        (ClientDisconnect(), 400, "body: incomplete; the client disconnected"),
        (ValueError("/SECRET/path"), 500, "internal error; the server's log has the details"),
    ],
)
def test_an_error_raised_by_a_route_is_answered_in_the_one_shape(
    app: FastAPI, client: TestClient, error: Exception, status: int, message: str
) -> None:
    @app.get("/failing")
    def failing() -> None:
        raise error

    response = client.get("/failing")
    assert (response.status_code, response.json()) == (status, {"error": message})


def test_the_headers_of_a_request_error_are_sent(app: FastAPI, client: TestClient) -> None:
    @app.get("/full")
    def full() -> None:
        raise QueueFullError("a sentence", retry_after=3)

    assert client.get("/full").headers["retry-after"] == "3"


def test_an_unknown_path_is_404_and_refers_to_the_list_of_paths(client: TestClient) -> None:
    response = client.get("/nowhere")
    assert (response.status_code, response.json()) == (
        404,
        {"error": "path: not found; GET /openapi.json lists all paths"},
    )


def test_a_wrong_method_is_405_and_names_the_right_one(app: FastAPI, client: TestClient) -> None:
    app.add_api_route("/only", lambda: None, methods=["PUT"])
    response = client.get("/only")
    assert (response.status_code, response.headers["allow"]) == (405, "PUT")
    assert response.json() == {"error": "method: expected PUT, found GET"}


def test_a_parameter_that_fastapi_rejects_is_400_without_its_value(
    app: FastAPI, client: TestClient
) -> None:
    def page(number: int) -> int:
        return number

    app.add_api_route("/page", page)
    response = client.get("/page", params={"number": "SECRET"})
    assert (response.status_code, response.json()) == (
        400,
        {"error": "number: Input should be a valid integer, unable to parse string as an integer"},
    )
