"""Attacks by one client on a server that others use: each prints one line with its figures.

    python -m tests.reliability.attacks [NAME …]

They stay on the loopback interface and are bounded in number and time.
"""

import argparse
import json
import math
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tests.reliability.attempts import Check, attempting
from tests.reliability.connection import (
    Connection,
    LostError,
    Response,
    encode_request,
    get,
    seconds_of_health,
)
from tests.reliability.hostile import ADDRESS
from tests.reliability.outcome import Outcome, Scenario, eventually, run_scenarios
from tests.reliability.processes import BUNDLED, MIB, ROOT, Server, running
from tests.reliability.traffic import Prepared, Reference, infer_binary, predict

SECONDS = 4.0  # of each of the two measurements of throughput
ORDINARY_CLIENTS = 4
HOSTILE_START_SECONDS = 1.0
GREEDY_CONNECTIONS, GREEDY_ROWS, SMALL_P99 = 64, 1000, 0.3
FAIR_SHARE = 0.5
LONGEST_PAUSE = 0.1  # a health response, which waits for the event loop and for the processor
HALF_SENT = 200
MAX_ROWS = 1024
BODY_SIZES = tuple(MIB << shift for shift in range(4, -1, -1))  # 16 MiB to 1 MiB
STAY_BYTES = 30 * MIB
UNREAD_CONNECTIONS = 20
UNREAD_REQUESTS = 40  # on each of them
IDLE_THREADS = 4  # of a pool, kept for the next reader
UNREAD_BYTES = 112 * MIB  # bodies in flight, their rows and their outputs
PARQUET_ROWS, FILLED_ROWS = 100_000, 200  # in all, and with one request


def worst_body(body: Callable[[Reference, int], bytes], path: str = "/predict") -> Outcome:
    """One client repeats its worst body beside four ordinary clients."""
    outcome = Outcome(
        f"the others keep {FAIR_SHARE:.0%} of their throughput, health responds within "
        f"{LONGEST_PAUSE * 1000:.0f} ms"
    )
    reference = Reference(BUNDLED)
    ordinary = _ordinary(reference)
    with running(BUNDLED) as server:
        message = encode_request("POST", path, body(reference, largest_body(server.port)))
        alone = _throughput(server, ordinary)
        with repeating(server.port, message) as statuses, probing_health(server.port) as pauses:
            beside = _throughput(server, ordinary)
        outcome.figures |= {
            "body MB": len(message) / 1e6,
            "statuses": dict(sorted(statuses.items())),
            "requests/s alone": alone,
            "beside": beside,
            "ratio": beside / alone,
            "slowest health ms": max(pauses) * 1000,
        }
        outcome.expect(beside >= FAIR_SHARE * alone, "the others wait")
        outcome.expect(max(pauses) <= LONGEST_PAUSE, "health waits")
        expect_alive(outcome, server)
    return outcome


def half_sent(limit_mib: int, settings: Mapping[str, str], count: int = HALF_SENT) -> Outcome:
    """Connections that each send the largest body less a byte, and then nothing."""
    outcome = Outcome(
        f"alive in {limit_mib} MiB, health within 100 ms, 10 s later at most 30 MiB more than first"
    )
    limited = running(BUNDLED, anew=True, memory_limit=limit_mib * MIB, settings=settings)
    with limited as server, ExitStack() as stack:
        size = largest_body(server.port)
        before = peak = server.resident()
        with probing_health(server.port) as pauses:
            connections = [stack.enter_context(_opened(server.port)) for _ in range(count)]
            end = time.monotonic() + 20
            sent = _upload(connections, size, end, server)
            peak = max(peak, sent.peak)
            time.sleep(1)
            peak = max(peak, server.resident())
        outcome.figures |= {
            "body MB": size / 1e6,
            "sent MB": sent.bytes / 1e6,
            "before MiB": before / MIB,
        }
        outcome.figures |= {"peak MiB": peak / MIB, "slowest health ms": max(pauses) * 1000}
        stack.close()
        time.sleep(10)
        after = server.resident()
        outcome.figures["after 10 s MiB"] = after / MIB
        outcome.expect(server.process.poll() is None, "the server was killed")
        outcome.expect(peak <= limit_mib * MIB, "more memory than the limit")
        outcome.expect(max(pauses) <= 0.1, "health waits")
        outcome.expect(after <= before + STAY_BYTES, "memory stays")
        expect_alive(outcome, server)
    return outcome


