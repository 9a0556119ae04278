"""Bytes that are no proper request, or an unusual one, each with the statuses of its responses."""

from collections.abc import Iterator

import pytest

from service.http.framing import MAX_HEADERS, MAX_TARGET_BYTES
from tests.service.http.transport import ROW

CRLF = b"\r\n"
LENGTH = b"Content-Length: %d" % len(ROW)
TYPE = b"Content-Type: application/json"
HOST = b"Host: highway"
CHUNKED = b"Transfer-Encoding: chunked"
CHUNKS = b"1d\r\n" + ROW + b"\r\n0\r\n\r\n"
LIVE = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"


def post(
    *fields: bytes,
    line: bytes = b"POST /predict HTTP/1.1",
    body: bytes = ROW,
    usual: tuple[bytes, ...] = (HOST, TYPE),
) -> bytes:
    """Encode a request with these header lines after the usual ones."""
    return CRLF.join([line, *usual, *fields, b"", b""]) + body


def get(target: bytes, *fields: bytes, method: bytes = b"GET") -> bytes:
    return post(*fields, line=method + b" " + target + b" HTTP/1.1", body=b"", usual=(HOST,))


def on_both_paths(name: str, status: int, *fields: bytes, body: bytes = ROW) -> Iterator[object]:
    for path in (b"/predict", b"/predict?asgi"):
        content = post(*fields, line=b"POST " + path + b" HTTP/1.1", body=body)
        yield pytest.param(content, [status], id=f"{name} {path.decode()}")


def case(name: str, content: bytes, *statuses: int) -> object:
    """A case of the table; without statuses, the connection is closed without a response."""
    return pytest.param(content, list(statuses), id=name)


