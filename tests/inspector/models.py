"""Artifacts of highway networks with any number of layers, made without torch."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from service.arrays import FloatArray
from service.artifact import digest
from service.baselines import GATE_BINS
from service.contract import OUTPUTS, Input, Layer, Metadata, tensor_widths

ROWS_OF_A_LABEL = 10 * GATE_BINS
PLACEHOLDER = "0" * 64
GOLDEN = ("probabilities", "gate_mean", "typicality")


def layered_model(
    layers: int,
    units: int,
    *,
    labels: Sequence[str] = ("a", "b", "c"),
    names: Sequence[str] | None = None,
    shape: tuple[int, ...] = (28, 28),
    usual: tuple[float, float] | None = (0.4, 0.6),
) -> bytes:
    """Build a dense highway network for images, with random weights and pixels from 0 to 255.

    Gates and logits depend on the input and on `gate_scale`. `usual` are the usual mean gates of
    every layer and label; None leaves the held-out rows out. `layer_typicality` is a copy of
    `gate_mean`, the columns of `typicality` are the highest probability.
    """
    names = names or [f"highway {number}" for number in range(1, layers + 1)]
    metadata = Metadata(
        name="layered",
        version="1",
        labels=tuple(labels),
        layers=tuple(
            Layer(name=name, kind="dense", width=units, number=number)
            for number, name in enumerate(names, 1)
        ),
        input=Input(kind="image", shape=shape, unit="pixel", low=0, high=255),
        training={},
        gate_baseline={} if usual is None else {"held_out": _held_out(len(labels), layers, usual)},
        verification={},
    )
    model = _model(metadata, units)
    record = {"golden": _golden(model, metadata.input.size), "digest": PLACEHOLDER}
    helper.set_model_props(model, replace(metadata, verification=record).to_props())
    content: bytes = model.SerializeToString()
    return content.replace(PLACEHOLDER.encode(), digest(content, PLACEHOLDER).encode())


def _held_out(labels: int, layers: int, usual: tuple[float, float]) -> dict[str, Any]:
    edges = np.linspace(*usual, GATE_BINS - 1).tolist()
    counts = [ROWS_OF_A_LABEL // GATE_BINS] * GATE_BINS
    return {
        "rows": labels * ROWS_OF_A_LABEL,
        "part": "test",
        "predicted": [ROWS_OF_A_LABEL] * labels,
        "edges": [[edges] * layers] * labels,
        "counts": [[counts] * layers] * labels,
        "usual": [[list(usual)] * layers] * labels,
    }


def _golden(model: onnx.ModelProto, features: int) -> dict[str, Any]:
    row = np.linspace(0, 255, features, dtype=np.float32)[np.newaxis]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # no warning that `gate_scale` has a default
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    outputs = session.run(list(GOLDEN), {"input": row})
    rows = {name: values.tolist() for name, values in zip(GOLDEN, outputs, strict=True)}
    return {"input": row.tolist(), **rows}


def _model(metadata: Metadata, units: int) -> onnx.ModelProto:
    widths = tensor_widths(metadata)
    layers = len(metadata.layers)
    nodes = [
        helper.make_node("Gemm", ["input", "projection"], ["projected"]),
        helper.make_node("Tanh", ["projected"], ["y0"]),
        helper.make_node(
            "Split", ["gate_scale"], [f"s{k}" for k in range(layers)], axis=1, num_outputs=layers
        ),
        *(node for k in range(layers) for node in _layer(k)),
        helper.make_node("Concat", [f"t{k}" for k in range(layers)], ["gate_units"], axis=1),
        helper.make_node("Reshape", ["gate_units", "by_layer"], ["units_by_layer"]),
        helper.make_node("ReduceMean", ["units_by_layer", "last"], ["gate_mean"], keepdims=0),
        helper.make_node("Gemm", [f"y{layers}", "head"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        helper.make_node("ReduceMax", ["probabilities", "last"], ["highest"], keepdims=1),
        helper.make_node("Concat", ["highest"] * 3, ["typicality"], axis=1),
        helper.make_node("Relu", ["gate_mean"], ["layer_typicality"]),
    ]
    graph = helper.make_graph(
        nodes,
        "layered",
        [
            _tensor("input", ["batch", widths["input"]]),
            _tensor("gate_scale", ["rows", layers]),
        ],
        [_tensor(name, ["batch", widths[name]]) for name in OUTPUTS],
        _weights(metadata, units),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def _layer(k: int) -> list[onnx.NodeProto]:
    """Return the nodes of one layer: y = s·T·(H − x) + x, from `y{k}` to `y{k + 1}`."""
    x, y = f"y{k}", f"y{k + 1}"
    return [
        helper.make_node("Gemm", [x, f"gate{k}", f"bias{k}"], [f"g{k}"]),
        helper.make_node("Sigmoid", [f"g{k}"], [f"t{k}"]),
        helper.make_node("Gemm", [x, f"weight{k}"], [f"a{k}"]),
        helper.make_node("Tanh", [f"a{k}"], [f"h{k}"]),
        helper.make_node("Sub", [f"h{k}", x], [f"d{k}"]),
        helper.make_node("Mul", [f"t{k}", f"s{k}"], [f"f{k}"]),
        helper.make_node("Mul", [f"f{k}", f"d{k}"], [f"c{k}"]),
        helper.make_node("Add", [f"c{k}", x], [y]),
    ]


def _weights(metadata: Metadata, units: int) -> list[onnx.TensorProto]:
    random = np.random.default_rng(1)
    features, layers = metadata.input.size, len(metadata.layers)

    def normal(rows: int, columns: int, size: float) -> FloatArray:
        values = random.standard_normal((rows, columns)) * size / rows**0.5
        return np.asarray(values, np.float32)

    weights = {
        "gate_scale": np.ones((1, layers), np.float32),
        "projection": normal(features, units, 0.05),
        "head": normal(units, len(metadata.labels), 6),
        "by_layer": np.array([-1, layers, units]),
        "last": np.array([-1]),
    }
    for k in range(layers):
        weights[f"gate{k}"] = normal(units, units, 1.5)
        weights[f"bias{k}"] = np.full(units, random.normal(), np.float32)
        weights[f"weight{k}"] = normal(units, units, 2)
    return [numpy_helper.from_array(values, name) for name, values in weights.items()]


def _tensor(name: str, shape: list[str | int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