def unread() -> Outcome:
    """Connections that send many requests with large answers and do not read them."""
    outcome = Outcome("at most 112 MiB more, given back after the connections are closed")
    reference = Reference(BUNDLED)
    rows = reference.rows(256)
    message = predict(reference, rows, reference.outputs(rows), "/predict").message
    with running(BUNDLED, anew=True) as server, ExitStack() as stack:
        before = peak = server.resident()
        connections = [
            stack.enter_context(Connection(server.port, buffer=4096, timeout=0.2, source=ADDRESS))
            for _ in range(UNREAD_CONNECTIONS)
        ]
        with probing_health(server.port) as pauses:
            for _ in range(UNREAD_REQUESTS):
                for connection in connections:
                    with suppress(LostError):  # the server stops reading, or closes
                        connection.send(message)
                peak = max(peak, server.resident())
        held = _after(server, 10)
        closed = sum(_is_closed(connection) for connection in connections)
        stack.close()
        after = _after(server, 10)
        outcome.figures |= {
            "before MiB": before / MIB,
            "peak MiB": peak / MIB,
            "held after 10 s MiB": held / MIB,
            "closed by the server": closed,
            "after close MiB": after / MIB,
            "slowest health ms": max(pauses) * 1000,
        }
        outcome.expect(peak <= before + UNREAD_BYTES, "the answers are kept in memory")
        outcome.expect(after <= before + STAY_BYTES, "memory stays")
        expect_alive(outcome, server)
    return outcome


def stalled_parquet() -> Outcome:
    """Two clients request the ledger as Parquet and do not read it; a third one needs it."""
    outcome = Outcome("a third reader is served within 35 s, SIGTERM ends the server within 10 s")
    with TemporaryDirectory() as folder:
        settings = {
            "HIGHWAY_LEDGER_URL": f"sqlite:///{folder}/ledger.db",
            "HIGHWAY_LEDGER_RATE": "1000000",
        }
        with running(BUNDLED, settings=settings) as server, ExitStack() as stack:
            _fill_ledger(server)
            before = _threads(server)
            message = encode_request("GET", "/requests.parquet", headers={})
            for _ in range(2):
                unread = Connection(server.port, buffer=4096, source=ADDRESS)
                stack.enter_context(unread).send(message)
            time.sleep(1)
            began = time.monotonic()
            third = eventually(partial(_reads_parquet, server), 160)
            stack.close()
            left = eventually(lambda: _threads(server) <= before + IDLE_THREADS, 20)
            outcome.figures |= {"third reader s": third, "threads gone after s": left}
            outcome.figures["exit s"] = server.exit_seconds()
            outcome.figures["in all s"] = time.monotonic() - began
            outcome.expect(third <= 35, "a third reader waits")
            outcome.expect(left <= 20, "threads stay")
            outcome.expect(float(str(outcome.figures["exit s"])) <= 10, "it does not exit in time")
            outcome.expect(not server.tracebacks, f"{server.tracebacks} tracebacks")
    return outcome


def greedy() -> Outcome:
    """Many connections of one client that each send batches as large as allowed."""
    outcome = Outcome(f"99 % of the answers to a small client take at most {SMALL_P99 * 1000:g} ms")
    reference = Reference(BUNDLED)
    rows = reference.rows(GREEDY_ROWS)
    message = infer_binary(reference, rows, reference.outputs(rows)).message
    small = _ordinary(reference)
    with running(BUNDLED) as server:
        with (
            probing_health(server.port) as pauses,
            repeating(server.port, message, connections=GREEDY_CONNECTIONS) as statuses,
            attempting(server.port, small.message, _check(small), kept=1, fresh=0) as made,
        ):
            time.sleep(3 * SECONDS)
        seconds = sorted(one.ended - one.begun for one in made.made)
        outcome.figures |= {
            "small requests": len(seconds),
            "p50 ms": quantile(seconds, 0.5) * 1000,
            "p99 ms": quantile(seconds, 0.99) * 1000,
            "greedy statuses": dict(sorted(statuses.items())),
            "slowest health ms": max(pauses) * 1000,
        }
        outcome.expect(not made.wrong and not made.lost, made.describe())
        outcome.expect(quantile(seconds, 0.99) <= SMALL_P99, "the small client waits")
        expect_alive(outcome, server)
    return outcome


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the nearest-rank quantile of ordered values."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


