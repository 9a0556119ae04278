"""A server process for the tests, and requests to it."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

from tests.launcher import PreparedProcess


@contextmanager
def serving(
    file: Path, *options: str | Path, **settings: str
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run the server on a free port until the block ends; gives the process and the port."""
    process = PreparedProcess(
        *("service", "serve", file, "--port", "0", *options),
        env={**os.environ, **settings},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with following(process) as port:
        yield process, port


@contextmanager
def following(process: subprocess.Popen[str]) -> Iterator[int]:
    """Read the log of a server in a session of its own until the block ends; gives the port."""
    assert process.stderr is not None
    lines = map(re.compile(r"on http://127\.0\.0\.1:(\d+)").search, process.stderr)
    address = next(filter(None, lines), None)
    # A full pipe would block the server in the middle of a line.
    drain = Thread(target=process.stderr.read)
    drain.start()
    try:
        assert address is not None
        yield int(address[1])
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with its workers, which keep the pipe open
        process.wait()
        drain.join()
        process.stderr.close()


def fetch(port: int, path: str, body: bytes | None = None) -> Any:
    """Return the JSON of the response with the request's id as a member, or its text."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=5) as response:
        if response.headers["content-type"] != "application/json":
            return response.read().decode()
        return {"id": response.headers["x-request-id"], **json.load(response)}


def predict(port: int, path: str = "/predict") -> Any:
    return fetch(port, path, b'{"instances": [[1, 0, 0, 0]]}')


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for a change that other processes make."""
    end = time.monotonic() + 8
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def workers_of(process: subprocess.Popen[str]) -> set[int]:
    """Return the process ids of the workers."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return set(map(int, children))
