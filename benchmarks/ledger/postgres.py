"""A temporary PostgreSQL server, run by the installed binaries."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.servers import free_port

USER = "postgres"


class Postgres:
    """A cluster in a folder, on a free local port."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries = binaries
        self._folder = folder
        self._port = free_port()
        self.url = f"postgresql://{USER}@127.0.0.1:{self._port}/postgres"

    def create(self) -> None:
        """Create the cluster, without passwords."""
        self._run("initdb", "--auth=trust", f"--username={USER}", "--no-sync")

    def start(self) -> None:
        """Start, and wait until it accepts connections."""
        options = f"-p {self._port} -h 127.0.0.1 -k {self._folder}"
        self._run("pg_ctl", "start", "--wait", f"--options={options}", f"--log={self._folder}/log")

    def stop(self, mode: str = "fast") -> None:
        """Stop, and wait until it has ended."""
        self._run("pg_ctl", "stop", "--wait", f"--mode={mode}")

    def _run(self, command: str, *arguments: str) -> None:
        words = [str(self._binaries / command), f"--pgdata={self._folder}/data", *arguments]
        as_user = ["runuser", "-u", USER, "--"] if os.geteuid() == 0 else []
        done = subprocess.run(
            [*as_user, *words], capture_output=True, text=True, check=False, cwd=self._folder
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
            raise BenchmarkError(f"{command} failed: {last}")


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a server until the block ends."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not installed:
        raise BenchmarkError("PostgreSQL's server is not installed")
    with tempfile.TemporaryDirectory() as name:
        if os.geteuid() == 0:
            shutil.chown(name, USER)
        server = Postgres(installed[-1].parent, Path(name))
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
