"""podman, with storage of its own below build/image, and the base image without a registry.

Debian's podman needs runc and cgroupfs where the control groups are of both versions, and limits
that the kernel of a small machine grants.
"""

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "image"
IMAGE = "highway-networks"
BASE = "docker.io/library/python:3.11-bookworm"
PROGRAMS = ("podman", "runc", "debootstrap")
# URL of the archive of Debian from which the base is made; by default debootstrap's own.
ARCHIVE_VARIABLE = "HIGHWAY_TEST_DEBIAN_URL"
LOCKS = ("requirements/serve.txt", "deploy/image/bill.txt")
NOT_IN_BASE = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache", "var/lib/apt")
CONFIGURATION = {
    "containers.conf": (
        '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n'
        '[engine]\ncgroup_manager = "cgroupfs"\nruntime = "runc"\nevents_logger = "file"\n'
    ),
    "storage.conf": (
        '[storage]\ndriver = "overlay"\nrunroot = "/run/highway-image"\n'
        f'graphroot = "{FOLDER / "storage"}"\n'
    ),
    # The build has no network: pip reads the files that this machine's pip has downloaded.
    "pip.conf": "[global]\nno-index = true\nfind-links = /wheels\n",
}


class EngineError(Exception):
    """A program is missing or failed; the message is for the user."""


@dataclass(frozen=True)
class Container:
    """A container by its name."""

    name: str

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it."""
        return podman("exec", self.name, *words, check=False)

    def inspect(self, form: str) -> str:
        """Return a part of what podman knows of it, by a template of Go."""
        return podman("inspect", "--type=container", "--format", form, self.name).stdout.strip()

    def log(self) -> str:
        """Return its log."""
        done = podman("logs", self.name, check=False)
        return done.stdout + done.stderr


def environment() -> dict[str, str]:
    """Return the variables with which podman uses `CONFIGURATION`."""
    return {
        **os.environ,
        "CONTAINERS_CONF": str(FOLDER / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(FOLDER / "storage.conf"),
    }


def run(
    *words: str | Path, check: bool = True, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program; with `check`, raise `EngineError` with its output if it fails."""
    command = list(map(str, words))
    done = subprocess.run(
        command,
        env={**environment(), **(variables or {})},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and done.returncode != 0:
        said = f"{done.stdout}{done.stderr}".strip()
        raise EngineError(f"{' '.join(command[:3])}: exit status {done.returncode}\n{said}")
    return done


def podman(*words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run podman."""
    return run("podman", *words, check=check)


def configure() -> None:
    """Write the configuration; raise `EngineError` if a program is missing."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        packages = " ".join((*PROGRAMS, "golang-github-containers-common"))
        raise EngineError(
            f"expected the programs {', '.join(PROGRAMS)}, found no {', no '.join(missing)}; "
            f"install them, on Debian with `apt install {packages}`"
        )
    if os.getuid() != 0:
        raise EngineError("expected root, found another user; debootstrap needs it")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in CONFIGURATION.items():
        (FOLDER / name).write_text(text)


def make_base() -> None:
    """Install Debian's Python 3.11 in a folder and import it as the base, unless it is there."""
    archive = FOLDER / "base.tar"
    if not archive.exists():
        folder = FOLDER / "base"
        shutil.rmtree(folder, ignore_errors=True)
        packages = "--include=python3,python3-venv,binutils"
        archive_url = os.environ.get(ARCHIVE_VARIABLE)
        run(
            "debootstrap",
            "--variant=minbase",
            packages,
            "bookworm",
            folder,
            *filter(None, [archive_url]),
        )
        for name in NOT_IN_BASE:
            shutil.rmtree(folder / name, ignore_errors=True)
        with tarfile.open(archive.with_suffix(".part"), "w") as file:
            file.add(folder, ".")
        archive.with_suffix(".part").rename(archive)
        shutil.rmtree(folder)
    if podman("image", "exists", BASE, check=False).returncode:
        podman("import", "--quiet", archive, BASE)


def download(pip: Path) -> None:
    """Download the packages of the image with this machine's pip and its settings."""
    for lock in LOCKS:
        words = ("--quiet", "--require-hashes", "--no-deps", "--dest", FOLDER / "wheels")
        run(pip, "download", *words, "--requirement", ROOT / lock)


def build(*options: str, image: str = IMAGE, **variables: str) -> None:
    """Build the image as `make image` does, without network and registry."""
    mounts = (f"{FOLDER}/pip.conf:/etc/pip.conf:ro", f"{FOLDER}/wheels:/wheels:ro")
    words = ("--pull=never", "--network=none", *(f"--volume={mount}" for mount in mounts))
    script = ROOT / "deploy" / "image" / "build.sh"
    variables = {"DOCKER": "podman", "IMAGE": image, **variables}
    run(script, *words, *options, variables=variables)


def derive(image: str, lines: Sequence[str], base: str = IMAGE) -> str:
    """Build an image with a fault: `lines` of a Dockerfile on top of `base`."""
    folder = FOLDER / "fault"
    folder.mkdir(exist_ok=True)
    (folder / "file").write_text("{}\n")
    text = "\n".join((f"FROM localhost/{base}:latest", *lines, ""))
    (folder / "Dockerfile").write_text(text)
    podman("build", "--quiet", "--pull=never", "--format=docker", "--tag", image, folder)
    return image


@contextmanager
def running(image: str, *options: str, command: Sequence[str] = ()) -> Iterator[Container]:
    """Start a container in the background; remove it and its unnamed volumes at the end."""
    name = podman("run", "--detach", *options, image, *command).stdout.split()[-1]
    try:
        yield Container(name)
    finally:
        podman("rm", "--force", "--volumes", "--time=0", name, check=False)
