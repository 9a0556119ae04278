import pytest

from service.http.error_responses import RawResponse
from service.http.response_encoding import (
    DefaultLines,
    encode_head,
    encode_response,
    header_lines,
)

DATE = b"date: now\r\n"
RESPONSE = RawResponse(504, b"x-request-id: 7\r\n", b"{}")


def test_headers_are_one_line_each() -> None:
    assert header_lines([(b"a", b"1"), (b"b", b"")]) == b"a: 1\r\nb: \r\n"
    assert header_lines([]) == b""


PAGE_LINES = (
    b"content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n"
    b"cross-origin-opener-policy: same-origin\r\n"
    b"cross-origin-resource-policy: same-origin\r\n"
    b"permissions-policy: camera=(), geolocation=(), microphone=()\r\n"
    b"referrer-policy: no-referrer\r\n"
)


def test_outputs_are_encoded_with_the_servers_headers_first_and_few_others() -> None:
    outputs = RawResponse(200, b"x-request-id: 7\r\n", b"{}")
    assert encode_response(outputs, DATE, close=False) == (
        b"HTTP/1.1 200 OK\r\ndate: now\r\ncache-control: no-store\r\nx-request-id: 7\r\n"
        b"content-length: 2\r\n\r\n{}"
    )


def test_an_error_has_the_headers_for_pages_too() -> None:
    assert encode_response(RESPONSE, DATE, close=True) == (
        b"HTTP/1.1 504 Gateway Timeout\r\ndate: now\r\ncache-control: no-store\r\n"
        + PAGE_LINES
        + b"x-request-id: 7\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}"
    )
    assert b"connection" not in encode_response(RESPONSE, DATE, close=False)


def test_the_response_to_head_announces_its_body_without_it() -> None:
    outputs = RawResponse(200, b"x-request-id: 7\r\n", b"{}")
    assert encode_response(outputs, b"", close=False, head=True) == (
        b"HTTP/1.1 200 OK\r\ncache-control: no-store\r\nx-request-id: 7\r\n"
        b"content-length: 2\r\n\r\n"
    )


def test_a_head_is_encoded_alone_if_the_body_follows_in_parts() -> None:
    assert encode_head(200, iter([(b"a", b"1")]), DATE, close=False) == (
        b"HTTP/1.1 200 OK\r\ndate: now\r\na: 1\r\ncache-control: no-store\r\n"
        + PAGE_LINES
        + b"\r\n"
    )
    assert b"\r\nconnection: close\r\n\r\n" in encode_head(200, [], DATE, close=True)


def test_a_response_may_have_rules_of_its_own() -> None:
    own = [(b"Cache-Control", b"no-cache"), (b"content-security-policy", b"default-src 'self'")]
    head = encode_head(200, own, b"", close=False)
    assert head == (
        b"HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\n"
        b"content-security-policy: default-src 'self'\r\n"
        + PAGE_LINES.partition(b"\r\n")[2]
        + b"\r\n"
    )


@pytest.mark.parametrize("value", [b"1\r\nb: 2", b"1\nb: 2", b"1\r"])
def test_a_header_value_with_a_line_break_is_an_error(value: bytes) -> None:
    with pytest.raises(ValueError, match="a header value has a line break"):
        encode_head(200, [(b"a", value)], b"", close=False)


def test_default_headers_are_encoded_once_for_each_list() -> None:
    lines = DefaultLines()
    first = [(b"date", b"now")]
    assert lines.of(first) is lines.of(first)
    assert lines.of(first) == b"date: now\r\n"
    assert lines.of([(b"date", b"later")]) == b"date: later\r\n"
    assert DefaultLines().of([]) == b""
