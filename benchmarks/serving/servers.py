"""Server processes: started on a free port, measured through /proc, stopped by process id."""

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks.serving.bodies import Body
from benchmarks.serving.errors import BenchmarkError

ROOT = Path(__file__).parents[2]
START_SECONDS, RESPONSE_SECONDS, STOP_SECONDS = 30, 30, 30
POLL_SECONDS = 0.005  # resolution of the start time
# One inference thread and no ledger, as for every contender.
SETTINGS = {"HIGHWAY_THREADS": "1", "HIGHWAY_LEDGER_URL": "off"}

Command = Callable[[Path, int], list[str]]  # (file, port) -> command line


def project(file: Path, port: int) -> list[str]:
    """Return the command of this project's server."""
    return [sys.executable, "-m", "service", "serve", str(file), "--port", str(port)]


def fastapi(file: Path, port: int) -> list[str]:
    """Return the command of the plain FastAPI service."""
    return [sys.executable, "-m", "benchmarks.serving.fastapi_service", str(file), str(port)]


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server, the process that was started and its children, and its port."""

    pid: int
    port: int
    start_seconds: float  # from the start of the process to its first response

    def send(self, body: Body) -> int:
        """Send one request; return the status of its response."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=RESPONSE_SECONDS)
        try:
            connection.request("POST", body.path, body.content, body.headers)
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()

    def cpu_seconds(self) -> float:
        """Return the processor time used so far, in steps of 10 ms."""
        ticks = 0
        for process in self._processes():
            # The name in brackets, which may contain spaces, precedes the numbers.
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])  # user and system
        return ticks / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        """Return the resident memory in megabytes (10⁶ bytes), shared pages counted once."""
        kib = 0
        for process in self._processes():
            lines = (process / "smaps_rollup").read_text().splitlines()
            kib += int(next(line for line in lines if line.startswith("Pss:")).split()[1])
        return round(kib * 1024 / 1e6, 1)

    def _processes(self) -> list[Path]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [Path("/proc", str(pid)) for pid in (self.pid, *children)]


@contextmanager
def running(command: Command, file: Path, first: Body) -> Iterator[Server]:
    """Start a server, wait until it responds to `first` with 200, and stop it at the end."""
    port = free_port()
    with tempfile.TemporaryFile("w+") as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            command(file, port), cwd=ROOT, env=os.environ | SETTINGS, stdout=log, stderr=log
        )
        try:
            _await_response(process, port, first, log)
            start_seconds = round(time.perf_counter() - began, 3)
            yield Server(pid=process.pid, port=port, start_seconds=start_seconds)
        finally:
            _stop(process)


def _await_response(process: subprocess.Popen[bytes], port: int, first: Body, log: IO[str]) -> None:
    server = Server(pid=process.pid, port=port, start_seconds=0)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            log.seek(0)
            last = (log.read().strip().splitlines() or ["nothing in its log"])[-1]
            raise BenchmarkError(f"the server exited at its start: {last}")
        try:
            status = server.send(first)
        except ConnectionRefusedError:
            time.sleep(POLL_SECONDS)
            continue
        if status == http.client.OK:
            return
        raise BenchmarkError(f"POST {first.path}: expected status 200, found {status}")
    raise BenchmarkError(f"the server did not respond within {START_SECONDS} s")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a local TCP port that no process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
