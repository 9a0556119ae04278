"""Artifacts that were changed and sealed again, as if a wrong exporter had written them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper

from export.engines import reference_engine
from export.metadata import describe, golden_rows
from export.sealing import sealed
from models.run import Run
from service.contract import GATE_MEAN, PROBABILITIES, UNUSUAL, Metadata
from tests.export.serving_networks import served_run

Change = Callable[[ModelProto], None]


def forged(artifact: Path, run_path: Path, change: Change) -> bytes:
    """Change the graph, then record its own answers and digest: only verification can tell."""
    model = onnx.load(artifact)
    change(model)
    run = Run(run_path)
    record = {"golden": golden_rows(served_run(run), run.dataset())}
    return sealed(model, describe(run, name=None, version="1"), answered(model, record))


def with_metadata(artifact: Path, run_path: Path, **changes: Any) -> bytes:
    """Leave the graph, and say other things of it."""
    model = onnx.load(artifact)
    run = Run(run_path)
    metadata: Metadata = replace(describe(run, name=None, version="1"), **changes)
    record = {"golden": golden_rows(served_run(run), run.dataset())}
    return sealed(model, metadata, answered(model, record))


def answered(model: ModelProto, record: dict[str, Any]) -> dict[str, Any]:
    """Replace the recorded answers by the graph's own, where it has any."""
    try:
        answers = reference_engine(model)(np.array(record["golden"]["input"], np.float32), None)
    except Exception:  # a graph that nobody can run keeps the true ones
        return record
    for name in (PROBABILITIES, GATE_MEAN, UNUSUAL):
        record["golden"][name] = answers[name].tolist()
    return record


def node(model: ModelProto, name: str) -> NodeProto:
    nodes: list[NodeProto] = list(model.graph.node)
    return next(node for node in nodes if node.name == name)


def weight(model: ModelProto, name: str) -> TensorProto:
    tensors: list[TensorProto] = list(model.graph.initializer)
    return next(tensor for tensor in tensors if tensor.name == name)


def values(model: ModelProto, name: str) -> np.ndarray:
    return numpy_helper.to_array(weight(model, name)).copy()


def put(model: ModelProto, name: str, numbers: np.ndarray) -> None:
    weight(model, name).CopyFrom(numpy_helper.from_array(numbers.astype(np.float32), name))


def read_instead(model: ModelProto, name: str, other: str) -> None:
    """Let everything that reads the tensor `name` read `other`."""
    for reader in model.graph.node:
        reader.input[:] = [other if given == name else given for given in reader.input]


def remove(model: ModelProto, *names: str) -> None:
    for name in names:
        model.graph.node.remove(node(model, name))
