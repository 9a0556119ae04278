"""The run directory: all files of one training.

config.json             data, network and training settings; rebuilds the network
model.safetensors       the weights, including those that normalise raw values
metrics.jsonl           one line per epoch; the last line has the test scores
gate_baseline.json      gate statistics of training rows and of held-out rows
typicality.safetensors  numbers of the typicality module
rows.safetensors        test rows and a few others, to export and evaluate without the data
checkpoint.ckpt         the trainer's state after the last complete epoch, to resume from

A plain network has neither `gate_baseline.json` nor `typicality.safetensors`.
"""

import copy
import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic import FiniteFloat, TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from models.data.dataset import Dataset
from models.data.source import BUNDLED, MEMORY, OPENML, Source, load
from models.directory import create_directory, write_atomically
from models.errors import RunError, StoppedError
from models.evaluation import Evaluation
from models.gates.record import GateBaseline, GateRecord
from models.gates.typicality import Typicality
from models.kept_rows import KeptRows
from models.networks.classifier import GatedClassifier
from models.networks.custom import CustomNetwork
from models.networks.network import HighwayClassifier
from models.recipe import Hardware
from models.run_config import RunConfig
from service.invocation import command

CONFIG, WEIGHTS, METRICS = "config.json", "model.safetensors", "metrics.jsonl"
BASELINE, TYPICALITY = "gate_baseline.json", "typicality.safetensors"
CHECKPOINT, ROWS = "checkpoint.ckpt", "rows.safetensors"

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
        self, network: GatedClassifier, test: Evaluation, **more: float
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

    def finish(self, network: GatedClassifier, gates: GateRecord | None, rows: KeptRows) -> None:
        """Write all results; the weights last, because they mark a finished run."""
        if gates is not None:
            write_atomically(self.path / BASELINE, _BASELINE.dump_json(gates.baseline))
            write_atomically(self.path / TYPICALITY, save(gates.typicality.state_dict()))
        write_atomically(self.path / ROWS, rows.to_bytes())
        # Cloned, because a module may use a weight twice, and a file holds each tensor once.
        weights = {name: value.clone().contiguous() for name, value in network.state_dict().items()}
        write_atomically(self.path / WEIGHTS, save(weights))

    @property
    def finished(self) -> bool:
        """Whether the training has written its weights."""
        return (self.path / WEIGHTS).is_file()

    def unfinished_config(self) -> RunConfig:
        """Read the configuration of a stopped training; a `RunError` if it has finished."""
        config = self.config()
        if self.finished:
            raise RunError(f"{self.path}: the training has finished; there is nothing to resume")
        return config

    def stopped(self, hardware: Hardware) -> StoppedError:
        """Return the error of a stopped training, whose message describes how to resume it."""
        resume = command("train", "--resume", self.path, *hardware.options())
        kept = f"complete epochs are kept in {self.path}"
        if self.checkpoint() is None:
            kept = "no epoch was complete"
        if hardware.nodes > 1:
            return StoppedError(
                "stopped: the first machine keeps the complete epochs; resume on every machine "
                f"with `{resume}`"
            )
        return StoppedError(f"stopped: {kept}; resume with `{resume}`")

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
        """Rebuild the trained network, in evaluation mode; `config.json` is read if not given.

        Raises `RunError` for a network of one's own, whose class is not in the run.
        """
        known = config or self.config()
        if known.custom is not None:
            raise RunError(
                f"{self.path}: its network is the class {known.custom.class_name!r} of your own, "
                "which the run does not hold; in Python, `export_model` and `Run.classifier` take "
                "a module of that class"
            )
        network = HighwayClassifier(known.network)
        self._load_weights(network)
        return network.eval()

    def classifier(
        self, module: nn.Module | None = None, config: RunConfig | None = None
    ) -> GatedClassifier:
        """Rebuild the trained network; one's own from a `module` of its class, left unchanged."""
        known = config or self.config()
        if module is None or known.custom is None:
            return self.network(known)
        rows = self.rows(known)
        if rows is None:
            raise RunError(f"{self.path}: {ROWS} is missing; train again")
        network = CustomNetwork(
            copy.deepcopy(module),
            row=known.data.input,
            classes=known.network.classes,
            example=rows.golden,
        )
        if network.gate_layers != known.custom.layers:
            raise RunError(
                f"{self.path}: expected a module with the {len(known.custom.layers)} highway "
                f"layers of the training, found others in {network.class_name!r}"
            )
        self._load_weights(network)
        return network.eval()

    def _load_weights(self, network: GatedClassifier) -> None:
        self._require(WEIGHTS)
        try:
            network.load_state_dict(load_file(self.path / WEIGHTS))
        except (SafetensorError, RuntimeError, OSError) as error:
            reason = str(error).splitlines()[0].rstrip(":")
            raise RunError(
                f"{self.path / WEIGHTS}: not the weights of {CONFIG}: {reason}"
            ) from error

    def weights_digest(self) -> str:
        """Return the SHA-256 digest of `model.safetensors` in hexadecimal."""
        return hashlib.sha256(self._read(WEIGHTS)).hexdigest()

    def checkpoint(self) -> Path | None:
        """Return the path of the trainer's state, or None before the first complete epoch."""
        path = self.path / CHECKPOINT
        return path if path.is_file() else None

    def dataset(self, config: RunConfig | None = None, data: str | None = None) -> Dataset:
        """Load the data of the training, from the path `data` if they have moved.

        Raises `RunError` if they are not there, or have changed.
        """
        trained_on = (config or self.config()).data
        source = trained_on.source
        if data is not None:
            source = replace(source, data=Source.of(data).data)
        elif source.data == MEMORY:
            raise RunError(
                f"{self.path}: the run's data {trained_on.name!r} were in memory, and only its "
                "test rows are kept; use the result of `train`, or train on a file"
            )
        elif _is_missing(source.data):
            raise RunError(
                f"{self.path}: the run's data {trained_on.name!r} are not at {source.data!r}; say "
                "where they are now with --data PATH"
            )
        dataset = load(source)
        digest = dataset.digest()
        if digest != trained_on.digest:
            raise RunError(
                f"{self.path}: data {trained_on.name!r} have changed since the training: expected "
                f"digest {trained_on.digest[:12]}…, found {digest[:12]}…; restore the data, or "
                "train again"
            )
        return dataset

    def rows(self, config: RunConfig | None = None) -> KeptRows | None:
        """Read the kept rows; None if the run is of an older release, which kept none."""
        if not (self.path / ROWS).is_file():
            return None
        known = config or self.config()
        try:
            return KeptRows.from_bytes(
                self._read(ROWS), features=known.network.features, labels=known.network.classes
            )
        except ValueError as error:
            raise RunError(
                f"{self.path / ROWS}: not the rows of this run: {error}; remove the file, and say "
                "where the data are with --data PATH"
            ) from error

    def baseline(self) -> dict[str, Any]:
        """Read the gate baseline as values for JSON."""
        try:
            return asdict(_BASELINE.validate_json(self._read(BASELINE)))
        except ValidationError as error:
            raise RunError(f"{self.path / BASELINE}: not a gate baseline; train again") from error

    def typicality(self, config: RunConfig | None = None) -> Typicality:
        """Read the typicality module."""
        self._require(TYPICALITY)
        widths = [layer.width for layer in (config or self.config()).gate_layers]
        try:
            return Typicality.of(load_file(self.path / TYPICALITY), widths)
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


def _is_missing(data: str) -> bool:
    return data not in BUNDLED and not data.startswith(OPENML) and not Path(data).exists()
