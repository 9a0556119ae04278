"""Programs of the system that the tests of deploy/ start or call."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
START_SECONDS = 30


def program(name: str, package: str | None = None) -> str:
    """Return the path of a program; skip the test with what to install if there is none."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if path is None:
        pytest.skip(f"no program {name}: install Debian's package {package or name}")
    return path


def call(*words: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; return its output, also if it fails."""
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [str(word) for word in words],
        **{"capture_output": True, "text": True, "timeout": 60, **options},
    )


def substitute(text: str, values: Mapping[str, object]) -> str:
    """Replace each key, which has to be in the text, by its value."""
    for old, new in values.items():
        assert old in text, f"expected {old!r} in the file"
        text = text.replace(old, str(new))
    return text


@contextmanager
def running(log: Path, ready: Callable[[], bool], *command: str | Path) -> Iterator[None]:
    """Run a program from when it is ready until the block ends."""
    with log.open("w") as output:
        process = subprocess.Popen(
            [str(word) for word in command], stdout=output, stderr=subprocess.STDOUT
        )
    try:
        end = time.monotonic() + START_SECONDS
        while not ready():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(20)


def listens(port: int) -> bool:
    """Check whether a program accepts connections."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def eventually(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait for a change that other processes make."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"expected a change within {seconds} s, found none"
        time.sleep(0.2)
