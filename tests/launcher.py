"""Processes for the tests that start with the slow imports done: forks of a template process.

A command in such a process differs from `python -m …` in its imports only: it has its own process
id, environment, folder, standard streams and session, is a child of the test's process, and
receives signals as any other. On other systems than Linux the command is started anew.
"""

import atexit
import ctypes
import gc
import inspect
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parent.parent
SCORING = (
    *("scoring.command", "highway_client.arrow_columns", "pyarrow.csv", "pyarrow.parquet"),
    "pandas",  # pyarrow imports it when it first converts a list
)
SERVICE = ("service.commands", "service.server.start", "service.server.worker_process")
TRAINING = (
    *("models.commands.train", "models.training.trainer", "models.search.trials"),
    *("export.artifact", "export.graph"),
)
# What a template imports, by the package whose commands its forks run.
IMPORTS = {
    "scoring": SCORING,
    "service": SERVICE,
    "tests.reliability.planted": SERVICE,
    "tests.scoring.killed": SCORING,
    "models": TRAINING,
    "export": TRAINING,
}
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
MESSAGE_BYTES = 1 << 20
_ARGUMENTS = tuple(inspect.signature(subprocess.Popen._execute_child).parameters)[1:]  # type: ignore[attr-defined]


class PreparedProcess(subprocess.Popen[str]):
    """`python -m PACKAGE …` with its streams as text, forked from the template of the package.

    With `anew`, a new interpreter. `options` are arguments of `subprocess.Popen`, but of those
    that concern the process itself only `cwd`, `env` and `start_new_session`.
    """

    def __init__(
        self, package: str | Path, *words: str | Path, anew: bool = False, **options: Any
    ) -> None:
        self._anew = anew or sys.platform != "linux"
        command = [sys.executable, "-m", *map(str, (package, *words))]
        super().__init__(command, cwd=options.pop("cwd", ROOT), text=True, **options)

    def _execute_child(self, *arguments: Any) -> None:
        """Replace the step of `subprocess.Popen` that forks and executes the command."""
        given = dict(zip(_ARGUMENTS, arguments, strict=True))
        if self._anew:
            super()._execute_child(*arguments)  # type: ignore[misc]
            return
        streams = [
            number if given[pipe] == -1 else given[pipe]
            for number, pipe in enumerate(("p2cread", "c2pwrite", "errwrite"))
        ]
        request = {
            "words": given["args"][2:],
            "folder": str(given["cwd"]),
            "environment": dict(given["env"] or os.environ),
            "session": given["start_new_session"],
        }
        self.pid = _template(IMPORTS[given["args"][2]]).fork(request, streams)
        self._child_created = True
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(given[pipe] for pipe in pipes))  # type: ignore[attr-defined]


class Template:
    """A process that has done some imports and forks on request."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.launcher", str(other.fileno()), *modules],
            cwd=ROOT,
            pass_fds=[other.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        other.close()
        atexit.register(self._stop)

    def _stop(self) -> None:
        self._socket.close()
        self._process.wait()

    def fork(self, request: dict[str, Any], streams: list[int]) -> int:
        """Start a process, which becomes a child of this one; return its process id."""
        prctl = ctypes.CDLL(None).prctl
        # The process is started by a child of the template that ends at once; the nearest
        # ancestor with this mark adopts it.
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        try:
            socket.send_fds(self._socket, [json.dumps(request).encode()], streams)
            return int(self._socket.recv(MESSAGE_BYTES))
        finally:
            prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@cache
def _template(modules: tuple[str, ...]) -> Template:
    """Return the template of this test process; it ends with this process."""
    return Template(modules)


def main(descriptor: int, modules: Sequence[str]) -> None:
    """Import the modules, then fork for each request until the test's process ends."""
    for module in modules:
        import_module(module)
    gc.freeze()  # a collection in a fork would copy the pages of all objects
    with socket.socket(fileno=descriptor) as requests:
        while True:
            message, streams, _, _ = socket.recv_fds(requests, MESSAGE_BYTES, 3)
            if not message:
                return
            request = json.loads(message)
            pid = _fork(streams)
            if not pid:
                break
            requests.send(str(pid).encode())
    _run(request)


def _fork(streams: list[int]) -> int:
    """Fork twice; return the process id of the second fork, and zero in it, with its streams."""
    read, write = os.pipe()
    if first := os.fork():
        os.waitpid(first, 0)
        for descriptor in (write, *streams):
            os.close(descriptor)
        with open(read) as answer:
            return int(answer.read())
    if second := os.fork():
        os.write(write, str(second).encode())
        os._exit(0)
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    for descriptor in (read, write, *streams):
        os.close(descriptor)
    return 0


def _run(request: dict[str, Any]) -> NoReturn:
    """Run the command as `python -m` does."""
    if request["session"]:
        os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    _open_streams(os.environ.get("PYTHONIOENCODING"))
    sys.path[0] = request["folder"]
    package, *_ = sys.argv = request["words"]
    runpy.run_module(package, run_name="__main__", alter_sys=True)
    raise SystemExit


def _open_streams(encoding: str | None) -> None:
    """Replace the template's streams, as the interpreter opens them at its start."""
    sys.stdout = open(1, "w", encoding=encoding, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, encoding=encoding, errors="backslashreplace", closefd=False)  # noqa: SIM115


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the tests, which end this process
    main(int(sys.argv[1]), sys.argv[2:])
