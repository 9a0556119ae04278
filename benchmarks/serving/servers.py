"""A contender's process: started on a free port, watched through /proc, stopped by its number."""

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
START_SECONDS, ANSWER_SECONDS, STOP_SECONDS = 30, 30, 30
POLL_SECONDS = 0.005  # how finely the start is told
# One thread for a run of the network, and no ledger: as for every contender.
SETTINGS = {"HIGHWAY_THREADS": "1", "HIGHWAY_LEDGER_URL": "off"}

Command = Callable[[Path, int], list[str]]  # of a file and a port


def project(file: Path, port: int) -> list[str]:
    """Return the command of this project's server."""
    return [sys.executable, "-m", "service", "serve", str(file), "--port", str(port)]


def obvious(file: Path, port: int) -> list[str]:
    """Return the command of the obvious service."""
    return [sys.executable, "-m", "benchmarks.serving.obvious", str(file), str(port)]


@dataclass(frozen=True, kw_only=True)
class Server:
    """A process that answers on a port of this machine."""

    pid: int
    port: int
    start_seconds: float  # from the start of the process to its first answer

    def ask(self, body: Body) -> int:
        """Send one request and return the status of its answer; it may take long."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)
        try:
            connection.request("POST", body.path, body.content, body.headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()

    def cpu_seconds(self) -> float:
        """Return the processor time that the process has used so far, in ticks of 10 ms."""
        # The name in brackets, which may hold blanks, comes before the numbers.
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        user, system = fields[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        """Return the megabytes (10⁶ bytes) of the process that lie in memory."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


@contextmanager
def running(command: Command, file: Path, first: Body) -> Iterator[Server]:
    """Start a server, wait until it answers `first` with 200, and stop it in the end."""
    port = _free_port()
    with tempfile.TemporaryFile("w+") as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            command(file, port), cwd=ROOT, env=os.environ | SETTINGS, stdout=log, stderr=log
        )
        try:
            _await_answer(process, port, first, log)
            took = round(time.perf_counter() - began, 3)
            yield Server(pid=process.pid, port=port, start_seconds=took)
        finally:
            _stop(process)


def _await_answer(process: subprocess.Popen[bytes], port: int, first: Body, log: IO[str]) -> None:
    server = Server(pid=process.pid, port=port, start_seconds=0)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            log.seek(0)
            last = (log.read().strip().splitlines() or ["nothing in its log"])[-1]
            raise BenchmarkError(f"expected a server, found one that ended at once: {last}")
        try:
            status = server.ask(first)
        except ConnectionRefusedError:
            time.sleep(POLL_SECONDS)
            continue
        if status == http.client.OK:
            return
        raise BenchmarkError(f"POST {first.path}: expected an answer of 200, found {status}")
    raise BenchmarkError(f"expected a server within {START_SECONDS} s, found none that answers")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
