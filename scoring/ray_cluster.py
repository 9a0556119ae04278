"""A Ray cluster of this machine for one command: `python -m scoring.ray_cluster PROCESSORS`.

It listens on the loopback interface only, needs a token that no file holds, keeps its files in a
folder that only this user can enter, and ends with the command, however that ends. Ray alone would
listen on every interface, in a folder that every user can enter.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryDirectory
from typing import Any

from scoring.errors import ScoringError

STORE_BYTES = 100_000_000  # only names of parts pass through it
STOP_SECONDS, INTERRUPT_SECONDS = 30.0, 3.0
# Ray's node gives up if its agent needs more than 15 seconds, which no setting changes
# (WaitForPersistedPort in Ray's src/ray/util/port_persistence.h): a busy machine may need more.
AGENT_SECONDS = 15.0
ATTEMPTS = 4
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray's way to the loopback interface, on Linux too
    "RAY_enable_worker_prestart": "0",  # two seconds of a processor for each idle process
    "RAY_prestart_worker_first_driver": "0",
}
ADDRESS, ERROR = "address: ", "error: "


@contextmanager
def local_cluster(processors: int) -> Iterator[dict[str, str]]:
    """Run a cluster until the block ends; gives the environment in which its address is `auto`.

    A `ScoringError` if it has not started.
    """
    environment = {**SETTINGS, "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    for attempt in range(1, ATTEMPTS + 1):
        began = time.monotonic()
        with _process(processors, environment) as process:
            line = _first_line(process)
            if line.startswith(ADDRESS):
                yield {**environment, "RAY_ADDRESS": line.removeprefix(ADDRESS)}
                return
        if attempt == ATTEMPTS or time.monotonic() - began < AGENT_SECONDS:
            raise ScoringError(
                f"--ray local: Ray has not started on this machine ({_reason(line)}); "
                "run the command again"
            )


@contextmanager
def _process(processors: int, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "scoring.ray_cluster", str(processors)],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C is for the command, which then ends this process
    ) as process:
        assert process.stdin is not None
        try:
            yield process
        finally:
            process.stdin.close()  # the end of its input ends it
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)  # not for its output, which Ray's processes may hold
            process.kill()  # Ray's processes end with it


def _first_line(process: subprocess.Popen[str]) -> str:
    """Wait for the address, or the error."""
    assert process.stdout is not None
    try:
        lines = (line.strip() for line in process.stdout)
        return next((line for line in lines if line.startswith((ADDRESS, ERROR))), ERROR)
    except BaseException:  # Ctrl-C, and a start can take half a minute
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(INTERRUPT_SECONDS)
        process.kill()  # it may be in Ray's own code, which handles no signals
        raise


def _reason(line: str) -> str:
    return line.removeprefix(ERROR).rstrip(".") or "no reason given"


def main(processors: int) -> None:
    """Run a cluster until the input ends; prints its address, or the error."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # so that its files are removed
    with TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        os.environ["RAY_TMPDIR"] = folder
        from ray.cluster_utils import Cluster

        node: dict[str, Any] = {
            "node_ip_address": "127.0.0.1",
            "num_cpus": processors,
            "object_store_memory": STORE_BYTES,
            "include_dashboard": False,
            "include_log_monitor": False,  # no output of workers is shown
            "no_monitor": True,  # of the autoscaler: the cluster has one node
        }
        try:
            cluster: Any = Cluster(initialize_head=True, head_node_args=node)
        except Exception as error:
            _print(f"{ERROR}{' '.join(str(error).split()) or type(error).__name__}")
            return
        _print(f"{ADDRESS}{cluster.address}")
        sys.stdin.read()
        cluster.shutdown()


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
