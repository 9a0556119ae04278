"""Server processes: started on a free port, measured through /proc, ended by process id."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

from tests.launcher import PreparedProcess

ROOT = Path(__file__).parents[2]
BUNDLED = ROOT / "service" / "bundled" / "digits.onnx"
SERVE = ("service", "serve")  # words after `python -m`
# The same server with a fault, which this variable names; see `planted.py`.
PLANTED = ("tests.reliability.planted", "serve")
FAULT_VARIABLE = "PLANTED_FAULT"
MAGIC = b'"magic"'  # the member of a body that ends a server with the fault `crash`
START_SECONDS = 30
MIB = 1 << 20

_ADDRESS = re.compile(r"on http://(?:127\.0\.0\.1|\[::1\]):(\d+)")


class StartError(Exception):
    """The server ended before it logged its address; the message is its log."""


@dataclass(frozen=True)
class Usage:
    """What one process holds: private bytes, resident ones, file descriptors and threads.

    Resident bytes that several processes share count once, divided among them.
    """

    private: int
    resident: int
    descriptors: int
    threads: int


@dataclass
class Server:
    """A running server, the lines of its log, and its port."""

    process: subprocess.Popen[str]
    log: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def pid(self) -> int:
        """The process that was started: the supervisor if there are several workers."""
        return self.process.pid

    def workers(self) -> list[int]:
        """Return the process ids that serve: those of the children, or its own without children."""
        return _children(self.pid) or [self.pid]

    def usage(self) -> dict[int, Usage]:
        """Return what each process holds, the supervisor too."""
        found = {}
        for pid in {self.pid, *_children(self.pid)}:
            with suppress(OSError):  # the process ended
                found[pid] = usage(pid)
        return found

    def resident(self) -> int:
        """Return the resident bytes of all processes together."""
        return sum(one.resident for one in self.usage().values())

    def exit_seconds(self, number: signal.Signals = signal.SIGTERM, *, limit: float = 30) -> float:
        """Send a signal; return the seconds until the process ends, infinity beyond `limit`."""
        began = time.monotonic()
        self.process.send_signal(number)
        try:
            self.process.wait(limit)
        except subprocess.TimeoutExpired:
            return float("inf")
        return time.monotonic() - began

    def logged(self, pattern: str) -> bool:
        """Check whether a line of the log matches."""
        return any(re.search(pattern, line) for line in self.log)

    @property
    def tracebacks(self) -> int:
        """The number of tracebacks in the log."""
        return sum(line.startswith("Traceback") for line in self.log)


@contextmanager
def running(
    *words: str | Path,
    program: tuple[str, ...] = SERVE,
    prefix: tuple[str, ...] = (),
    anew: bool = False,
    memory_limit: int | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Serve on a free port until the block ends, without a ledger unless `settings` have one.

    `words` are the arguments of `serve`: the model first. `prefix` is a command that runs the
    server's. With `anew` the process shares no memory, so that its memory can be measured. All
    processes together may have `memory_limit` bytes, if this process may create a control group.
    """
    with _memory_group(memory_limit) as join:
        command = [*program, *map(str, words), "--port", "0"]
        server = Server(_start(prefix, command, settings or {}, join, anew=anew))
        reader, started = _follow(server)
        try:
            if not started.wait(START_SECONDS) or not server.port:
                raise StartError("\n".join(server.log) or "the server logs no address")
            yield server
        finally:
            _kill(server.process)
            reader.join(5)
            if server.process.stderr is not None:
                server.process.stderr.close()


def _start(
    prefix: tuple[str, ...],
    command: list[str],
    settings: Mapping[str, str],
    join: Callable[[], None] | None,
    *,
    anew: bool,
) -> subprocess.Popen[str]:
    options: dict[str, Any] = {
        "env": {**os.environ, "HIGHWAY_LEDGER_URL": "off", **settings},
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.PIPE,
        "errors": "replace",
        "start_new_session": True,
    }
    if prefix or join:
        started = [*prefix, sys.executable, "-m", *command]
        return subprocess.Popen(started, cwd=ROOT, text=True, preexec_fn=join, **options)
    return PreparedProcess(*command, anew=anew, **options)


def _follow(server: Server) -> tuple[Thread, Event]:
    """Read the log in a thread; the event is set by the address, or by the end of the log."""
    started = Event()

    def follow() -> None:
        assert server.process.stderr is not None
        for line in server.process.stderr:
            server.log.append(line.rstrip("\n"))
            address = _ADDRESS.search(line)
            if address is not None and not server.port:
                server.port = int(address[1])
                started.set()
        started.set()

    thread = Thread(target=follow, daemon=True)
    thread.start()
    return thread, started


def _kill(process: subprocess.Popen[str]) -> None:
    """End the process and its workers, stopped ones too: they are a session of their own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def usage(pid: int) -> Usage:
    """Read what a process holds; raise `OSError` if it has ended."""
    folder = Path(f"/proc/{pid}")
    sizes = {
        line.split(":")[0]: int(line.split()[1]) * 1024
        for line in (folder / "smaps_rollup").read_text().splitlines()[1:]
    }
    return Usage(
        private=sizes["Private_Clean"] + sizes["Private_Dirty"],
        resident=sizes["Pss"],
        descriptors=len(os.listdir(folder / "fd")),
        threads=len(os.listdir(folder / "task")),
    )


def _children(pid: int) -> list[int]:
    """Return the children that run Python code of the server, not multiprocessing's helpers."""
    children = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += [int(child) for child in (task / "children").read_text().split()]
    return [child for child in sorted(children) if b"resource_tracker" not in _command(child)]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b"resource_tracker"  # it ended


@contextmanager
def _memory_group(limit: int | None) -> Iterator[Callable[[], None] | None]:
    """Create a control group with a memory limit; give what a new process calls to join it.

    Gives None without a limit, and where control groups cannot be written: callers then compare
    the resident memory with the limit by themselves.
    """
    if limit is None:
        yield None
        return
    group = _create_group(limit)
    if group is None:
        yield None
        return
    try:
        yield lambda: _write(group / "cgroup.procs", os.getpid())
    finally:
        _remove(group)


def _create_group(limit: int) -> Path | None:
    name = f"highway-{os.getpid()}-{time.monotonic_ns()}"
    for root, file in (
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),  # version 1
        (Path("/sys/fs/cgroup"), "memory.max"),
    ):
        group = root / name
        with suppress(OSError):
            group.mkdir()
            if (group / file).exists():
                _write(group / file, limit)
                return group
            group.rmdir()
    return None


def _write(file: Path, value: int) -> None:
    file.write_text(str(value))


def _remove(group: Path) -> None:
    """Remove the group; the kernel keeps it until its last process is gone."""
    for _ in range(50):
        with suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.1)
