"""The run directory: all files of one training.

config.json             data, network and training settings; rebuilds the network
model.safetensors       the weights, including those that normalise raw values
metrics.jsonl           one line per epoch; the last line has the test scores
gate_baseline.json      gate statistics of training rows and of held-out rows
typicality.safetensors  numbers of the typicality module
checkpoint.ckpt         the trainer's state after the last complete epoch, to resume from

A plain network has neither `gate_baseline.json` nor `typicality.safetensors`.
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
from models.directory import create_directory, write_atomically
from models.errors import RunError, StoppedError
from models.evaluation import Evaluation
from models.gates.record import GateBaseline, GateRecord
from models.gates.typicality import Typicality
from models.networks.network import HighwayClassifier
from models.run_config import RunConfig

CONFIG, WEIGHTS, METRICS = "config.json", "model.safetensors", "metrics.jsonl"
BASELINE, TYPICALITY = "gate_baseline.json", "typicality.safetensors"
CHECKPOINT = "checkpoint.ckpt"

_CONFIG = TypeAdapter(RunConfig)
_BASELINE = TypeAdapter(GateBaseline)
_METRICS = TypeAdapter(dict[str, int | FiniteFloat])


class Run:
    """A run directory on disk; a file that cannot be read raises `RunError` with its path."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path, config: RunConfig) -> "Run":
        """Create a run directory; a `RunError` if it exists and is not empty."""
        create_directory(path)
        write_atomically(path / CONFIG, _CONFIG.dump_json(config, indent=2) + b"\n")
        return cls(path)

    def append_metrics(self, **values: float | int) -> None:
        """Append one line to `metrics.jsonl`."""
        with (self.path / METRICS).open("a", encoding="utf-8") as metrics:
            metrics.write(json.dumps(values) + "\n")

    def append_test_metrics(
        self, network: HighwayClassifier, test: Evaluation, **more: float
    ) -> None:
        """Append the test scores and the network's number of parameters, the last line."""
        self.append_metrics(
            test_rows=test.rows,
            test_accuracy=round(test.accuracy, 6),
            test_loss=round(test.loss, 6),
            parameters=network.parameter_count(),
            **more,
        )

    def keep_epochs(self, epochs: int) -> None:
        """Keep the metrics of the first `epochs` epochs, which the checkpoint contains.

        A training that was stopped before its next checkpoint may have written more lines, the
        last one only in part.
        """
        path = self.path / METRICS
        if path.is_file():
            lines = path.read_bytes().splitlines(keepends=True)
            write_atomically(self.path / METRICS, b"".join(lines[:epochs]))

    def finish(self, network: HighwayClassifier, gates: GateRecord | None) -> None:
        """Write gate record and weights; the weights last, because they mark a finished run."""
        if gates is not None:
            write_atomically(self.path / BASELINE, _BASELINE.dump_json(gates.baseline))
            write_atomically(self.path / TYPICALITY, save(gates.typicality.state_dict()))
        weights = {name: value.contiguous() for name, value in network.state_dict().items()}
        write_atomically(self.path / WEIGHTS, save(weights))

    @property
    def finished(self) -> bool:
        """Whether the training has written its weights."""
        return (self.path / WEIGHTS).is_file()

    def stopped(self) -> StoppedError:
        """Return the error of a stopped training, whose message describes how to resume it."""
        return StoppedError(
            f"stopped: complete epochs are kept in {self.path}; resume with "
            f"`highway train --resume {self.path}`"
        )

    def config(self) -> RunConfig:
        """Read `config.json`."""
        try:
            return _CONFIG.validate_json(self._read(CONFIG))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "the whole file"
            raise RunError(
                f"{self.path / CONFIG}: not a configuration of format 2: {field}: {first['msg']}"
            ) from error

    def network(self, config: RunConfig | None = None) -> HighwayClassifier:
        """Rebuild the trained network, in evaluation mode; `config.json` is read if not given."""
        network = HighwayClassifier((config or self.config()).network)
        self._require(WEIGHTS)
        try:
            network.load_state_dict(load_file(self.path / WEIGHTS))
        except (SafetensorError, RuntimeError, OSError) as error:
            reason = str(error).splitlines()[0].rstrip(":")
            raise RunError(
                f"{self.path / WEIGHTS}: not the weights of {CONFIG}: {reason}"
            ) from error
        return network.eval()

    def weights_digest(self) -> str:
        """Return the SHA-256 digest of `model.safetensors` in hexadecimal."""
        return hashlib.sha256(self._read(WEIGHTS)).hexdigest()

    def checkpoint(self) -> Path | None:
        """Return the path of the trainer's state, or None before the first complete epoch."""
        path = self.path / CHECKPOINT
        return path if path.is_file() else None

    def dataset(self, config: RunConfig | None = None) -> Dataset:
        """Load the data of the training; a `RunError` if they have changed since."""
        trained_on = (config or self.config()).data
        dataset = load(trained_on.source)
        digest = dataset.digest()
        if digest != trained_on.digest:
            raise RunError(
                f"{self.path}: data {trained_on.name!r} have changed since the training: expected "
                f"digest {trained_on.digest[:12]}…, found {digest[:12]}…; restore the data, or "
                "train again"
            )
        return dataset

    def baseline(self) -> dict[str, Any]:
        """Read the gate baseline as values for JSON."""
        try:
            return asdict(_BASELINE.validate_json(self._read(BASELINE)))
        except ValidationError as error:
            raise RunError(f"{self.path / BASELINE}: not a gate baseline; train again") from error

    def typicality(self, config: RunConfig | None = None) -> Typicality:
        """Read the typicality module."""
        self._require(TYPICALITY)
        units = sum(block.width for block in (config or self.config()).network.highway_blocks)
        try:
            numbers = load_file(self.path / TYPICALITY)
            if numbers["weight"].shape[1:] != (units,):
                raise ValueError("its size differs from the network's")
            return Typicality.of(numbers)
        except (SafetensorError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise RunError(
                f"{self.path / TYPICALITY}: not the typicality of this network; train again"
            ) from error

    def metrics(self) -> list[dict[str, float]]:
        """Read the lines of `metrics.jsonl`."""
        content = self._read(METRICS)
        try:
            lines = [_METRICS.validate_json(line) for line in content.splitlines()]
        except ValidationError as error:
            raise RunError(
                f"{self.path / METRICS}: expected one JSON object of finite numbers per line"
            ) from error
        if not lines:
            raise RunError(f"{self.path / METRICS}: expected one line per epoch, found none")
        return lines

    def _require(self, name: str) -> None:
        if not self.path.is_dir():
            raise RunError(
                f"{self.path}: expected a run directory, found "
                f"{'a file' if self.path.exists() else 'nothing'} there"
            )
        if not (self.path / name).is_file():
            raise RunError(
                f"{self.path}: {name} is missing; the directory is not a run, its training has not "
                "finished, or an older release wrote it: train again"
            )

    def _read(self, name: str) -> bytes:
        self._require(name)
        return (self.path / name).read_bytes()
