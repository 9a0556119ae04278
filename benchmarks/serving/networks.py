"""ONNX files to serve: dense networks of 50-unit layers, and the bundled convolutional one."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.servers import ROOT
from service.classifier import Classifier
from service.settings import BUNDLED_MODEL

CONVOLUTIONAL = "convolutional"


@dataclass(frozen=True, kw_only=True)
class Network:
    """An artifact: its title on the page, file, name, and number of features in a row."""

    title: str
    file: Path
    name: str
    size: int


def network(folder: Path, title: str, *, int8: bool = False) -> Network:
    """Return the bundled network, or find another one in the folder or train and export it.

    `title` is CONVOLUTIONAL or a preset's name. One epoch suffices: accuracy does not affect speed.
    With `int8`, the file has 8-bit weights.
    """
    folder = folder.resolve()
    file, run = folder / (f"{title}-int8.onnx" if int8 else f"{title}.onnx"), folder / title
    if title == CONVOLUTIONAL:
        file = BUNDLED_MODEL
    elif not file.is_file():
        if not run.is_dir():
            preset = ("mnist-5k", "--preset", title, "--epochs", "1")
            _command("models", "train", *preset, "--out", str(run))
        precision = ("--precision", "int8", "--max-label-changes", "100") if int8 else ()
        _command("export", "export", str(run), str(file), *precision)
    metadata = Classifier.load(file).metadata
    return Network(title=title, file=file, name=metadata.name, size=metadata.input.size)


def _command(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, check=False)
    if done.returncode:
        command = " ".join(("python -m", *arguments[:2]))
        raise BenchmarkError(f"{command} failed; see its output above")
