"""Edits of an artifact's graph, and files that a wrong exporter could write."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from export.backends import reference_evaluator
from export.metadata import describe, golden_record, serialise
from export.trained_run import TrainedRun
from service.contract import GATE_MEAN, PROBABILITIES, TYPICALITY, Metadata

Edit = Callable[[ModelProto], None]


def unchanged(model: ModelProto) -> None:
    """Edit nothing."""


def edited(artifact: Path, run: TrainedRun, edit: Edit = unchanged, **metadata: Any) -> bytes:
    """Edit the graph and replace metadata, then record the graph's own outputs and the digest.

    So the file is consistent, and only a comparison with the run or the contract can reject it.
    """
    model = onnx.load(artifact)
    edit(model)
    described: Metadata = replace(describe(run, name=None, version="1"), **metadata)
    record = {"golden": golden_record(run.served, run.rows.golden)}
    return serialise(model, described, with_own_outputs(model, record))


def with_own_outputs(model: ModelProto, record: dict[str, Any]) -> dict[str, Any]:
    """Replace the recorded outputs by the graph's own; a graph that fails keeps torch's."""
    try:
        outputs = reference_evaluator(model)(np.array(record["golden"]["input"], np.float32), None)
    except Exception:
        return record
    for name in (PROBABILITIES, GATE_MEAN, TYPICALITY):
        record["golden"][name] = outputs[name].tolist()
    return record


def node(model: ModelProto, name: str) -> NodeProto:
    nodes: list[NodeProto] = list(model.graph.node)
    return next(node for node in nodes if node.name == name)


def node_index(model: ModelProto, name: str) -> int:
    return next(index for index, node in enumerate(model.graph.node) if node.name == name)


def weight(model: ModelProto, name: str) -> TensorProto:
    tensors: list[TensorProto] = list(model.graph.initializer)
    return next(tensor for tensor in tensors if tensor.name == name)


def values(model: ModelProto, name: str) -> np.ndarray:
    return numpy_helper.to_array(weight(model, name)).copy()


def set_values(model: ModelProto, name: str, numbers: np.ndarray) -> None:
    weight(model, name).CopyFrom(numpy_helper.from_array(numbers.astype(np.float32), name))


def replace_reads(model: ModelProto, name: str, other: str) -> None:
    """Connect all nodes that read the tensor `name` to the tensor `other`."""
    for reader in model.graph.node:
        reader.input[:] = [other if given == name else given for given in reader.input]


def remove_nodes(model: ModelProto, *names: str) -> None:
    for name in names:
        model.graph.node.remove(node(model, name))


# Edits that break the structure.


def unused_weight(model: ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.ones(3, np.float32), "spare"))


def external_weight(model: ModelProto) -> None:
    weight(model, "output/bias").external_data.add(key="location", value="elsewhere")


def infinite_weight(model: ModelProto) -> None:
    set_values(model, "output/bias", values(model, "output/bias") * np.inf)


def control_flow(model: ModelProto) -> None:
    branch = helper.make_graph([], "branch", [], [])
    node(model, "dense_1/Gemm").attribute.append(helper.make_attribute("then_branch", branch))


def other_domain(model: ModelProto) -> None:
    node(model, "highway_1/Relu").domain = "com.example"


def other_operator(model: ModelProto) -> None:
    node(model, "highway_1/Relu").op_type = "Tan"


def other_opset(model: ModelProto) -> None:
    model.opset_import[0].version = 19


def zero_default_scale(model: ModelProto) -> None:
    set_values(model, "gate_scale", values(model, "gate_scale") * 0)


def node_trace(model: ModelProto) -> None:
    node(model, "highway_1/Relu").metadata_props.add(key="stack_trace", value="File layers.py")