VERSIONS = {
    b"HTTP/0.9": 505,
    b"HTTP/2.0": 505,
    b"RTSP/1.0": 200,  # which the parser takes for HTTP/1.0
    **dict.fromkeys(
        [b"HTTP/1.2", b"HTTP/9.9", b"HTTP/3.0", b"HTTP/11", b"HTTP/1", b"HTTP/1.", b"HTTP/.1"], 400
    ),
    **dict.fromkeys(
        [b"HTTP/1.1 ", b"http/1.1", b"HTP/1.1", b"HTTPS/1.1", b"HTTP/1.10", b"HTTP 1.1"], 400
    ),
    **dict.fromkeys([b"HTTP/-1.1", b"HTTP/1,1", b"ICE/1.0", b"HTTP/\xb1.1"], 400),
}
HOSTS = [
    *(
        b"",
        b"a b",
        b"a/b",
        b"a,b",
        b"a\xe9",
        b"a:b",
        b"a:1:2",
        b"a:123456",
        b"[::1",
        b"::1",
        b"[x]",
    ),
    *(
        b"http://a",
        b"user@host",
        b"a\tb",
        b"a#b",
        b"a?b",
        b"[::1]x",
        b'"a"',
        b"<a>",
        b"a\\b",
        b"a|b",
    ),
]
GOOD_HOSTS = [
    b"a",
    b"a:1",
    b"a.b-c_d:65535",
    b"[::1]",
    b"[::1]:8000",
    b"127.0.0.1:80",
    b"xn--a.b",
    b"a:",
]
CODINGS = [
    *(b"gzip, chunked", b"gzip", b"identity", b"deflate, chunked", b"chunked, gzip", b"x"),
    *(
        b"chunked;q=1",
        b"chunked, chunked",
        b"chunked, identity",
        b'"chunked"',
        b"",
        b"chunk",
        b"\x0bchunked",
    ),
    *(b"xchunked", b"chunkedx", b"identity, chunked", b"compress, chunked", b"br, chunked", b","),
]
LENGTHS = [
    *(
        b"+29",
        b"-1",
        b"0x1d",
        b"29, 29",
        b"29,30",
        b"29;",
        b"1e1",
        b"2 9",
        b"29.0",
        b"",
        b" ",
        b"x",
    ),
    *(b"9" * 20, b"9" * 5000, b"1" * 400, b"\xb2", b"29\x0b", b"0b11", b"1_0", b"''", b"NaN"),
]
CHUNK_SIZES = [
    *(
        b"F" * 17,
        b"x",
        b"-1",
        b"+1d",
        b"0x1d",
        b" 1d",
        b"1d,",
        b"",
        b"1d\x00",
        b"g",
        b"1_d",
        b"\xff",
    ),
    *(b"FFFFFFFFFFFFFFFFF0", b"1d\x0b", b".5", b"1d=1", b"1d\t1"),
]
DOUBLED = [
    *(b"Host: highway", b"Content-Type: application/json", b"Content-Length: 29"),
    *(b"content-type: text/plain", b"HOST: other", b"Content-Length: 30"),
]
DOUBLED_PAIRS = [
    b"X-Request-Id: a",
    b"X-Deadline-Ms: 5",
    b"Authorization: a",
    b"Content-Encoding: identity",
]
FIELDS = [
    *(
        b"X-A: a\0b",
        b"X-A: a\rb",
        b"X-A: a\nb",
        b"X-A : b",
        b"X A: b",
        b": b",
        b"X-A",
        b"X-A;b",
        b"\0: b",
    ),
    *(
        b" X-A: b",
        b"\tX-A: b",
        b"X-A: b\r\n c",
        b"X-A: b\r\n\tc",
        b"X-A: b\x0bc",
        b"X-A: b\x7f",
        b"X(A): b",
    ),
    *(
        b"X-\xe9: b",
        b"X@: b",
        b"X-A\0: b",
        b"X-A: \x01",
        b'"X": b',
        b"{X}: b",
        b"X-A\r: b",
        b"X,A: b",
    ),
    *(b"X-A: b\r\n\r", b"X-A: b\x1f", b"X/A: b", b"[X]: b", b"X?A: b", b"X<A>: b"),
]
TARGETS = [
    *((b"//", 404), (b"//predict", 404), (b"/predict/", 404), (b"/./v2", 404), (b"/%2e/v2", 404)),
    *(
        (b"/%2e%2e/v2", 404),
        (b"/..%2fv2", 404),
        (b"/v2/../v2", 404),
        (b"/%00", 404),
        (b"/v2%00", 404),
    ),
    *(
        (b"/%", 404),
        (b"/%zz", 404),
        (b"/%ff", 404),
        (b"/%c3%28", 404),
        (b"/v2;x", 404),
        (b"/V2", 404),
    ),
    *((b"*", 404), (b"v2", 400), (b"?x", 400), (b"/\xff", 400), (b"\\v2", 400), (b"/a\x7f", 400)),
    *(
        (b"http://h/v2", 200),
        (b"http://h:1/v2", 200),
        (b"http://other/v2?x=1", 200),
        (b"HTTP://h/v2", 200),
    ),
    *(
        (b"http://h", 404),
        (b"http://", 400),
        (b"http:/v2", 400),
        (b"ftp://h/v2", 200),
        (b"http://[::1/v2", 400),
    ),
    *((b"/v2#f", 200), (b"/v2?" + b"%00", 200), (b"/v2?a=b&c", 200), (b"/v2/models/%00", 404)),
    *((b"/v2/models/..", 404), (b"/v2/models/%2e%2e%2f%2e%2e%2fetc", 404), (b"/requests/%00", 404)),
    *((b"/" + b"a" * MAX_TARGET_BYTES, 414), (b"/v2?" + b"a" * MAX_TARGET_BYTES, 414)),
    *((b"/" + b"a" * 60_000, 414), (b"/" + b"%00" * 20_000, 414), (b"/" + b"a" * 70_000, 414)),
    *((b"/" + b"/" * 4000, 404), (b"/" + b"../" * 2000, 404), (b"/v2?" + b"&" * 4000, 200)),
]
METHODS = {
    **dict.fromkeys(
        [b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"PROPFIND", b"QUERY"], 405
    ),
    **dict.fromkeys([b"CONNECT", b"SEARCH", b"PURGE", b"LINK", b"GET", b"MKCOL", b"LOCK"], 405),
    **dict.fromkeys([b"BREW", b"FOO", b"POSTS", b"X-RAY", b"GETT", b"PRIORITY"], 501),
    **dict.fromkeys(
        [b"post", b"P@ST", b"P\0ST", b"", b"123", b"\xff", b"Post", b"POST\t", b"A" * 5000], 400
    ),
}
TLS = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2
H2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 9
WEBSOCKET = (
    b"Connection: Upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: eA==",
)
EXPECTING = b"Expect: 100-continue"

