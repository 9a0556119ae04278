"""The run directory: everything that one training leaves behind.

config.json         what was trained, on what, how: rebuilds the network
model.safetensors   its weights, what prepares raw values included
metrics.jsonl       one line an epoch, and the test scores in the last
gate_baseline.json  the gates over the training rows, and over those held out
unusualness.safetensors  what tells how unusual a row's gates are; a plain network has neither
checkpoint.ckpt     the trainer's own state after the last whole epoch, to resume from
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import FiniteFloat, TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from models.data.dataset import Dataset
from models.data.source import load
from models.directory import make_new, write_whole
from models.errors import RunError, StoppedError
from models.gates.baseline import GateBaseline
from models.gates.record import GateRecord
from models.gates.unusualness import Unusualness
from models.networks.network import HighwayClassifier
from models.run_config import RunConfig

CONFIG, WEIGHTS, METRICS = "config.json", "model.safetensors", "metrics.jsonl"
BASELINE, UNUSUALNESS = "gate_baseline.json", "unusualness.safetensors"
CHECKPOINT = "checkpoint.ckpt"


_CONFIG = TypeAdapter(RunConfig)
_BASELINE = TypeAdapter(GateBaseline)
_METRICS = TypeAdapter(dict[str, int | FiniteFloat])


class Run:
    """A run directory on disk; every reading error is a `RunError` that names the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path, config: RunConfig) -> "Run":
        """Make a new run directory; one that holds something already is left alone."""
        make_new(path)
        run = cls(path)
        run._write(CONFIG, _CONFIG.dump_json(config, indent=2) + b"\n")
        return run

    def append_metrics(self, **values: float | int) -> None:
        """Add one line to `metrics.jsonl`."""
        with (self.path / METRICS).open("a", encoding="utf-8") as metrics:
            metrics.write(json.dumps(values) + "\n")

    def keep_epochs(self, epochs: int) -> None:
        """Forget the lines of epochs after the first `epochs`, which the checkpoint lacks.

        They were written by a training that ended before its checkpoint; half a line was too.
        """
        path = self.path / METRICS
        if path.is_file():
            lines = path.read_bytes().splitlines(keepends=True)
            self._write(METRICS, b"".join(lines[:epochs]))

    def finish(self, network: HighwayClassifier, gates: GateRecord | None) -> None:
        """Write what a finished training adds; the weights last, for they mark it as finished."""
        if gates is not None:
            self._write(BASELINE, _BASELINE.dump_json(gates.baseline))
            self._write(UNUSUALNESS, save(gates.unusualness.state_dict()))
        weights = {name: value.contiguous() for name, value in network.state_dict().items()}
        self._write(WEIGHTS, save(weights))

    @property
    def finished(self) -> bool:
        """Whether the training has written its weights."""
        return (self.path / WEIGHTS).is_file()

    def stopped(self) -> StoppedError:
        """Return the error that tells how to go on with a training that was stopped."""
        return StoppedError(
            f"stopped: the whole epochs are kept in {self.path}; go on with "
            f"`python -m models train --resume {self.path}`"
        )

    def config(self) -> RunConfig:
        """Read `config.json`."""
        try:
            return _CONFIG.validate_json(self._read(CONFIG))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the whole file"
            raise RunError(
                f"{self.path / CONFIG}: expected a configuration of format 2, "
                f"found at {place}: {first['msg']}"
            ) from error

    def network(self) -> HighwayClassifier:
        """Rebuild the trained network, in evaluation mode."""
        network = HighwayClassifier(self.config().network)
        path = self.path / WEIGHTS
        self._require(WEIGHTS)
        try:
            network.load_state_dict(load_file(path))
        except (SafetensorError, RuntimeError, OSError) as error:
            reason = str(error).splitlines()[0].rstrip(":")
            raise RunError(f"{path}: expected the weights of {CONFIG}, found: {reason}") from error
        return network.eval()

    def weights_digest(self) -> str:
        """Return the sha256 of `model.safetensors`, as hexadecimal."""
        return hashlib.sha256(self._read(WEIGHTS)).hexdigest()

    def checkpoint(self) -> Path | None:
        """Return the trainer's state after the last whole epoch, or None before the first."""
        path = self.path / CHECKPOINT
        return path if path.is_file() else None

    def dataset(self) -> Dataset:
        """Load the data that the network was trained on, and see that it still is the same."""
        trained_on = self.config().data
        dataset = load(trained_on.source)
        found = dataset.digest()
        if found != trained_on.digest:
            raise RunError(
                f"{self.path}: expected the data it was trained on, {trained_on.name!r} with "
                f"digest {trained_on.digest[:12]}…, found digest {found[:12]}…; "
                "put the data back as it was, or train again"
            )
        return dataset

    def baseline(self) -> dict[str, Any]:
        """Read the gate baseline, as plain values for JSON."""
        try:
            return asdict(_BASELINE.validate_json(self._read(BASELINE)))
        except ValidationError as error:
            raise RunError(
                f"{self.path / BASELINE}: expected a gate baseline, found something else"
            ) from error

    def unusualness(self) -> Unusualness:
        """Read what tells how unusual a row's gates are."""
        self._require(UNUSUALNESS)
        units = sum(block.width for block in self.config().network.highway_blocks)
        try:
            numbers = load_file(self.path / UNUSUALNESS)
            if numbers["weight"].shape[1:] != (units,):
                raise ValueError("another network's")
            return Unusualness.of(numbers)
        except (SafetensorError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise RunError(
                f"{self.path / UNUSUALNESS}: expected what a finished training writes, found "
                "something else; train again"
            ) from error

    def metrics(self) -> list[dict[str, float]]:
        """Read `metrics.jsonl`, a line each."""
        content = self._read(METRICS)
        try:
            lines = [_METRICS.validate_json(line) for line in content.splitlines()]
        except ValidationError as error:
            raise RunError(
                f"{self.path / METRICS}: expected one JSON object of finite numbers a line, found "
                "another"
            ) from error
        if not lines:
            raise RunError(f"{self.path / METRICS}: expected a line an epoch, found none")
        return lines

    def _require(self, name: str) -> None:
        if not self.path.is_dir():
            raise RunError(
                f"{self.path}: expected a run directory, found "
                f"{'a file' if self.path.exists() else 'nothing'} there"
            )
        if not (self.path / name).is_file():
            raise RunError(
                f"{self.path}: expected the file {name}, found none; "
                "this is no run directory, or its training has not finished, or an older release "
                "made it: train again"
            )

    def _read(self, name: str) -> bytes:
        self._require(name)
        return (self.path / name).read_bytes()

    def _write(self, name: str, content: bytes) -> None:
        write_whole(self.path / name, content)
