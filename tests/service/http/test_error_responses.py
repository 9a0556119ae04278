from collections.abc import Iterator

import pytest
from fastapi import FastAPI, HTTPException
from starlette.requests import ClientDisconnect
from starlette.testclient import TestClient

from service.http.error_responses import STATUS, add_error_handlers, error_response
from service.errors import (
    BodyError,
    BodyTooLargeError,
    InputError,
    MediaTypeError,
    RequestError,
)


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


def test_an_error_is_one_member_of_strict_json() -> None:
    response = error_response(400, 'rows: expected "one", found none', {"Allow": "POST"})
    assert response.status_code == 400
    assert response.body == b'{"error":"rows: expected \\"one\\", found none"}'
    assert response.headers["content-type"] == "application/json"
    assert response.headers["allow"] == "POST"


def test_every_kind_of_request_error_has_its_status() -> None:
    assert set(STATUS) == set(RequestError.__subclasses__())


@pytest.mark.parametrize(
    ("kind", "status"),
    [(BodyError, 400), (InputError, 400), (BodyTooLargeError, 413), (MediaTypeError, 415)],
)
def test_a_request_error_is_told_in_its_own_words(
    kind: type[RequestError], status: int, app: FastAPI, client: TestClient
) -> None:
    assert answer_to(kind("a sentence"), app, client) == (status, {"error": "a sentence"})


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