# The worst bodies known: decoded in Python, or one value after the other. Each has as many rows,
# keys or scales as fit into `limit` bytes, and at most `MAX_ROWS` rows.
def late_null(reference: Reference, limit: int) -> bytes:
    """Return rows of which the last value is null."""
    row = [0.0] * reference.size
    return _instances(row, [*row[1:], None], limit)


def many_keys(_reference: Reference, limit: int) -> bytes:
    """Return an object of many keys: 1.45 million in 16 MB."""
    return b"{" + b",".join(b'"%x":1' % number for number in range(limit // 11)) + b"}"


def objects(reference: Reference, limit: int) -> bytes:
    """Return rows as objects, which an image has not."""
    row = {str(i): 0 for i in range(reference.size)}
    return _instances(row, row, limit)


def nested_rows(_reference: Reference, limit: int) -> bytes:
    """Return images as rows of pixels, the last with a string."""
    image = [[0.0] * 28] * 28
    return _instances(image, [*image[:-1], [*image[-1][:-1], "0"]], limit)


def long_integers(reference: Reference, limit: int) -> bytes:
    """Return rows of numbers with 20 digits, which are not float64 exactly."""
    row = [12345678901234567890] * reference.size
    return _instances(row, row, limit)


def valid_rows(reference: Reference, limit: int) -> bytes:
    """Return valid rows: the largest honest request."""
    row = reference.rows(1)[0].tolist()
    return _instances(row, row, limit)


def long_scales(reference: Reference, limit: int) -> bytes:
    """Return one row with a gate scale after the other."""
    scales = ",".join(["[1]"] * min(1_000_000, (limit - 8 * reference.size) // 4))
    return (
        f'{{"instances": [{json.dumps([0] * reference.size)}], "gate_scale": [{scales}]}}'.encode()
    )


def _instances(row: object, last: object, limit: int) -> bytes:
    size = len(json.dumps(row)) + 2
    rows = [row] * (min(MAX_ROWS, limit // size - 1) - 1)
    return json.dumps({"instances": [*rows, last]}).encode()


WORST: dict[str, Callable[[Reference, int], bytes]] = {
    "late-null": late_null,
    "many-keys": many_keys,
    "objects": objects,
    "nested-rows": nested_rows,
    "long-integers": long_integers,
    "long-scales": long_scales,
    "valid-rows": valid_rows,
}
LARGE_BODIES = {"HIGHWAY_MAX_BODY_BYTES": str(16 * MIB)}
ATTACKS: dict[str, Scenario] = {
    **{f"body-{name}": partial(worst_body, body) for name, body in WORST.items()},
    "body-explain-many-keys": partial(worst_body, many_keys, "/explain"),
    "body-infer-many-keys": partial(worst_body, many_keys, "/v2/models/digits/infer"),
    "greedy": greedy,
    "half-sent-512": partial(half_sent, 512, LARGE_BODIES),
    "half-sent-256": partial(half_sent, 256, LARGE_BODIES),
    "half-sent-256-default": partial(half_sent, 256, {}),
    "unread": unread,
    "stalled-parquet": stalled_parquet,
}


@contextmanager
def probing_health(port: int) -> Iterator[list[float]]:
    """Measure health on new connections while the block runs; gives the seconds at the end."""
    seconds = [0.0]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.reliability.health_probe", str(port)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield seconds
        finally:
            measured, _ = process.communicate()
            seconds += json.loads(measured)


@contextmanager
def repeating(port: int, message: bytes, *, connections: int = 1) -> Iterator[Counter[int]]:
    """Let a hostile client send one message again and again while the block runs.

    Gives the number of its answers by status, which is filled at the end.
    """
    statuses = Counter[int]()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "message"
        path.write_bytes(message)
        words = (str(port), str(path), str(connections))
        with subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.hostile", *words],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            time.sleep(HOSTILE_START_SECONDS)
            try:
                yield statuses
            finally:
                counts, _ = process.communicate()
                statuses.update({int(key): count for key, count in json.loads(counts).items()})


def expect_alive(outcome: Outcome, server: Server) -> None:
    """Expect that the server answers health after the attack."""
    outcome.expect(seconds_of_health(server.port, timeout=5) < 1, "not alive afterwards")
    outcome.expect(not server.tracebacks, f"{server.tracebacks} tracebacks")


def _ordinary(reference: Reference) -> Prepared:
    rows = reference.rows(1)
    return predict(reference, rows, reference.outputs(rows), "/predict")


def _check(prepared: Prepared) -> Check:
    def check(response: Response) -> str | None:
        return None if prepared.accepts(response) else f"status {response.status}"

    return check


def _throughput(server: Server, prepared: Prepared) -> float:
    """Return the right answers per second of four clients that keep their connections."""
    check, kept = _check(prepared), ORDINARY_CLIENTS
    with attempting(server.port, prepared.message, check, kept=kept, fresh=0) as made:
        time.sleep(SECONDS)
        end = time.monotonic()
    right = [one for one in made.made if one.outcome == "right" and one.ended <= end]
    return len(right) / SECONDS


@dataclass
class _Sent:
    bytes: int = 0
    peak: int = 0


def _upload(connections: Sequence[Connection], size: int, end: float, server: Server) -> _Sent:
    """Send bodies but for a byte to all connections in turn, as far as the server reads."""
    head = _head(size)
    sent = _Sent()
    left = {connection: size - 1 for connection in connections}
    for connection in connections:
        with suppress(LostError):
            connection.send(head)
        connection.socket.setblocking(False)
    piece, quiet = b"[" + b" " * MIB, time.monotonic()
    while left and time.monotonic() < min(end, quiet + 3):
        for connection, rest in list(left.items()):
            try:
                count = connection.socket.send(piece[:rest])
            except BlockingIOError:
                continue
            except OSError:
                del left[connection]  # refused
                continue
            sent.bytes += count
            quiet = time.monotonic()
            if rest == count:
                del left[connection]
            else:
                left[connection] = rest - count
        sent.peak = max(sent.peak, server.resident())
    return sent


def largest_body(port: int) -> int:
    """Return the largest size of `BODY_SIZES` of which the server does not refuse the head."""
    for size in BODY_SIZES:
        with Connection(port, timeout=0.5) as connection:
            connection.send(_head(size))
            try:
                connection.receive()
            except LostError:  # it waits for the body
                return size
    return BODY_SIZES[-1]


def _head(size: int) -> bytes:
    return encode_request("POST", "/predict").replace(b"h: 0", b"h: %d" % size)


@contextmanager
def _opened(port: int) -> Iterator[Connection]:
    connection = Connection(port, timeout=5, source=ADDRESS)
    try:
        yield connection
    finally:
        connection.close()


def _is_closed(connection: Connection) -> bool:
    """Read all that was received; return whether the server closed the connection."""
    connection.socket.settimeout(0.2)
    try:
        while connection.socket.recv(MIB):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def _after(server: Server, seconds: float) -> int:
    time.sleep(seconds)
    return server.resident()


def _threads(server: Server) -> int:
    return sum(one.threads for one in server.usage().values())


def _fill_ledger(server: Server) -> None:
    """Record rows, so that the Parquet file is larger than the buffers of a connection."""
    reference = Reference(BUNDLED)
    rows = np.repeat(reference.rows(1), FILLED_ROWS, axis=0)
    message = predict(reference, rows, reference.outputs(rows), "/predict").message
    with Connection(server.port) as connection:
        for _ in range(PARQUET_ROWS // FILLED_ROWS):
            connection.request(message)
    eventually(lambda: _written(server) >= PARQUET_ROWS // 2, 60)


def _written(server: Server) -> int:
    return int(json.loads(get(server.port, "/ledger").body)["written"])


def _reads_parquet(server: Server) -> bool:
    try:
        return get(server.port, "/requests.parquet", timeout=5).status == 200
    except LostError:
        return False


def main() -> None:
    """Run the attacks; exit with 1 if a promise is broken."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.reliability.attacks", description=__doc__
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ATTACKS))
    options = parser.parse_args()
    run_scenarios(ATTACKS, options.names, seconds=0)


if __name__ == "__main__":
    main()
