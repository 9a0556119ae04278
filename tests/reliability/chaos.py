"""Failures around the server, each with the promise that it keeps.

    python -m tests.reliability.chaos [--seconds 600] [NAME …]

Workers are killed and stopped, files corrupted and exchanged, disks filled, while clients send
requests and note every one that is lost. Each scenario prints one line.
"""

import argparse
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

from tests.reliability.attempts import Attempts, attempting
from tests.reliability.connection import Connection, LostError, encode_request, get, post
from tests.reliability.outcome import Outcome, Scenario, eventually, run_scenarios
from tests.reliability.processes import MAGIC, ROOT, SERVE, Server, running
from tests.reliability.tiny import (
    PREDICT,
    answered_version,
    check_consistent,
    check_version,
    write_file,
    write_version,
)

KEPT, FRESH = 4, 2  # clients with a kept connection, and with a new one for each request
REPLACED_SECONDS = 20
SERVING_THREADS = 1  # a worker that serves has more, one that starts has not
EXIT_SECONDS = 10.0
STALLED = 5
# One is read by the server's own protocol class, the other by the application.
HALF_REQUESTS = (
    PREDICT[:-10],
    encode_request("POST", "/explain", b'{"instance": [1, 0, 0, 0]}')[:-10],
)
# A worker's death and replacement have to be in the log and in the metrics.
LOGGED = r"(?i)worker.*(died|killed|ended|exit|signal|replac|not respond|unresponsive)"
COUNTED = re.compile(r"(?im)^\w*worker\w*(death|died|replace|restart|exit)\w*(\{.*\})? [1-9]")


def steady(program: tuple[str, ...] = SERVE, *, seconds: float = 2.0) -> Outcome:
    """Valid requests with unknown members, broken bodies, and connections closed in the middle."""
    outcome = Outcome("no request ends a process")
    with folder() as path, running(write_file(path), program=program) as server:
        before = server.workers()
        with attempting(server.port, PREDICT, check_version(1)) as attempts:
            end = time.monotonic() + seconds
            while time.monotonic() < end and server.process.poll() is None:
                disturb(server.port)
        outcome.figures["requests"] = len(attempts.made)
        expect_all_right(outcome, attempts)
        ended = eventually(lambda: server.process.poll() is not None, 0.2) < 0.2
        outcome.expect(not ended and server.workers() == before, "a process ended")
        outcome.expect(not server.tracebacks, f"{server.tracebacks} tracebacks")
    return outcome


def disturb(port: int) -> None:
    """Send a valid body with an unknown member, broken ones, and a request that is cut off."""
    with_member = b'{"instances": [[1, 0, 0, 0]], %b: 1}' % MAGIC
    for body in (
        with_member,
        b'{"instances": [[1',
        b"\xff\xfe",
        b'{"instances": [[null, 0, 0, 0]]}',
    ):
        with suppress(LostError):
            post(port, "/predict", body)
    with suppress(LostError), Connection(port) as connection:
        connection.send(HALF_REQUESTS[0])


def kill_worker() -> Outcome:
    """SIGKILL to one of two workers."""
    return _lose_a_worker(signal.SIGKILL)


def stop_worker() -> Outcome:
    """SIGSTOP to one of two workers, which then hangs."""
    return _lose_a_worker(signal.SIGSTOP)


def _lose_a_worker(number: signal.Signals) -> Outcome:
    outcome = Outcome(
        "only requests in flight at that worker are lost; it is replaced, logged and counted"
    )
    with two_workers() as (server, _):
        with attempting(server.port, PREDICT, check_version(1), kept=KEPT, fresh=FRESH) as attempts:
            time.sleep(0.5)
            first, second = server.workers()
            os.kill(first, number)
            replaced = eventually(lambda: _two_workers(server, without=first), REPLACED_SECONDS)
            time.sleep(1.0)
        outcome.figures |= {"requests": len(attempts.made), "lost": len(attempts.lost)}
        outcome.figures["replaced after s"] = replaced
        in_flight = KEPT + FRESH  # each client waits for its response
        outcome.expect(len(attempts.lost) <= in_flight, f"lost: {attempts.describe()}")
        outcome.expect(not attempts.wrong, attempts.describe())
        outcome.expect(replaced < REPLACED_SECONDS, "no new worker serves")
        outcome.expect(second in server.workers(), "the other worker ended as well")
        outcome.expect(server.logged(LOGGED), "the log does not mention it")
        outcome.expect(bool(COUNTED.search(_metrics(server))), "the metrics do not count it")
    return outcome


