"""The cluster of the tests on Ray: one for all workers of pytest-xdist, used by one at a time.

`python -m tests.ray_cluster FILE` runs it until SIGTERM, and writes the environment to the file.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from scoring.ray_cluster import local_cluster

ROOT = Path(__file__).parents[1]
PROCESSORS = 3  # two workers that score, and a replica
START_SECONDS = 300
STOP_SECONDS = 60
# Ray Serve replaces a proxy that is not ready after 5 seconds, for ever on a busy machine.
PATIENCE = {
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "60",
}
LIBRARY_PATH = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "client")])}


def shared_cluster(folder: Path) -> dict[str, str]:
    """Return the environment of the session's cluster; the first caller starts it."""
    path = folder / "ray.json"
    with FileLock(folder / "ray.json.lock"):
        if not path.exists():
            subprocess.run(
                [sys.executable, "-m", "tests.ray_cluster", path],
                cwd=ROOT,
                env={**os.environ, **LIBRARY_PATH, **PATIENCE},
                check=True,
                timeout=START_SECONDS,
            )
    environment: dict[str, str] = json.loads(path.read_text())["environment"]
    return environment


def stop_shared_cluster(folder: Path) -> None:
    """Stop the session's cluster, if one was started."""
    path = folder / "ray.json"
    if path.exists():
        with suppress(ProcessLookupError):
            os.kill(json.loads(path.read_text())["pid"], signal.SIGTERM)
            end = time.monotonic() + STOP_SECONDS
            while path.exists() and time.monotonic() < end:
                time.sleep(0.1)


def processes_of(environment: dict[str, str]) -> Iterator[int]:
    """List the processes of a cluster and of its drivers, which alone have its token."""
    token = environment["RAY_AUTH_TOKEN"].encode()
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if token in path.read_bytes():
                yield int(path.parent.name)
        except OSError:  # it has ended
            continue


def named(pids: Iterator[int], name: bytes) -> list[int]:
    """List those processes whose command line has a name."""
    found = []
    for pid in pids:
        try:
            if name in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
        except OSError:  # it has ended
            continue
    return found


def main(path: Path) -> None:
    """Return when the cluster has started; it outlives this process, and the one that needs it."""
    child = os.fork()
    while child and not path.exists():
        if os.waitpid(child, os.WNOHANG)[0]:
            raise SystemExit("the cluster of the tests has not started")
        time.sleep(0.1)
    if not child:
        os.setsid()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        try:
            run(path)
        finally:
            path.unlink(missing_ok=True)


def run(path: Path) -> None:
    """Run the cluster until SIGTERM."""
    with local_cluster(PROCESSORS) as environment:
        written = path.with_suffix(".new")
        written.touch(mode=0o600)
        content = {"pid": os.getpid(), "environment": {**environment, **LIBRARY_PATH}}
        written.write_text(json.dumps(content))
        written.replace(path)
        while True:
            signal.pause()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
