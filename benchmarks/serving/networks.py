"""ONNX files to serve: dense networks of 50-unit layers, made by the project's commands."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.servers import ROOT
from service.classifier import Classifier


@dataclass(frozen=True, kw_only=True)
class Network:
    """An artifact: layers of its preset, file, name, and number of features in a row."""

    layers: int
    file: Path
    name: str
    size: int


def network(folder: Path, layers: int) -> Network:
    """Find the network's file in the folder, or train it for one epoch and export it.

    Its accuracy does not affect its speed.
    """
    folder = folder.resolve()
    file, run = folder / f"dense-{layers}.onnx", folder / f"dense-{layers}"
    if not file.is_file():
        if not run.is_dir():
            preset = ("mnist-5k", "--preset", f"dense-{layers}", "--epochs", "1")
            _command("models", "train", *preset, "--out", str(run))
        _command("export", "export", str(run), str(file))
    metadata = Classifier.load(file).metadata
    return Network(layers=layers, file=file, name=metadata.name, size=metadata.input.size)


def _command(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, check=False)
    if done.returncode:
        command = " ".join(("python -m", *arguments[:2]))
        raise BenchmarkError(f"{command} failed; see its output above")