def sigterm(workers: int, *, stalled: int = 0) -> Outcome:
    """SIGTERM under load; `stalled` clients have sent half a request."""
    outcome = Outcome("no request is lost before readiness has failed; exit with 0 within 10 s")
    with (
        folder() as path,
        running(write_file(path), "--workers", str(workers)) as server,
        stalled_clients(server.port, stalled),
    ):
        # Every worker has to serve, not only the first.
        eventually(lambda: _serving(server) == workers, 10)
        with attempting(
            server.port, PREDICT, check_version(1), kept=KEPT, fresh=FRESH, heeds_readiness=True
        ) as attempts:
            time.sleep(0.7)
            seconds = server.exit_seconds()
    outcome.figures |= {"requests": len(attempts.made), "lost": len(attempts.lost)}
    outcome.figures |= {"exit s": seconds, "code": server.process.returncode}
    expect_all_right(outcome, attempts)
    outcome.expect(seconds <= EXIT_SECONDS, "it does not exit in time")
    outcome.expect(server.process.returncode == 0, "another exit code")
    outcome.expect(not server.tracebacks, f"{server.tracebacks} tracebacks")
    return outcome


def second_signal(workers: int) -> Outcome:
    """Two SIGTERM while clients have sent half a request."""
    outcome = Outcome("the second signal ends the server at once")
    with folder() as path, running(write_file(path), "--workers", str(workers)) as server:
        eventually(lambda: _serving(server) == workers, 15)
        with stalled_clients(server.port, STALLED):
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            seconds = server.exit_seconds()
    outcome.figures["exit s"] = seconds
    outcome.expect(seconds < 1, "it does not exit at once")
    outcome.expect(not server.tracebacks, f"{server.tracebacks} tracebacks")
    return outcome


def corrupt_file() -> Outcome:
    """The model file is overwritten with garbage, then one of two workers is killed."""
    outcome = Outcome("the other worker serves on, and the new one serves the same model")
    with two_workers() as (server, file):
        with attempting(server.port, PREDICT, check_version(1), kept=KEPT, fresh=FRESH) as attempts:
            file.write_bytes(b"no model")
            first, _ = server.workers()
            os.kill(first, signal.SIGKILL)
            replaced = eventually(lambda: _two_workers(server, without=first), REPLACED_SECONDS)
            time.sleep(5.0)  # a server that gives up does so within this time
        outcome.figures |= {"requests": len(attempts.made), "lost": len(attempts.lost)}
        outcome.expect(server.process.poll() is None, "the server ended")
        outcome.expect(len(attempts.lost) <= KEPT + FRESH, f"lost: {attempts.describe()}")
        outcome.expect(not attempts.wrong, attempts.describe())
        outcome.expect(replaced < REPLACED_SECONDS, "no new worker serves")
    return outcome


def exchanged_file() -> Outcome:
    """Another valid model replaces the file, then one of two workers is killed."""
    outcome = Outcome("all workers answer with the model that the server was started with")
    with two_workers() as (server, file):
        with attempting(server.port, PREDICT, check_version(1), kept=KEPT, fresh=FRESH) as attempts:
            write_file(file.parent, version=2)
            first, _ = server.workers()
            os.kill(first, signal.SIGKILL)
            eventually(lambda: _two_workers(server, without=first), REPLACED_SECONDS)
            time.sleep(1.0)
        outcome.figures |= {"requests": len(attempts.made), "other model": len(attempts.wrong)}
        outcome.expect(not attempts.wrong, attempts.describe())
        outcome.expect(len(attempts.lost) <= KEPT + FRESH, f"lost: {attempts.describe()}")
    return outcome


def swaps(workers: int = 2, *, versions: int = 20) -> Outcome:
    """New versions appear in the model repository, each followed by SIGHUP."""
    outcome = Outcome("no request fails, each answer is that of the version it names")
    with folder() as path:
        write_version(path, 1)
        with (
            running(path, "--workers", str(workers)) as server,
            attempting(server.port, PREDICT, check_consistent, kept=KEPT, fresh=FRESH) as attempts,
        ):
            slowest = 0.0
            for version in range(2, versions + 2):
                write_version(path, version)
                server.process.send_signal(signal.SIGHUP)
                slowest = max(slowest, eventually(partial(_answers, server, version), 15))
        outcome.figures |= {"swaps": versions, "requests": len(attempts.made)}
        outcome.figures |= {"failed": len(attempts.lost), "mixed": len(attempts.wrong)}
        outcome.figures["slowest swap s"] = slowest
        expect_all_right(outcome, attempts)
        outcome.expect(slowest < 15, "a new version is not served within 15 s")
    return outcome


