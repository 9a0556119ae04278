"""A server that a proxy publishes under a prefix, which the proxy keeps or strips."""

from collections.abc import Iterator

import pytest

from service.classifier import Classifier
from service.http.root_path import RootPath
from tests.service.conftest import Recipe, application
from tests.service.http.transport import JSON, ROW, Connection, Send, listening, over_socket

PREFIX = "/team/models"
KEPT_OR_STRIPPED = pytest.mark.parametrize("prefix", [PREFIX, ""], ids=["kept", "stripped"])


@pytest.fixture(scope="module")
def prefixed_port() -> Iterator[int]:
    app = application(
        Classifier(Recipe().build()), root_path=PREFIX, inspector="on", predict_route="/score"
    )
    with listening(app) as port:
        yield port


@pytest.fixture
def send(prefixed_port: int) -> Send:
    return over_socket(prefixed_port)


@pytest.mark.parametrize(
    ("target", "stripped"),
    [
        (b"/team/models/predict?a=/team/models", b"/predict?a=/team/models"),
        (b"/team/models/", b"/"),
        (b"/team/models", b"/team/models"),  # redirected
        (b"/team/models?a", b"/team/models?a"),
        (b"/team/modelsx/predict", b"/team/modelsx/predict"),
        (b"/team/models/team/models/v2", b"/team/models/v2"),  # once
        (b"/v2/team/models/v2", b"/v2/team/models/v2"),
        (b"http://host:80/team/models/v2", b"http://host:80/v2"),
        (b"*", b"*"),
    ],
)
def test_the_prefix_is_removed_once_from_the_start_of_a_path(
    target: bytes, stripped: bytes
) -> None:
    assert RootPath("/team/models").strip(target) == stripped
    assert RootPath(None).strip(target) == target


def test_a_dot_in_a_prefix_is_only_a_dot() -> None:
    assert RootPath("/v1.0").strip(b"/v1x0/predict") == b"/v1x0/predict"


@KEPT_OR_STRIPPED
def test_both_kinds_of_proxy_reach_every_path(send: Send, prefix: str) -> None:
    for path in ("/predict", "/predict?asgi", "/score", "/v1/models/tiny:predict"):
        assert send("POST", prefix + path, ROW, JSON).status == 200
    for path in ("/", "/docs", "/v2/health/ready", "/v2/models/tiny/stats", "/metrics"):
        assert send("GET", prefix + path).status == 200
        assert send("HEAD", prefix + path).status == 200


def test_a_request_on_a_known_connection_loses_its_prefix_too(prefixed_port: int) -> None:
    with Connection(prefixed_port) as connection:
        for _ in range(3):  # the second one is recognized, not parsed
            head = b"POST %b/predict HTTP/1.1\r\nHost: localhost\r\n" % PREFIX.encode()
            head += b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(ROW)
            connection.send(head + ROW)
            assert connection.receive().status == 200


@KEPT_OR_STRIPPED
def test_openapi_names_the_prefix_as_the_server(send: Send, prefix: str) -> None:
    document = send("GET", f"{prefix}/openapi.json").json()
    assert document["servers"] == [{"url": PREFIX}]
    assert "/predict" in document["paths"]


def test_the_prefix_without_a_slash_redirects_to_the_page(send: Send) -> None:
    for path in (PREFIX, f"{PREFIX}?a=1"):
        response = send("GET", path)
        assert (response.status, response.headers["location"]) == (308, f"{PREFIX}/")


@KEPT_OR_STRIPPED
def test_every_address_in_a_page_is_relative_to_it(send: Send, prefix: str) -> None:
    page = send("GET", f"{prefix}/").body.decode()
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    assert not address.startswith(("/", "http"))
    assert send("GET", f"{prefix}/{address}").status == 200


def test_another_prefix_is_not_found(send: Send) -> None:
    assert send("GET", "/team/v2").status == 404
    assert send("GET", f"{PREFIX}{PREFIX}/v2").status == 404
