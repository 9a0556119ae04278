import httpx2
import pytest

from service.client.errors import ArgumentError
from service.client.exchange import Lost
from service.client.transport import lost_with, reply_of, server_url

URL = httpx2.URL("http://me:secret@host:1")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "https://host/below", "http://[::1]:80"])
def test_a_servers_address_has_a_scheme_and_a_host(url: str) -> None:
    assert str(server_url(url)).startswith(url[:12])


@pytest.mark.parametrize(
    "url",
    [
        *("127.0.0.1:8000", "ftp://host", "http://", "http://a..b", f"http://{'a' * 64}"),
        *("http://h:x", "http://h:99999", ""),
    ],
)
def test_any_other_address_is_told(url: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        server_url(url)
    assert str(caught.value) == (
        f"url: expected one such as http://127.0.0.1:8000, found {url!r}; write the scheme and the "
        "host"
    )


def test_a_reply_finds_headers_whatever_their_case() -> None:
    reply = reply_of(httpx2.Response(429, headers={"retry-after": "3"}, content=b"x"))
    assert (reply.status, reply.headers["Retry-After"], reply.content) == (429, "3", b"x")


def test_a_lost_connection_is_a_sentence_without_the_password() -> None:
    assert lost_with(httpx2.ConnectError("[Errno 111] Connection refused"), URL) == Lost(
        sentence="http://host:1: expected a server that answers, found: Connection refused; is it "
        "running there?",
        timed_out=False,
    )


def test_a_reason_without_words_is_named() -> None:
    assert "found: ReadError; is it" in lost_with(httpx2.ReadError(""), URL).sentence


def test_time_that_ran_out_is_another_sentence() -> None:
    assert lost_with(httpx2.ReadTimeout("timed out"), URL) == Lost(
        sentence="http://host:1: expected an answer in time, found none; give a longer "
        "timeout_seconds or fewer rows at once",
        timed_out=True,
    )
