import httpx2
import pytest
from highway_client.attempts import Lost
from highway_client.errors import ArgumentError
from highway_client.transport import key_headers, lost, response_of, server_url

URL = httpx2.URL("http://me:secret@host:1")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "https://host/below", "http://[::1]:80"])
def test_a_url_has_a_scheme_and_a_host(url: str) -> None:
    assert str(server_url(url)).startswith(url[:12])


@pytest.mark.parametrize(
    "url",
    [
        *("127.0.0.1:8000", "ftp://host", "http://", "http://a..b", f"http://{'a' * 64}"),
        *("http://h:x", "http://h:99999", ""),
    ],
)
def test_an_invalid_url_is_an_error(url: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        server_url(url)
    assert str(caught.value) == (
        f"url: expected one such as http://127.0.0.1:8000, found {url!r}; write the scheme and the "
        "host"
    )


def test_an_api_key_is_a_header() -> None:
    assert key_headers(None) == {}
    assert key_headers("hwk_x") == {"Authorization": "Bearer hwk_x"}


@pytest.mark.parametrize("key", ["", "a b", "a\r\nX-Other: 1", "é"])
def test_an_invalid_api_key_is_an_error_that_does_not_repeat_it(key: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        key_headers(key)
    assert str(caught.value) == (
        "api_key: expected visible ASCII characters, found others; give the token that `highway "
        "key` showed"
    )


def test_header_names_are_case_insensitive() -> None:
    response = response_of(httpx2.Response(429, headers={"retry-after": "3"}, content=b"x"))
    assert (response.status, response.headers["Retry-After"], response.content) == (429, "3", b"x")


def test_a_lost_connection_is_reported_without_the_password() -> None:
    assert lost(httpx2.ConnectError("[Errno 111] Connection refused"), URL) == Lost(
        reason="http://host:1: no connection: Connection refused; is a server running there?",
        timed_out=False,
    )


def test_an_error_without_a_message_is_named() -> None:
    assert "no connection: ReadError; is a server" in lost(httpx2.ReadError(""), URL).reason


def test_a_timeout_is_reported() -> None:
    assert lost(httpx2.ReadTimeout("timed out"), URL) == Lost(
        reason="http://host:1: no response in time; give a longer timeout_seconds or fewer rows at "
        "once",
        timed_out=True,
    )
