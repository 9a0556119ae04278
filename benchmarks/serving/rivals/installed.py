"""The rivals in a folder that `make rivals` fills: which are installed, and how they start."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from benchmarks.serving.rivals.triton import triton
from benchmarks.serving.servers import Command

HERE = Path(__file__).parent
SKETCH, NODE, MOSEC = "sketch", "Fastify + onnxruntime-node", "mosec"
TRITON, FASTAPI = "Triton, Python back end", "FastAPI"
NODE_PACKAGES = ("fastify", "onnxruntime-node")


@dataclass(frozen=True, kw_only=True)
class Rival:
    """A server in an environment of its own, `folder` of the folder of rivals."""

    folder: str
    file: str  # pattern of a file that the environment has once it is complete
    start: Callable[[Path], Command]  # from the environment


def sketch(file: Path, port: int) -> list[str]:
    """Return the command of the sketch."""
    return [sys.executable, "-m", "benchmarks.serving.rivals.sketch", str(file), str(port)]


def fastapi(file: Path, port: int) -> list[str]:
    """Return the command of the plain FastAPI service."""
    return [sys.executable, "-m", "benchmarks.serving.rivals.fastapi_service", str(file), str(port)]


def node(environment: Path) -> Command:
    """Return the command of the Node service."""

    def command(file: Path, port: int) -> list[str]:
        # Node finds the packages beside the program only.
        program = shutil.copy(HERE / "node_service.mjs", environment)
        return ["node", str(program), str(file), str(port)]

    return command


def mosec(environment: Path) -> Command:
    """Return the command of the mosec service."""

    def command(file: Path, port: int) -> list[str]:
        python, program = environment / "bin" / "python", HERE / "mosec_service.py"
        address = ("--address", "127.0.0.1", "--port", str(port))
        return ["env", f"MODEL={file}", str(python), str(program), *address]

    return command


RIVALS = {
    NODE: Rival(folder="node", file="node_modules/onnxruntime-node/package.json", start=node),
    MOSEC: Rival(folder="mosec", file="bin/mosec", start=mosec),
    TRITON: Rival(
        folder="triton",
        file="lib/python3*/site-packages/pytriton/tritonserver/bin/tritonserver",
        start=triton,
    ),
}


def installed(folder: Path) -> dict[str, Command]:
    """Return the commands of the rivals that can run, by name; some need no environment."""
    found = {name: rival for name, rival in RIVALS.items() if missing(name, folder) is None}
    commands = {name: rival.start(folder / rival.folder) for name, rival in found.items()}
    return {SKETCH: sketch, **commands, FASTAPI: fastapi}


def missing(name: str, folder: Path) -> str | None:
    """Return a sentence that says why the rival is left out, None if it can run."""
    rival = RIVALS[name]
    if not any((folder / rival.folder).glob(rival.file)):
        return f"{name} is left out: it is not installed; run `make rivals`."
    if name == NODE and shutil.which("node") is None:
        return f"{name} is left out: there is no command `node`."
    return None


def versions(folder: Path) -> dict[str, str]:
    """Return the versions of the installed rivals."""
    found = {}
    if missing(NODE, folder) is None:
        done = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
        found["node"] = done.stdout.strip().removeprefix("v")
        for package in NODE_PACKAGES:
            path = folder / "node" / "node_modules" / package / "package.json"
            found[package] = json.loads(path.read_text())["version"]
    for name, package in ((MOSEC, "mosec"), (TRITON, "nvidia-pytriton")):
        if missing(name, folder) is None:
            paths = map(str, (folder / RIVALS[name].folder).glob("lib/python3*/site-packages"))
            for distribution in distributions(name=package, path=list(paths)):
                found[package] = distribution.version
    return found
