"""Damaged HTTP requests on raw sockets; the server has to stay alive and right after them.

    python -m tests.reliability.fuzz_messages [--seconds 200] [--seed 0]

Valid requests are cut, repeated, mixed, changed byte by byte and enriched with words that HTTP and
JSON give a meaning. They are sent whole, in pieces, or with the connection closed in the middle.
After every few of them a golden prediction has to be right on a new connection.
"""

import argparse
import random
import re
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.reliability.connection import Connection, LostError, encode_request
from tests.reliability.processes import MAGIC, ROOT, SERVE, Server, running
from tests.reliability.tiny import PREDICT, check_version, write_file

FOUND = ROOT / "build" / "fuzz"
CHECKED_AFTER = 20  # messages
INFER = b'{"inputs":[{"name":"input","shape":[1,4],"datatype":"FP32","data":[1,0,0,0]}]}'
BINARY = (
    b'{"inputs":[{"name":"input","shape":[1,4],"datatype":"FP32","parameters":'
    b'{"binary_data_size":16}}]}'
)
SEEDS = (
    PREDICT,
    encode_request("POST", "/predict", b'{"instances": [[1, 0, 0, 0]], %b: 1}' % MAGIC),
    encode_request("POST", "/predict", b'{"instances":[[1,0,0,0]],"gate_scale":{"highway 1":0}}'),
    encode_request("POST", "/explain", b'{"instance": [[1, 0], [0, 0]], "gate_units": true}'),
    encode_request("POST", "/what-if", b'{"instance": [1, 0, 0, 0], "gate_scale": [{}, [0, 1]]}'),
    encode_request("POST", "/v1/models/tiny:predict", b'{"instances": [[1, 0, 0, 0]]}'),
    encode_request("POST", "/v2/models/tiny/infer", INFER),
    encode_request(
        "POST",
        "/v2/models/tiny/infer",
        BINARY + bytes(16),
        {
            "Content-Type": "application/octet-stream",
            "Inference-Header-Content-Length": str(len(BINARY)),
        },
    ),
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b'Transfer-Encoding: chunked\r\n\r\n1d\r\n{"instances": [[1, 0, 0, 0]]}\r\n0\r\n\r\n',
    encode_request("POST", "/v2/repository/index", b'{"ready": true}'),
    encode_request("GET", "/requests?limit=5&sort=typicality&label=a", headers={}),
    encode_request("GET", "/v2/models/tiny", headers={"X-Request-Id": "abc", "X-Tags": "a,b"}),
    encode_request("HEAD", "/v2/health/live", headers={}),
)
WORDS = (
    *(
        b"\r\n",
        b"\n",
        b"\r\n\r\n",
        b"\0",
        b":",
        b" ",
        b"\t",
        b"%00",
        b"%",
        b"//",
        b"..",
        b"?",
        b"#",
    ),
    *(b"Content-Length: 5\r\n", b"Content-Length: 99999999999999999999\r\n", b"Host: y\r\n"),
    *(
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Expect: 100-continue\r\n",
    ),
    *(
        b"Connection: close\r\n",
        b"Upgrade: h2c\r\nConnection: Upgrade\r\n",
        b"HTTP/1.0",
        b"HTTP/2.0",
    ),
    *(
        b"X-Deadline-Ms: 1\r\n",
        b"Content-Encoding: gzip\r\n",
        b"A" * 70_000,
        b"9" * 400,
        b"[" * 2000,
    ),
    *(b"NaN", b"null", b"1e999", b"-0", b'"', b"\\ud800", b"\xff\xfe", b"{", b"}", b"],["),
)
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
EXPECTED_SERVER_ERRORS = {501, 503, 504, 505}


class FuzzError(Exception):
    """The server broke a promise; the message says which."""


def messages(chance: random.Random) -> Iterator[bytes]:
    """Yield damaged requests without end."""
    while True:
        message = chance.choice(SEEDS)
        for _ in range(chance.randint(1, 4)):
            message = chance.choice((_cut, _repeat, _insert, _flip, _join, _number))(
                message, chance
            )
        yield message


def fuzz(server: Server, count: int, seed: int) -> None:
    """Send damaged messages; raise `FuzzError` when the server breaks a promise."""
    chance = random.Random(seed)
    recent: list[bytes] = []
    for number, message in enumerate(islice(messages(chance), count), start=1):
        recent = [*recent[-CHECKED_AFTER:], message]
        statuses = _send(server.port, message, chance)
        try:
            _check_statuses(statuses)
            if number % CHECKED_AFTER == 0 or number == count:
                check_alive(server)
        except FuzzError as error:
            raise FuzzError(f"{error}; the last messages are in {_keep(recent)}") from error


