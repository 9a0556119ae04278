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
from models.data.dataset import Dataset, FloatRows
from models.networks.blocks import HighwayBlock
from service.artifact import digest
from service.contract import (
    DIGEST_LENGTH,
    GATE_MEAN,
    INPUT,
    OUTPUTS,
    PROBABILITIES,
    TYPICALITY,
    Input,
    Layer,
    Metadata,
)

GOLDEN_LABELS = 3
NO_DIGEST = "0" * DIGEST_LENGTH


def describe(run: TrainedRun, *, name: str | None, version: str) -> Metadata:
    """Describe a run's network; the verification record is empty."""
    config, data = run.config, run.config.data
    layers = tuple(
        Layer(
            name=f"highway {block.number}",
            kind="dense" if isinstance(block, HighwayBlock) else "convolution",
            width=block.width,
            number=block.number,
        )
        for block in config.network.highway_blocks
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
def golden_rows(served: ServedNetwork, dataset: Dataset) -> dict[str, Any]:
    """Return a few rows with torch's outputs, which the service compares whenever it loads a file.

    No golden row is a row of the data: each is the average of a label's training rows. A table
    with missing values has one more golden row, without any value that can be missing.
    """
    golden = np.stack(
        [
            typical_row(dataset.input, dataset.train.x[dataset.train.y == label])
            for label in range(min(GOLDEN_LABELS, len(dataset.labels)))
        ]
    )
    gaps = np.isnan(dataset.train.x).any(axis=0)
    if gaps.any():
        golden = np.concatenate([golden, np.where(gaps, np.float32(np.nan), golden[:1])])
    ones = torch.ones(1, served.layers)
    outputs = dict(zip(OUTPUTS, served(torch.from_numpy(golden), ones), strict=True))
    recorded = (PROBABILITIES, GATE_MEAN, TYPICALITY)
    return {INPUT: json_rows(golden), **{name: json_rows(outputs[name]) for name in recorded}}


def typical_row(row: Input, rows: FloatRows) -> FloatRows:
    """Return the mean of the known values of `rows` (n, features), or a category column's mode."""
    known = np.ma.masked_invalid(rows.astype(np.float64))
    typical = known.mean(axis=0).filled(np.nan)
    for index, column in enumerate(row.columns):
        if column.categories and not np.isnan(typical[index]):
            typical[index] = np.bincount(known[:, index].compressed().astype(np.int64)).argmax()
    return np.asarray(typical, np.float32)


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
