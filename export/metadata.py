"""The artifact's metadata: description, golden rows, and the digest of the file's bytes."""

import re
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper

from export.errors import WriteError
from export.graph import ServedNetwork
from export.trained_run import TrainedRun
from models.data.dataset import FloatRows
from service.artifact import digest
from service.contract import (
    DIGEST_LENGTH,
    GATE_MEAN,
    INPUT,
    OUTPUTS,
    PROBABILITIES,
    TYPICALITY,
    Layer,
    Metadata,
)

NO_DIGEST = "0" * DIGEST_LENGTH


def describe(run: TrainedRun, *, name: str | None, version: str) -> Metadata:
    """Describe a run's network; the verification record is empty."""
    config, data = run.config, run.config.data
    layers = tuple(
        Layer(
            name=f"highway {layer.number}",
            kind=layer.kind,
            width=layer.width,
            number=layer.number,
        )
        for layer in config.gate_layers
    )
    training = {
        "data": data.name,
        "data_digest": data.digest,
        "preset": config.preset,
        "source_revision": config.source_revision,
        "config": asdict(config.training),
        # without the time, which differs between trainings that are otherwise equal
        "metrics": {key: value for key, value in run.metrics.items() if key != "seconds"},
    }
    if config.pruning is not None:
        training["pruning"] = asdict(config.pruning)
    return Metadata(
        # a data set's name may be any file name; the model's name is part of URLs
        name=name or re.sub(r"[^A-Za-z0-9._-]+", "-", f"{data.name}-{config.preset}"),
        version=version,
        labels=data.labels,
        layers=layers,
        input=data.input,
        training=training,
        gate_baseline=run.gate_baseline,
        verification={},
    )


@torch.no_grad()
def golden_record(served: ServedNetwork, golden: FloatRows) -> dict[str, Any]:
    """Return golden rows (n, features) with torch's outputs.

    The service compares the outputs whenever it loads a file.
    """
    ones = torch.ones(1, served.layers)
    outputs = dict(zip(OUTPUTS, served(torch.from_numpy(golden), ones), strict=True))
    recorded = (PROBABILITIES, GATE_MEAN, TYPICALITY)
    return {INPUT: json_rows(golden), **{name: json_rows(outputs[name]) for name in recorded}}


def json_rows(values: NDArray[Any] | torch.Tensor) -> list[list[float | None]]:
    """Return float32 rows for JSON, in their shortest decimals; a missing value is null."""
    return [
        [None if np.isnan(value) else float(str(value)) for value in row]
        for row in np.asarray(values, np.float32)
    ]


def set_description(model: onnx.ModelProto, metadata: Metadata) -> None:
    """Set the version and the description that any ONNX tool shows."""
    model.model_version = model_version(metadata.version)
    row = metadata.input
    model.doc_string = (
        f"{metadata.name}, version {metadata.version}: a highway network of "
        f"{len(metadata.layers)} highway layers that classifies {row.kind}s of "
        f"{'×'.join(map(str, row.shape))} values ({row.unit}) into {len(metadata.labels)} labels. "
        "Each layer mixes a transform of its input with the input itself, "
        "y = T·H(x) + (1 − T)·x. gate_mean is the mean of each layer's transform gates T, "
        "gate_units are the gates of all units, and gate_scale multiplies a layer's gates: 0 "
        "closes the layer."
    )


def model_version(version: str) -> int:
    """Return a version as ONNX stores it: an integer, or MAJOR.MINOR.PATCH packed into one.

    The bits are those of ONNX's Versioning page; any other form is stored as 0.
    """
    if re.fullmatch(r"\d{1,9}", version):
        return int(version)
    if re.fullmatch(r"\d{1,4}\.\d{1,4}\.\d{1,9}", version):
        major, minor, patch = map(int, version.split("."))
        return major << 48 | minor << 32 | patch
    return 0


def serialise(model: onnx.ModelProto, metadata: Metadata, record: dict[str, Any]) -> bytes:
    """Return the file's bytes; the verification `record` is stored with their digest."""
    verification = {"digest": NO_DIGEST, **record}
    helper.set_model_props(model, replace(metadata, verification=verification).to_props())
    content: bytes = model.SerializeToString(deterministic=True)
    if content.count(NO_DIGEST.encode()) != 1:
        raise WriteError(
            f"{DIGEST_LENGTH} zeros, the placeholder of the digest, occur in the file more than "
            "once; choose another --name"
        )
    return content.replace(NO_DIGEST.encode(), digest(content, NO_DIGEST).encode())
