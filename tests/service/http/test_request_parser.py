"""The head that is kept for the next request, and the requests that are recognized by it."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.http.cycles import MAX_DISCARDED_BYTES
from service.http.framing import MAX_HEAD_BYTES, NOT_HTTP, FramingError
from service.http.request_parser import MAX_KNOWN_BYTES, Head, RequestParser
from tests.service.http.request_streams import (
    HOST,
    INNER,
    TYPE,
    divide,
    head_of,
    pieces_of_a_stream,
    post,
)

Event = tuple[str, object]


class Received:
    """A receiver that keeps what it gets, in its order; it raises an error at one event."""

    def __init__(self, *, fails_at: int | None = None) -> None:
        self.events: list[Event] = []
        self.heads: list[Head] = []
        self.in_one_piece = 0  # requests
        self._fails_at = fails_at
        self._calls = 0

    def request_arrived(self, head: Head, body: bytes) -> None:
        self.in_one_piece += 1
        self.request_begins()
        self.head_arrived(head)
        if body:
            self.body_arrived(body)
        self.request_ends()

    def request_begins(self) -> None:
        self._add("begins", None)

    def head_arrived(self, head: Head) -> None:
        self.heads.append(head)
        self._add("head", head._replace(family=None))

    def body_arrived(self, body: bytes) -> None:
        assert isinstance(body, bytes)
        assert body
        if self.events[-1][0] == "body":  # however it is divided
            self.events[-1] = ("body", self.events[-1][1] + body)  # type: ignore[operator]
        else:
            self._add("body", body)

    def request_ends(self) -> None:
        self._add("ends", None)

    def _add(self, kind: str, value: object) -> None:
        self.events.append((kind, value))
        if kind != "body":
            self._calls += 1
        if self._calls == self._fails_at:
            raise FramingError(429, "no room")

    @property
    def bodies(self) -> list[object]:
        return [value for kind, value in self.events if kind == "body"]


def feed(parser: RequestParser, data: bytes) -> bool:
    """Feed bytes as the protocol does; return whether they were not parsed."""
    known = parser.feed_known(data)
    if not known:
        parser.feed(data)
    return known


def parse(parser: RequestParser, data: bytes) -> bool:
    """Feed bytes without use of the head that is kept."""
    parser.feed(data)
    return False


def history(
    pieces: list[bytes], way: Callable[[RequestParser, bytes], bool], fails_at: int | None
) -> list[tuple[list[Event], tuple[int, str] | None]]:
    """Return what the receiver has got after each piece, and the error that ended it if any.

    Whether an unknown method is 501 or 400 depends on whether a piece begins with it.
    """
    received = Received(fails_at=fails_at)
    parser = RequestParser(received)
    states: list[tuple[list[Event], tuple[int, str] | None]] = []
    for piece in pieces:
        try:
            way(parser, piece)
        except FramingError as error:
            unknown = error.status == 501 and error.message.startswith("method")
            status = (400, NOT_HTTP) if unknown else (error.status, error.message)
            states.append((list(received.events), status))
            break
        states.append((list(received.events), None))
    return states


def recognized(*pieces: bytes) -> list[bool]:
    """Feed pieces to a new parser; return of each whether it was not parsed."""
    parser = RequestParser(Received())
    return [feed(parser, piece) for piece in pieces]


# Which requests are recognized.


def test_a_request_with_the_head_of_the_last_one_is_recognized() -> None:
    received = Received()
    parser = RequestParser(received)
    assert [feed(parser, post(body)) for body in (b"one", b"two", b"three", b"")] == [
        *(False, True, True, True)
    ]
    assert received.bodies == [b"one", b"two", b"three"]
    assert [head.length for head in received.heads] == [3, 3, 5, 0]
    assert received.in_one_piece == 3


def test_a_recognized_head_has_the_fields_of_its_own_length() -> None:
    received = Received()
    parser = RequestParser(received)
    feed(parser, post(b"one"))
    assert feed(parser, head_of(b"0070000"))
    first, head = received.heads
    assert head.fields == [
        (b"host", b"highway"),
        (b"content-length", b"0070000"),
        (b"content-type", b"application/json"),
    ]
    assert head.headers == dict(head.fields)
    assert (first.length, first.body_is_long) == (3, False)
    assert (head.length, head.body_is_long) == (70_000, MAX_DISCARDED_BYTES < 70_000)
    assert first.headers[b"content-length"] == b"3"


def test_heads_that_differ_in_the_length_only_are_of_one_family() -> None:
    received = Received()
    parser = RequestParser(received)
    for body in (b"one", b"three"):
        feed(parser, post(body))
    feed(parser, head_of(b"0", after=b"X-A: 1\r\n"))
    first, second, other = (head.family for head in received.heads)
    assert first is second
    assert other is not first


def test_the_body_of_a_recognized_request_may_arrive_later() -> None:
    received = Received()
    parser = RequestParser(received)
    whole = post(b"three")
    pieces = [whole, whole[:-5], b"th", b"re", b"e", whole]
    assert [feed(parser, piece) for piece in pieces] == [False, *[True] * 5]
    assert received.bodies == [b"three"] * 3


def test_what_follows_the_body_of_a_recognized_request_is_parsed() -> None:
    received = Received()
    parser = RequestParser(received)
    whole = post(b"three")
    pieces = [whole, whole[:-2], b"ee" + post(b"next") + whole, whole]
    assert [feed(parser, piece) for piece in pieces] == [False, True, False, True]
    assert received.bodies == [b"three", b"three", b"next", b"three", b"three"]


def test_a_head_is_kept_while_other_requests_are_parsed() -> None:
    other = b"GET /v2 HTTP/1.1\r\nHost: highway\r\n\r\n"
    assert recognized(post(b"one"), other, post(b"two")) == [False, False, True]


def test_a_request_that_arrived_in_pieces_or_behind_another_is_not_kept() -> None:
    whole = post(b"one")
    assert recognized(whole[:20], whole[20:], whole) == [False] * 3
    assert recognized(whole * 2, whole) == [False] * 2
    assert recognized(whole[:-1], whole[-1:] + whole, whole) == [False, False, True]


@pytest.mark.parametrize(
    "other",
    [
        head_of(b"+3") + b"one",
        head_of(b"3 ") + b"one",
        head_of(b" 3") + b"one",
        head_of(b"3\t") + b"one",
        head_of(b"") + b"one",
        head_of(b"3, 3") + b"one",
        head_of(b"0x3") + b"one",
        head_of("٣".encode()) + b"one",
        head_of(b"3\r\nContent-Length: 3") + b"one",
        head_of(b"3\r\nTransfer-Encoding: chunked") + b"one",
        head_of(b"0" * 18 + b"3") + b"one",
        head_of(b"9" * 30),
        head_of(b"3").replace(b"Content-Length", b"content-length") + b"one",
        head_of(b"3").replace(b"Length: ", b"Length:") + b"one",
        head_of(b"3").replace(b"POST", b"PUT") + b"one",
        head_of(b"3").replace(b"/predict", b"/explain") + b"one",
        head_of(b"3", after=b"") + b"one",
        head_of(b"3", after=TYPE + b"X-A: 1\r\n") + b"one",
        head_of(b"3", after=TYPE + b"Connection: close\r\n") + b"one",
        head_of(b"3")[:-2],
        head_of(b"3")[:-2] + b"\n",
        b"\r\n" + head_of(b"3") + b"one",
        post(b"one") * 2,
        b"",
        b"P",
    ],
)
def test_a_request_that_differs_in_more_than_digits_is_parsed(other: bytes) -> None:
    received = Received()
    parser = RequestParser(received)
    feed(parser, post(b"one"))
    events = list(received.events)
    assert not parser.feed_known(other)
    assert received.events == events


@pytest.mark.parametrize(
    "first",
    [
        b"POST /predict HTTP/1.1\r\nHost: highway\r\n\r\n",
        b"GET /v2 HTTP/1.1\r\nHost: highway\r\nContent-Length: 0\r\n\r\n",
        head_of(b"3 ") + b"one",
        head_of(b"0" * 18 + b"3") + b"one",
        head_of(b"3", after=b"Expect: 100-continue\r\n") + b"one",
        head_of(b"3", after=b"Connection: Upgrade\r\nUpgrade: h2c\r\n") + b"one",
        head_of(b"3", after=b"X-A: " + b"a" * MAX_KNOWN_BYTES + b"\r\n") + b"one",
        HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n",
        HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-A: 1\r\nContent-A: 0\r\n\r\n",
        b"\r\n\r\n" + head_of(b"3") + b"one",
    ],
)
def test_a_request_without_a_plain_length_or_with_a_long_head_is_not_kept(first: bytes) -> None:
    assert recognized(first, first) == [False, False]


@pytest.mark.parametrize("closing", [b"Connection: close\r\n", b"HTTP/1.0"])
def test_nothing_is_recognized_after_the_last_request_of_a_connection(closing: bytes) -> None:
    last = head_of(b"3", after=closing) if closing.endswith(b"\n") else head_of(b"3")
    if closing == b"HTTP/1.0":
        last = last.replace(b"HTTP/1.1", closing)
    received = Received()
    parser = RequestParser(received)
    feed(parser, post(b"one"))
    feed(parser, last + b"two")
    assert not feed(parser, post(b"ignored"))
    assert received.bodies == [b"one", b"two"]


def test_an_error_of_the_receiver_ends_a_recognized_request() -> None:
    for pieces in ([post(b"one")] * 2, [post(b"one"), post(b"one")[:-1]]):
        parser = RequestParser(Received(fails_at=5))
        feed(parser, pieces[0])
        with pytest.raises(FramingError, match="no room"):
            feed(parser, pieces[1])


def test_an_unexpected_error_of_the_receiver_is_500_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Received):
        def body_arrived(self, body: bytes) -> None:
            if body == b"broken":
                raise ValueError("/SECRET/path")

    for before, last in (([], post(b"broken")), ([head_of(b"6")], b"broken")):
        parser = RequestParser(Broken())
        for piece in (post(b"right!"), *before):
            feed(parser, piece)
        with pytest.raises(FramingError) as error:
            feed(parser, last)
        message = "internal error; the server's log has the details"
        assert (error.value.status, error.value.message) == (500, message)
    assert caplog.messages == ["a request could not be processed"] * 2


# No division of any bytes into pieces is read differently because a head is kept.

FAILURES = st.one_of(st.none(), st.none(), st.none(), st.integers(1, 20))


@given(pieces_of_a_stream(), FAILURES)
@example([post(b"one"), post(INNER), post(INNER)[:-3], INNER[-3:] + INNER], None)
@example([post(b"one"), head_of(b"3", after=b"Connection: close\r\n"), b"two", INNER, INNER], None)
@example([b"POST /predict HTTP/1.1\r\n", head_of(b"0", before=b"Host: a\r\n")] * 2, None)
@example([b"POST /predict HTTP/1.1\r\n", *[head_of(b"0", before=b"Host: a\r\n")] * 2], None)
@example([post(post(b"")[:-10]), post(b"")[-40:] + post(b"one"), post(b"")[-40:]], None)
@settings(max_examples=1000, deadline=None)
def test_any_bytes_are_the_same_requests_and_errors_as_without_a_kept_head(
    pieces: list[bytes], fails_at: int | None
) -> None:
    assert history(pieces, feed, fails_at) == history(pieces, parse, fails_at)


SPACE = b"\r\n" * (MAX_HEAD_BYTES // 2 - 20)


@pytest.mark.parametrize(
    "pieces",
    [
        [post(b"one"), SPACE, post(b"two"), SPACE, post(b"three")],
        [post(b"one"), post(b"two")[:-1], b"o" + SPACE, SPACE[:60], post(b"three")],
        [post(b"one"), post(b"two")[:-1], b"o" + SPACE, SPACE, post(b"three")],
        [post(b"one"), SPACE, SPACE, post(b"three")],
    ],
)
def test_blank_lines_count_towards_the_limit_of_a_head_as_without_a_kept_head(
    pieces: list[bytes],
) -> None:
    assert history(pieces, feed, None) == history(pieces, parse, None)


def test_requests_are_the_same_wherever_two_of_them_are_divided() -> None:
    stream = post(b"one") + post(INNER) + post(b"")
    first = len(post(b"one"))
    for cut in range(first, len(stream)):
        for other in range(cut, min(cut + 40, len(stream))):
            pieces = divide(stream, {first, cut, other})
            assert history(pieces, feed, None) == history(pieces, parse, None), pieces


def test_every_damaged_byte_of_a_head_is_the_same_as_without_a_kept_head() -> None:
    head = head_of(b"11")
    for place in range(len(head)):
        for byte in b"\r\n\t :0x\0\xff":
            damage = head[:place] + bytes([byte]) + head[place + 1 :]
            pieces = [post(b"one"), damage + b"hello world", post(b"two")]
            assert history(pieces, feed, None) == history(pieces, parse, None), damage


def test_all_requests_of_a_long_stream_with_one_head_are_recognized() -> None:
    assert recognized(*[post(b"x" * length) for length in range(200)]) == [False] + [True] * 199


def test_the_streams_of_the_property_are_recognized_often() -> None:
    counts = {True: 0, False: 0}

    @given(pieces_of_a_stream())
    @settings(max_examples=200, deadline=None, database=None, derandomize=True)
    def count(pieces: list[bytes]) -> None:
        parser = RequestParser(Received())
        with suppress(FramingError):
            for piece in pieces:
                counts[feed(parser, piece)] += 1

    count()
    assert counts[True] > 10
