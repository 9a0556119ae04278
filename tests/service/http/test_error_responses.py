from collections.abc import Iterator

import pytest
from fastapi import FastAPI, HTTPException
from starlette.requests import ClientDisconnect
from starlette.testclient import TestClient

from service.errors import QueueFullError, UnknownModelError
from service.http.error_responses import add_error_handlers, response
from service.http.replies import Reply


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    add_error_handlers(app)
    return app


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def answer_to(error: Exception, app: FastAPI, client: TestClient) -> tuple[int, object]:
    """What a client gets from a route that raises `error`."""

    @app.get("/failing")
    def failing() -> None:
        raise error

    answer = client.get("/failing")
    return answer.status_code, answer.json()


def test_a_response_has_the_replys_headers_twice_where_it_has_them_twice() -> None:
    made = response(Reply(429, ((b"content-type", b"text/x"), (b"a", b"1"), (b"a", b"2")), b"body"))
    assert (made.status_code, made.body) == (429, b"body")
    assert made.raw_headers == [
        (b"content-length", b"4"),
        (b"content-type", b"text/x"),
        (b"a", b"1"),
        (b"a", b"2"),
    ]


def test_a_request_error_is_told_in_its_own_words(app: FastAPI, client: TestClient) -> None:
    assert answer_to(UnknownModelError("a sentence"), app, client) == (404, {"error": "a sentence"})


def test_a_request_errors_headers_are_told_too(app: FastAPI, client: TestClient) -> None:
    answer_to(QueueFullError("a sentence", retry_after=3), app, client)
    assert client.get("/failing").headers["retry-after"] == "3"


def test_a_route_may_choose_its_own_words_for_404(app: FastAPI, client: TestClient) -> None:
    error = HTTPException(404, "model: expected 'tiny', found another name")
    assert answer_to(error, app, client) == (
        404,
        {"error": "model: expected 'tiny', found another name"},
    )


def test_a_path_that_no_route_has_points_to_the_list_of_them(client: TestClient) -> None:
    answer = client.get("/nowhere")
    assert (answer.status_code, answer.json()) == (
        404,
        {"error": "path: expected one that GET /openapi.json lists, found another"},
    )


def test_a_wrong_method_names_the_right_one_in_text_and_header(
    app: FastAPI, client: TestClient
) -> None:
    app.add_api_route("/only", lambda: None, methods=["PUT"])
    answer = client.get("/only")
    assert (answer.status_code, answer.headers["allow"]) == (405, "PUT")
    assert answer.json() == {"error": "method: expected PUT, found GET"}


def test_a_parameter_that_fastapi_refuses_is_400_without_its_value(
    app: FastAPI, client: TestClient
) -> None:
    def page(number: int) -> int:
        return number

    app.add_api_route("/page", page)
    answer = client.get("/page", params={"number": "SECRET"})
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": "query.number: Input should be a valid integer, unable to parse string as an "
            "integer"
        },
    )


def test_a_client_that_left_is_told_nothing_about_the_server(
    app: FastAPI, client: TestClient
) -> None:
    assert answer_to(ClientDisconnect(), app, client) == (
        400,
        {"error": "body: expected the whole of it, found its sender gone"},
    )


def test_our_own_fault_is_500_without_its_text(app: FastAPI, client: TestClient) -> None:
    assert answer_to(ValueError("/SECRET/path"), app, client) == (
        500,
        {"error": "the server failed at this request; its log says why"},
    )