CASES = [
    *(
        case(f"version {v!r}", post(LENGTH, line=b"POST /predict " + v), s)
        for v, s in VERSIONS.items()
    ),
    case("no version", b"GET /v2\r\n\r\n", 505),
    case("no version, with a host", b"GET /v2\r\nHost: x\r\n\r\n", 505),
    case("no host", post(LENGTH, usual=(TYPE,)), 400),
    case("no host, GET", b"GET /v2 HTTP/1.1\r\n\r\n", 400),
    case("no host in HTTP/1.0", b"GET /v2 HTTP/1.0\r\n\r\n", 200),
    case("a bad host in HTTP/1.0", b"GET /v2 HTTP/1.0\r\nHost: a b\r\n\r\n", 400),
    *(case(f"host {h!r}", post(b"Host: " + h, LENGTH, usual=(TYPE,)), 400) for h in HOSTS),
    *(
        case(f"good host {h!r}", post(b"Host: " + h, LENGTH, usual=(TYPE,)), 200)
        for h in GOOD_HOSTS
    ),
    *(case(f"coding {c!r}", post(b"Transfer-Encoding: " + c, body=CHUNKS), 400) for c in CODINGS),
    *(case(f"length {n[:9]!r} {len(n)}", post(b"Content-Length: " + n), 400) for n in LENGTHS),
    *(case(f"chunk {n!r}", post(CHUNKED, body=n + CHUNKS[2:]), 400) for n in CHUNK_SIZES),
    *(case(f"field {f!r}", post(f, LENGTH), 400) for f in FIELDS),
    *(case(f"doubled {f!r}", post(LENGTH, f), 400) for f in DOUBLED),
    *(case(f"doubled pair {f!r}", post(LENGTH, f, f), 400) for f in DOUBLED_PAIRS),
    *(case(f"target {t[:20]!r} {len(t)}", get(t), s) for t, s in TARGETS),
    *(case(f"method {m[:9]!r}", get(b"/predict", method=m), s) for m, s in METHODS.items()),
    *on_both_paths("length and coding", 400, LENGTH, CHUNKED, body=CHUNKS),
    *on_both_paths("coding and length", 400, CHUNKED, LENGTH, body=CHUNKS),
    *on_both_paths("two coding", 400, CHUNKED, CHUNKED, body=CHUNKS),
    *on_both_paths("coding before a colon", 400, b"Transfer-Encoding : chunked", body=CHUNKS),
    *on_both_paths("coding folded", 400, b"Transfer-Encoding:\r\n chunked", body=CHUNKS),
    *on_both_paths("chunked in capitals", 200, b"Transfer-Encoding: CHUNKED", body=CHUNKS),
    *on_both_paths("a wrong end of a chunk", 400, CHUNKED, body=b"1d\r\n" + ROW + b"xx0\r\n\r\n"),
    *on_both_paths("a bare LF after a chunk", 400, CHUNKED, body=b"1d\r\n" + ROW + b"\n0\r\n\r\n"),
    *on_both_paths("a bare LF after a size", 400, CHUNKED, body=b"1d\n" + ROW + b"\r\n0\r\n\r\n"),
    *on_both_paths("a malformed trailer", 400, CHUNKED, body=CHUNKS[:-2] + b"a b: c\r\n\r\n"),
    *on_both_paths("a trailer", 200, CHUNKED, body=CHUNKS[:-2] + b"X-A: b\r\n\r\n"),
    *on_both_paths(
        "one-byte chunks",
        200,
        CHUNKED,
        body=b"".join(b"1\r\n%c\r\n" % c for c in ROW) + b"0\r\n\r\n",
    ),
    *on_both_paths("an extension", 200, CHUNKED, body=b"1d;a=b\r\n" + CHUNKS[4:]),
    *on_both_paths("as many headers as allowed", 200, *([b"X-A: b"] * (MAX_HEADERS - 3)), LENGTH),
    *on_both_paths("too many headers", 431, *([b"X-A: b"] * MAX_HEADERS), LENGTH),
    *on_both_paths("10,000 headers", 431, *([b"a:b"] * 10_000), LENGTH),
    *on_both_paths("a long head", 431, b"X-A: " + b"a" * 100_000, LENGTH),
    *on_both_paths("a long name", 431, b"X" * 100_000 + b": a", LENGTH),
    *on_both_paths("a head of a megabyte", 431, b"X-A: " + b"a" * 1_000_000, LENGTH),
    case("coding in HTTP/1.0", post(CHUNKED, line=b"POST /predict HTTP/1.0", body=CHUNKS), 400),
    case(
        "coding in HTTP/1.0, asgi", post(CHUNKED, line=b"POST /explain HTTP/1.0", body=CHUNKS), 400
    ),
    case("a long extension", post(CHUNKED, body=b"1d;" + b"a" * 200_000 + CHUNKS[2:]), 431),
    case("long trailers", post(CHUNKED, body=CHUNKS[:-2] + b"X-A: b\r\n" * 20_000 + CRLF), 431),
    case("bare LF", post(LENGTH).replace(CRLF, b"\n"), 400),
    case("bare CR", post(LENGTH).replace(CRLF, b"\r"), 400),
    case("LF after the line", post(LENGTH).replace(CRLF, b"\n", 1), 400),
    case("a space before the line", b" " + post(LENGTH), 400),
    case("a line break before the line", CRLF + post(LENGTH), 200),
    case("TLS", TLS, 400),
    case("HTTP/2", H2, 400),
    case("SSH", b"SSH-2.0-OpenSSH_9.9\r\n", 400),
    case("random bytes", bytes(range(255, 0, -1)) * 4, 400),
    case("NUL", b"\0" * 100, 400),
    case("a line break", CRLF),
    case("nothing", b""),
    case("websocket", get(b"/ws", *WEBSOCKET), 404),
    case("websocket of a path", get(b"/v2", *WEBSOCKET), 200),
    case("websocket, POST", get(b"/predict", *WEBSOCKET, method=b"POST"), 415),
    case("an unknown expectation", post(b"Expect: 200-ok", LENGTH), 200),
    case(
        "a refused expectation",
        post(EXPECTING, b"Content-Length: 99", body=LIVE, usual=(HOST,)),
        415,
    ),
    case("a refused expectation, 404", get(b"/x", EXPECTING, LENGTH, method=b"POST") + LIVE, 404),
    case("a refused expectation, 405", get(b"/v2", EXPECTING, LENGTH, method=b"POST") + LIVE, 405),
    case("an expectation without a body", get(b"/v2", EXPECTING), 200),
    case("half a line", b"POST /pre", 400),
    case("half a head", post(LENGTH)[:40], 400),
    case("half a body", post(LENGTH)[:-5], 400),
    case("half a chunk", post(CHUNKED, body=CHUNKS[:9]), 400),
    case("a half-closed request", post(LENGTH), 200),
    case("a half-closed request, asgi", get(b"/metrics"), 200),
    case("a short length", post(b"Content-Length: 5"), 400, 400),
    case("whole, then broken", post(LENGTH) * 3 + b"x\r\n\r\n", 200, 200, 200, 400),
    case(
        "whole, then a broken chunk",
        post(LENGTH) * 2 + post(CHUNKED, body=b"x" + CRLF),
        200,
        200,
        400,
    ),
    case("whole, then half", post(LENGTH) * 2 + post(LENGTH)[:-1], 200, 200, 400),
    case("whole, then TLS", LIVE * 4 + TLS, 200, 200, 200, 200, 400),
    case("whole, then no host", LIVE + get(b"/v2") + b"GET /v2 HTTP/1.1\r\n\r\n", 200, 200, 400),
    case("whole, then too many headers", LIVE + get(b"/v2", *[b"a: b"] * 101), 200, 431),
    case("broken, then whole", b"x\r\n\r\n" + LIVE, 400),
    case("whole, close, whole", LIVE + get(b"/v2", b"Connection: close") + LIVE, 200, 200),
    case("whole, close, broken", LIVE + get(b"/v2", b"Connection: close") + b"x", 200, 200),
    case(
        "mixed paths",
        post(LENGTH) + LIVE + post(LENGTH, line=b"POST /x HTTP/1.1") + LIVE,
        200,
        200,
        404,
        200,
    ),
    case("1,000 requests", post(LENGTH) * 1000, *[200] * 1000),
    case("1,000 requests for health", LIVE * 1000, *[200] * 1000),
    case("HTTP/1.0 twice", b"GET /v2 HTTP/1.0\r\n\r\n" * 2, 200),
]