def corrupt_candidate() -> Outcome:
    """A broken version appears in the model repository, followed by SIGHUP."""
    outcome = Outcome("the old version serves on, and the log says why")
    with folder() as path:
        write_version(path, 1)
        with running(path, "--workers", "2") as server:
            with attempting(server.port, PREDICT, check_version(1)) as attempts:
                write_version(path, 2, model=b"no model")
                server.process.send_signal(signal.SIGHUP)
                logged = eventually(lambda: server.logged(r"ERROR|WARNING"), 10)
                time.sleep(1.0)
            outcome.figures["requests"] = len(attempts.made)
            expect_all_right(outcome, attempts)
            outcome.expect(logged < 10, "the log does not mention it")
    return outcome


def full_disk() -> Outcome:
    """The ledger's file may not grow any more, as on a full disk."""
    outcome = Outcome("predictions go on; the ledger says so, and recovers with the space")
    with folder() as path, _with_ledger(f"sqlite:///{path}/ledger.db", path) as server:
        with attempting(server.port, PREDICT, check_version(1), kept=2, fresh=1) as attempts:
            eventually(lambda: _ledger(server)["written"] > 0, 10)
            (worker,) = server.workers()
            limits = resource.prlimit(worker, resource.RLIMIT_FSIZE, (4096, -1))
            seen = eventually(lambda: _ledger(server)["last_error"] is not None, 20)
            resource.prlimit(worker, resource.RLIMIT_FSIZE, limits)
            before = _ledger(server)["written"]
            back = eventually(lambda: _ledger(server)["written"] > before, 40)
        outcome.figures |= {"requests": len(attempts.made), "reported after s": seen}
        outcome.figures["recovered after s"] = back
        expect_all_right(outcome, attempts)
        outcome.expect(seen < 20, "the ledger does not report it")
        outcome.expect(back < 40, "the ledger does not write again")
    return outcome


def database_gone() -> Outcome:
    """The ledger's folder is removed while the server runs."""
    outcome = Outcome("predictions go on")
    with folder() as path:
        (path / "ledger").mkdir()
        url = f"sqlite:///{path}/ledger/ledger.db"
        with _with_ledger(url, path) as server:
            with attempting(server.port, PREDICT, check_version(1), kept=2, fresh=1) as attempts:
                eventually(lambda: _ledger(server)["written"] > 0, 10)
                shutil.rmtree(path / "ledger")
                time.sleep(3)
            outcome.figures["requests"] = len(attempts.made)
            expect_all_right(outcome, attempts)
    return outcome


def no_database() -> Outcome:
    """Nothing listens at the ledger's PostgreSQL address."""
    outcome = Outcome("the server starts and predicts; the ledger is unavailable")
    with folder() as path, _with_ledger("postgresql://user@127.0.0.1:9/none", path) as server:
        with attempting(server.port, PREDICT, check_version(1), kept=1, fresh=1) as attempts:
            seen = eventually(lambda: _ledger(server)["state"] == "unavailable", 20)
        outcome.figures |= {"requests": len(attempts.made), "reported after s": seen}
        expect_all_right(outcome, attempts)
        outcome.expect(seen < 20, "the ledger does not report it")
    return outcome


def port_in_use() -> Outcome:
    """Another process listens on the port."""
    outcome = Outcome("exit with 1 within 5 s and one sentence")
    with folder() as path, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", *SERVE, write_file(path), "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, "HIGHWAY_LEDGER_URL": "off"},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        seconds = time.monotonic() - began
    outcome.figures |= {"exit s": seconds, "code": done.returncode}
    outcome.expect(done.returncode == 1, "another exit code")
    outcome.expect(seconds < 5, "it takes too long")
    outcome.expect(done.stderr.startswith("error: cannot listen"), "another message")
    outcome.expect("Traceback" not in done.stderr, "a traceback")
    return outcome


