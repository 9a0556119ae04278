"""Streams of HTTP requests most of which have one head, damaged or whole, and their divisions."""

from itertools import pairwise

from hypothesis import strategies as st

# Of a head: the lines before and after Content-Length.
HOST = b"POST /predict HTTP/1.1\r\nHost: highway\r\n"
TYPE = b"Content-Type: application/json\r\n"


def head_of(length: bytes, *, before: bytes = HOST, after: bytes = TYPE) -> bytes:
    return b"%bContent-Length: %b\r\n%b\r\n" % (before, length, after)


def post(body: bytes) -> bytes:
    return head_of(b"%d" % len(body)) + body


NAMES = st.sampled_from([b"Content-Length", b"content-length", b"CONTENT-LENGTH"])
BLANKS = st.sampled_from([b" ", b" ", b"", b"\t", b"  ", b" \t "])
AFTER = st.sampled_from([b"", b"", b"", b"", b" ", b"\t ", b"\x0b"])
INNER = post(b"inner")
BODIES = st.one_of(
    st.sampled_from(
        [
            *(b"", b"x", b"one", b"two", b"\r\n", b"\r\n\r\n", b"a\r\n\r\nb", INNER, INNER * 2),
            *(b"\r\nContent-Length: 3\r\n\r\n", b"0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"),
            *(INNER[:30], b"\r\n" + INNER, b"y" * 300),
        ]
    ),
    st.binary(max_size=12),
)
LINES = [
    *(b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Expect: 100-continue\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Connection: Upgrade\r\nUpgrade: h2c\r\n"),
    *(b"Content-Length: 3\r\n", b"X-A: content-length: 3\r\n", b"X-A: b\r\n c\r\n", b"X-A:\r\n"),
    *(b"Upgrade: h2c\r\n", b"X-A: b\n", b"\n", b"X-A: b\r"),
]
COMMON = [
    *(b"Connection: keep-alive\r\n", b"X-A: content-length: 3\r\n", b"X-A:\r\n", b"X-B: 1\r\n"),
    *(b"Expect: 100-continue\r\n", b"Connection: Upgrade\r\nUpgrade: h2c\r\n"),
]
WORDS = st.sampled_from(
    [
        *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\t", b":", b"0", b"9", b"1" * 18, b"3" * 19),
        *(b"Content-Length: 3\r\n", b"HTTP/1.0", b"Connection: close\r\n", b"\0", b"-", b"chunked"),
    ]
)


@st.composite
def stream_of_requests(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    """Requests most of which have one head; returns their bytes, and where they may be divided."""
    name, blanks, after = draw(NAMES), draw(BLANKS), draw(st.sampled_from([b"", TYPE]))
    common = draw(st.lists(st.sampled_from(COMMON), max_size=1))
    kept = name, blanks, b""
    body, stream, ends = b"", b"", [0]
    for _ in range(draw(st.integers(2, 7))):
        body = draw(st.one_of(BODIES, BODIES, st.just(body)))
        digits = b"0" * draw(st.sampled_from([0] * 9 + [1, 2, 16, 18]))
        digits = (
            draw(st.sampled_from([b""] * 20 + [b" ", b"+", b"-", b"1_"]))
            + digits
            + b"%d" % (max(0, len(body) + draw(st.sampled_from([0] * 12 + [-1, 1, 40]))))
        )
        usual = draw(st.sampled_from([True] * 5 + [False]))
        lines = common if usual else [*common, *draw(st.lists(st.sampled_from(LINES), max_size=1))]
        name, blanks, trailing = kept if usual else (draw(NAMES), draw(BLANKS), draw(AFTER))
        length = b"%b:%b%b%b\r\n" % (name, blanks, digits, trailing)
        if not usual and draw(st.booleans()):
            length = b"Transfer-Encoding: chunked\r\n"
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
        line = HOST if usual else draw(st.sampled_from([HOST, HOST.replace(b"1.1", b"1.0")]))
        lead = draw(st.sampled_from([b""] * 20 + [b"\r\n", b"\n", b"\r\n\r\n", b"\r"]))
        head = lead + line + length + after + b"".join(lines) + b"\r\n"
        if draw(st.sampled_from([False] * 4 + [True])):
            ends += [len(stream) + len(lead), len(stream) + len(head)]
        stream += head + body
        if draw(st.sampled_from([True] * 5 + [False])):
            ends.append(len(stream))
    return stream, ends


@st.composite
def damaged(draw: st.DrawFn, stream: bytes) -> bytes:
    """Replace, remove, repeat or insert a few bytes."""
    for _ in range(draw(st.integers(1, 2))):
        start = draw(st.integers(0, len(stream)))
        stop = min(len(stream), start + draw(st.sampled_from([0, 0, 1, 1, 2, 30])))
        put = draw(st.one_of(WORDS, st.binary(max_size=2), st.just(stream[start:stop] * 2)))
        stream = stream[:start] + put + stream[stop:]
    return stream


@st.composite
def pieces_of_a_stream(draw: st.DrawFn) -> list[bytes]:
    """Divide a stream, damaged or whole, at some ends of its parts and anywhere."""
    stream, ends = draw(stream_of_requests())
    cuts = set(ends)
    if draw(st.sampled_from([False, False, True])):
        stream = draw(damaged(stream))
    if draw(st.booleans()):
        cuts |= draw(st.sets(st.integers(0, len(stream)), max_size=4))
    if draw(st.sampled_from([False] * 9 + [True])):
        stream = stream[: draw(st.integers(0, len(stream)))]
    pieces = divide(stream, cuts)
    repeats: bool = draw(st.booleans())
    if pieces and repeats:
        copied: bytes = draw(st.sampled_from(pieces))
        pieces.insert(draw(st.integers(0, len(pieces))), copied)
        pieces.append(copied)
    return pieces


def divide(stream: bytes, cuts: set[int]) -> list[bytes]:
    within = sorted(cut for cut in cuts if 0 < cut < len(stream))
    bounds = [0, *within, len(stream)]
    pieces = [stream[start:stop] for start, stop in pairwise(bounds)]
    return [piece for piece in pieces if piece]
