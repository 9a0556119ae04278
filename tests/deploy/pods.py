"""A container of a manifest as a process, with its volumes laid out as the kubelet does."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from types import MappingProxyType

from benchmarks.serving.servers import free_port
from tests.conftest import ROOT
from tests.deploy.manifests import SECRETS, Manifest, environment

NO_MOUNTS: Mapping[str, Path] = MappingProxyType({})


class Pod:
    """A running container; its ports are others, so that several can run on one machine."""

    def __init__(
        self, process: subprocess.Popen[bytes], container: Manifest, ports: Mapping[int, int]
    ) -> None:
        self.process = process
        self._container = container
        self._named = {each.get("name"): each["containerPort"] for each in container["ports"]}
        self._ports = ports

    def port(self, port: int | str) -> int:
        """Return the port of this machine for a container's port, by its number or name."""
        return self._ports[self._named[port] if isinstance(port, str) else port]

    def passes(self, name: str) -> bool:
        """Return whether a probe passes now, by the kubelet's rule: a status from 200 to 399."""
        probe = self._container[name]
        http = probe["httpGet"]
        url = f"http://127.0.0.1:{self.port(http['port'])}{http['path']}"
        try:
            with urllib.request.urlopen(url, timeout=probe["timeoutSeconds"]) as response:
                return bool(200 <= response.status < 400)
        except (urllib.error.HTTPError, OSError):
            return False

    def wait_until(self, name: str) -> None:
        """Wait for a probe to pass, as long as its failure threshold admits."""
        probe = self._container[name]
        end = time.monotonic() + probe["periodSeconds"] * probe["failureThreshold"]
        while not self.passes(name):
            assert self.process.poll() is None, "the container has ended"
            assert time.monotonic() < end, f"{name} failed for too long"
            time.sleep(0.05)

    def stop(self, seconds: float) -> int:
        """Send SIGTERM as the kubelet does; return the exit code, at most `seconds` later."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


@contextmanager
def running(
    container: Manifest,
    mounts: Mapping[str, Path] = NO_MOUNTS,
    secrets: Mapping[str, str] = SECRETS,
) -> Iterator[Pod]:
    """Run a container's command with its arguments and variables until the block ends.

    The folders in `mounts` take the places of the volumes' mount paths, other ports those of the
    manifest. `secrets` are the values that variables refer to.
    """
    given = environment(container, secrets)
    ports = {int(given[name]): free_port() for name in ("HIGHWAY_PORT", "HIGHWAY_HEALTH_PORT")}
    variables = {name: _placed(value, mounts) for name, value in given.items()}
    for name in ("HIGHWAY_PORT", "HIGHWAY_HEALTH_PORT"):
        variables[name] = str(ports[int(given[name])])
    words = [_placed(word, mounts) for word in container["command"] + container["args"]]
    with TemporaryFile() as log:
        process = subprocess.Popen(
            words,
            cwd=ROOT,
            env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", **variables},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield Pod(process, container, ports)
        except AssertionError as error:
            log.seek(0)
            error.add_note(log.read().decode())
            raise
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _placed(value: str, mounts: Mapping[str, Path]) -> str:
    """Replace a mount path at the beginning of a value by its folder."""
    for mount, folder in mounts.items():
        if value == mount or value.startswith(f"{mount}/"):
            return f"{folder}{value.removeprefix(mount)}"
    return value


def write_volume(folder: Path, files: Mapping[str, Path | bytes]) -> None:
    """Write the files of a ConfigMap or secret, or replace them at once, as the kubelet does.

    The names are links to `..data/NAME`, and `..data` is a link to a folder of this change.
    """
    folder.mkdir(exist_ok=True)
    previous = folder / os.readlink(folder / "..data") if (folder / "..data").exists() else None
    change = folder / f"..2026_01_01_00_00_00.{time.monotonic_ns()}"
    change.mkdir()
    for name, content in files.items():
        (change / name).write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "..data_tmp").symlink_to(change.name)
    (folder / "..data_tmp").rename(folder / "..data")
    if previous is not None:
        shutil.rmtree(previous)