def read_only_root() -> Outcome:
    """Every file system but the shared memory is read-only; needs root and `unshare`."""
    outcome = Outcome("the server starts and predicts with two workers")
    script = 'mount --bind / / && mount -o remount,ro,bind / && cd "$0" && exec "$@"'
    with folder() as path:
        file = write_file(path)
        enter = ("unshare", "--mount", "sh", "-c", script, str(ROOT))
        possible = subprocess.run([*enter, "true"], check=False, capture_output=True)
        if possible.returncode:
            outcome.figures["not possible here"] = possible.stderr.decode().strip()
            return outcome
        with running(
            file, "--workers", "2", prefix=enter, settings={"TMPDIR": "/dev/shm"}
        ) as server:
            eventually(lambda: _two_workers(server), 15)
            with attempting(server.port, PREDICT, check_version(1)) as attempts:
                time.sleep(1)
            outcome.figures["requests"] = len(attempts.made)
            expect_all_right(outcome, attempts)
    return outcome


SCENARIOS: dict[str, Scenario] = {
    "steady": steady,
    "kill-worker": kill_worker,
    "stop-worker": stop_worker,
    "sigterm-1": partial(sigterm, 1),
    "sigterm-2": partial(sigterm, 2),
    "sigterm-1-stalled": partial(sigterm, 1, stalled=STALLED),
    "sigterm-2-stalled": partial(sigterm, 2, stalled=STALLED),
    "second-signal-1": partial(second_signal, 1),
    "second-signal-2": partial(second_signal, 2),
    "corrupt-file": corrupt_file,
    "exchanged-file": exchanged_file,
    "swaps": swaps,
    "corrupt-candidate": corrupt_candidate,
    "full-disk": full_disk,
    "database-gone": database_gone,
    "no-database": no_database,
    "port-in-use": port_in_use,
    "read-only-root": read_only_root,
}


def expect_all_right(outcome: Outcome, attempts: Attempts) -> None:
    """Expect that every request got its right answer."""
    outcome.expect(not attempts.lost and not attempts.wrong, attempts.describe())
    outcome.expect(bool(attempts.made), "no request was sent")


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder."""
    with tempfile.TemporaryDirectory(prefix="highway-chaos-") as path:
        yield Path(path)


@contextmanager
def two_workers() -> Iterator[tuple[Server, Path]]:
    """A server with two workers that both serve, and its model file."""
    with folder() as path:
        file = write_file(path)
        with running(file, "--workers", "2") as server:
            eventually(lambda: _two_workers(server), 15)
            yield server, file


@contextmanager
def stalled_clients(port: int, count: int) -> Iterator[None]:
    """Connections on which half a request is sent, and nothing more."""
    connections = [Connection(port) for _ in range(count)]
    for connection, message in zip(connections, cycle(HALF_REQUESTS), strict=False):
        connection.send(message)
    time.sleep(0.2)  # the server reads them
    try:
        yield
    finally:
        for connection in connections:
            connection.close()


@contextmanager
def _with_ledger(url: str, path: Path) -> Iterator[Server]:
    with running(write_file(path), settings={"HIGHWAY_LEDGER_URL": url}) as server:
        yield server


def _two_workers(server: Server, *, without: int = 0) -> bool:
    return without not in server.workers() and _serving(server) == 2


def _serving(server: Server) -> int:
    """Return the number of workers with the threads of one that serves."""
    usages = server.usage()
    return sum(usages[pid].threads > SERVING_THREADS for pid in server.workers() if pid in usages)


def _answers(server: Server, version: int) -> bool:
    """Check that several new connections, so all workers, answer with this version."""
    return all(_version(server) == version for _ in range(8))


def _version(server: Server) -> int | None:
    return answered_version(post(server.port, "/predict", b'{"instances": [[1, 0, 0, 0]]}'))


def _ledger(server: Server) -> dict[str, Any]:
    status: dict[str, Any] = json.loads(get(server.port, "/ledger").body)
    return status


def _metrics(server: Server) -> str:
    return get(server.port, "/metrics").body.decode()


def main() -> None:
    """Run the scenarios; exit with 1 if a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.chaos", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SCENARIOS))
    parser.add_argument("--seconds", type=float, default=0, help="repeat until then")
    options = parser.parse_args()
    run_scenarios(SCENARIOS, options.names, options.seconds)


if __name__ == "__main__":
    main()
