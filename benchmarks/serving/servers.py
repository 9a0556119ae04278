"""Server processes: started on a free port, measured through /proc, stopped by process id."""

import http.client
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks.serving.bodies import Body
from benchmarks.serving.errors import BenchmarkError

ROOT = Path(__file__).parents[2]
START_SECONDS, RESPONSE_SECONDS, STOP_SECONDS = 60, 30, 15
PORTS = range(20_000, 30_000)
POLL_SECONDS = 0.005  # resolution of the start time
SETTINGS = {"HIGHWAY_LEDGER_URL": "off"}  # no rival has one
# Of an absolute path, all but the name of the file: results are published.
FOLDERS = re.compile(r"(?<!\w)(?:/[^\s/'\":,]+)+/")

Command = Callable[[Path, int], list[str]]  # (file, port) -> command line


def project(file: Path, port: int) -> list[str]:
    """Return the command of this project's server."""
    return [sys.executable, "-m", "service", "serve", str(file), "--port", str(port)]


@dataclass(frozen=True, kw_only=True)
class Response:
    """A response; the names of the headers are in lower case."""

    status: int
    headers: dict[str, str]
    content: bytes


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server: its process group and its port."""

    pid: int  # of the process that was started, and of its group
    port: int
    start_seconds: float  # from the start of the process to its first response

    def send(self, body: Body) -> int:
        """Send one request; return the status of its response."""
        return self.response_to(body).status

    def response_to(self, body: Body) -> "Response":
        """Send one request; return its response."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=RESPONSE_SECONDS)
        try:
            connection.request("POST", body.path, body.content, body.headers)
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Response(status=response.status, headers=headers, content=response.read())
        finally:
            connection.close()

    def cpu_seconds(self) -> float:
        """Return the processor time that the group has used so far, in steps of 10 ms."""
        # User and system time of each process, and of its children that have ended.
        ticks = sum(sum(map(int, fields[11:15])) for _, fields in self._processes())
        return ticks / os.sysconf("SC_CLK_TCK")

    def processes(self) -> dict[int, float]:
        """Return the processor seconds of each process of the group by its id."""
        clock = os.sysconf("SC_CLK_TCK")
        return {
            int(process.name): sum(map(int, fields[11:13])) / clock
            for process, fields in self._processes()
        }

    def resident_mb(self) -> float:
        """Return the resident memory in megabytes (10⁶ bytes), shared pages counted once."""
        kib = 0
        for process, _ in self._processes():
            with suppress(OSError):  # it has ended
                lines = (process / "smaps_rollup").read_text().splitlines()
                kib += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return round(kib * 1024 / 1e6, 1)

    def _processes(self) -> Iterator[tuple[Path, list[str]]]:
        """Yield the group's folders in /proc, and the numbers of their `stat` from `state` on."""
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended
                # The name in brackets, which may contain spaces, precedes the numbers.
                fields = (process / "stat").read_text().rpartition(")")[2].split()
                if int(fields[2]) == self.pid and fields[0] != "Z":
                    yield process, fields


@contextmanager
def running(
    command: Command, file: Path, first: Body, *, starting: Collection[int] = ()
) -> Iterator[Server]:
    """Start a server, wait until it responds to `first` with 200, and stop it at the end.

    Until then it may respond with the statuses `starting`.
    """
    port = free_port()
    with tempfile.TemporaryFile("w+") as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            command(file, port),
            cwd=ROOT,
            env=os.environ | SETTINGS,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a process group of its own
        )
        try:
            _await_response(process, port, first, log, starting)
            start_seconds = round(time.perf_counter() - began, 3)
            yield Server(pid=process.pid, port=port, start_seconds=start_seconds)
        finally:
            _stop(process)


def _await_response(
    process: subprocess.Popen[bytes],
    port: int,
    first: Body,
    log: IO[str],
    starting: Collection[int],
) -> None:
    server = Server(pid=process.pid, port=port, start_seconds=0)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            log.seek(0)
            last = (log.read().strip().splitlines() or ["nothing in its log"])[-1]
            raise BenchmarkError(f"the server exited at its start: {FOLDERS.sub('', last)}")
        try:
            status = server.send(first)
        except (ConnectionError, http.client.HTTPException):
            time.sleep(POLL_SECONDS)
            continue
        if status == http.client.OK:
            return
        if status in starting:
            time.sleep(POLL_SECONDS)
            continue
        raise BenchmarkError(f"POST {first.path}: expected status 200, found {status}")
    raise BenchmarkError(f"the server did not respond within {START_SECONDS} s")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):  # the whole group has ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_port() -> int:
    """Return a local TCP port that no process listens on.

    It is below those that the kernel gives to clients: the load generator's connections may have
    any of them when the server starts.
    """
    for port in random.sample(PORTS, len(PORTS)):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise BenchmarkError(f"no port from {PORTS.start} to {PORTS.stop} is free")