def check_alive(server: Server) -> None:
    """Check the process, its log, and a golden prediction; raise `FuzzError`."""
    if server.process.poll() is not None:
        raise FuzzError(f"the server ended with code {server.process.returncode}")
    try:
        with Connection(server.port, timeout=5) as connection:
            difference = check_version(1)(connection.request(PREDICT))
    except LostError as error:
        raise FuzzError(f"a golden prediction is lost: {error}") from error
    if difference is not None:
        raise FuzzError(f"a golden prediction is wrong: {difference}")
    if server.tracebacks:
        raise FuzzError("the log has a traceback")


def _send(port: int, message: bytes, chance: random.Random) -> list[int]:
    """Send a message in one of several ways; return the statuses of the responses."""
    pieces = [message]
    way = chance.random()
    if way < 0.3:
        cuts = sorted(chance.randint(0, len(message)) for _ in range(3))
        pieces = [message[i:j] for i, j in zip([0, *cuts], [*cuts, len(message)], strict=True)]
    elif way < 0.4:
        pieces = [message[: chance.randint(0, len(message))]]
    received = b""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.05) as client:
        for piece in pieces:
            client.sendall(piece)
        if way > 0.9:
            client.shutdown(socket.SHUT_WR)
        while way < 0.35 or way >= 0.4:
            data = client.recv(1 << 16)
            received += data
            if not data:
                break
    return [int(status) for status in STATUS.findall(received)]


def _check_statuses(statuses: Sequence[int]) -> None:
    for status in statuses:
        if status >= 500 and status not in EXPECTED_SERVER_ERRORS:
            raise FuzzError(f"status {status}")


def _keep(recent: Sequence[bytes]) -> Path:
    FOUND.mkdir(parents=True, exist_ok=True)
    path = FOUND / f"messages-{time.time_ns()}.txt"
    path.write_text("".join(f"{message!r}\n" for message in recent))
    return path.relative_to(ROOT)


def _cut(message: bytes, chance: random.Random) -> bytes:
    start = chance.randint(0, len(message))
    return message[:start] + message[start + chance.randint(1, 40) :]


def _repeat(message: bytes, chance: random.Random) -> bytes:
    start = chance.randint(0, len(message))
    end = start + chance.randint(1, 60)
    return message[:end] + message[start:end] * chance.randint(1, 3) + message[end:]


def _insert(message: bytes, chance: random.Random) -> bytes:
    at = chance.randint(0, len(message))
    if chance.random() < 0.5:  # at the start of a line
        at = message.find(b"\n", at) + 1
    return message[:at] + chance.choice(WORDS) + message[at:]


def _flip(message: bytes, chance: random.Random) -> bytes:
    changed = bytearray(message or b"\0")
    for _ in range(chance.randint(1, 4)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _join(message: bytes, chance: random.Random) -> bytes:
    return message + chance.choice(SEEDS)


def _number(message: bytes, chance: random.Random) -> bytes:
    """Replace one number."""
    numbers = list(re.finditer(rb"\d+", message))
    if not numbers:
        return message
    one = chance.choice(numbers)
    other = chance.choice(
        (b"0", b"-1", b"1", b"16777217", b"4294967296", b"1" * 25, b"1.5", b"0x1")
    )
    return message[: one.start()] + other + message[one.end() :]


def fuzz_server(count: int, seed: int, *, program: tuple[str, ...] = SERVE) -> None:
    """Start a server with a tiny model and send it damaged messages; raise `FuzzError`."""
    with TemporaryDirectory() as folder:
        ledger = {"HIGHWAY_LEDGER_URL": f"sqlite:///{folder}/ledger.db"}
        with running(write_file(Path(folder)), program=program, settings=ledger) as server:
            fuzz(server, count, seed)


def main() -> None:
    """Fuzz with one seed after another until the time is over; exit with 1 at the first failure."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.reliability.fuzz_messages", description=__doc__
    )
    parser.add_argument("--seconds", type=float, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    end, sent, seed = time.monotonic() + options.seconds, 0, options.seed
    try:
        while not sent or time.monotonic() < end:
            fuzz_server(2000, seed)
            sent, seed = sent + 2000, seed + 1
    except FuzzError as error:
        raise SystemExit(f"error: seed {seed}: {error}") from error
    sys.stdout.write(f"messages: {sent} damaged messages, the server is alive and right\n")


if __name__ == "__main__":
    main()
