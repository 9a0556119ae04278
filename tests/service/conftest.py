"""A tiny artifact, made without torch; a test may break one detail of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from fastapi import FastAPI
from onnx import TensorProto, helper, numpy_helper
from starlette.testclient import TestClient

from service.app import create_app
from service.artifact import digest
from service.classifier import Classifier
from service.contract import OUTPUTS, Column, Input, Layer, Metadata
from service.inference.models import Limits, Models, ServedModel
from service.settings import Settings
from service.shared_counters import SharedCounters

FLOAT = TensorProto.FLOAT
Change = Callable[[onnx.ModelProto], None]

METADATA = Metadata(
    name="tiny",
    version="1",
    labels=("a", "b", "c"),
    layers=(
        Layer(name="highway 1", kind="dense", width=2, number=1),
        Layer(name="highway 2", kind="dense", width=2, number=2),
    ),
    input=Input(kind="image", shape=(2, 2), unit="pixel", low=0, high=1),
    training={},
    gate_baseline={},
    verification={},
)

TABLE = replace(
    METADATA,
    input=Input(
        kind="table",
        shape=(4,),
        unit="the table's own",
        columns=(
            Column(name="age"),
            Column(name="job", categories=("nurse", "teacher", "pilot")),
            Column(name="member", categories=("false", "true")),
            Column(name="income"),
        ),
    ),
)

# gates: σ of the first two and of the last two values; logits: (x0, x1, x2), each plus the scales'
# mean; typicality: a copy of the probabilities; layer_typicality: a copy of gate_mean
NODES: list[tuple[str, list[str], list[str], dict[str, Any]]] = [
    ("Split", ["input"], ["left", "right"], {"axis": 1, "num_outputs": 2}),
    ("Sigmoid", ["left"], ["gate_1"], {}),
    ("Sigmoid", ["right"], ["gate_2"], {}),
    ("Concat", ["gate_1", "gate_2"], ["gate_units"], {"axis": 1}),
    ("Reshape", ["gate_units", "by_layer"], ["units_by_layer"], {}),
    ("ReduceMean", ["units_by_layer", "last"], ["gate_mean"], {"keepdims": 0}),
    ("Gemm", ["input", "weight"], ["scores"], {}),
    ("Gemm", ["gate_scale", "scale_weight"], ["scale"], {}),
    ("Add", ["scores", "scale"], ["logits"], {}),
    ("Softmax", ["logits"], ["probabilities"], {"axis": 1}),
    ("Relu", ["probabilities"], ["typicality"], {}),
    ("Relu", ["gate_mean"], ["layer_typicality"], {}),
]
WEIGHTS = {
    "weight": np.eye(4, 3, dtype=np.float32),
    "scale_weight": np.full((2, 3), 0.5, np.float32),
    "gate_scale": np.ones((1, 2), np.float32),
    "by_layer": np.array([-1, 2, 2]),
    "last": np.array([-1]),
}


def take_missing_values(model: onnx.ModelProto) -> None:
    """Replace NaN by 0 at the graph's input, because a table's values may be missing."""
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = "known" if name == "input" else name
    model.graph.node.insert(0, helper.make_node("IsNaN", ["input"], ["missing"]))
    model.graph.node.insert(1, helper.make_node("Where", ["missing", "zero", "input"], ["known"]))
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(1, np.float32), "zero"))


@dataclass
class Recipe:
    """How to build the tiny artifact; a test may replace any field."""

    metadata: Metadata = METADATA
    change: Change = field(default=lambda model: None)
    props: Callable[[dict[str, str]], object] = field(default=lambda props: None)
    golden: dict[str, Any] | None = None

    def model(self) -> onnx.ModelProto:
        """Build the graph."""
        widths = dict(zip(OUTPUTS, (3, 3, 2, 4, 3, 2), strict=True))
        graph = helper.make_graph(
            [helper.make_node(kind, ins, outs, **more) for kind, ins, outs, more in NODES],
            "tiny",
            [
                helper.make_tensor_value_info("input", FLOAT, ["batch", 4]),
                helper.make_tensor_value_info("gate_scale", FLOAT, ["rows", 2]),
            ],
            [helper.make_tensor_value_info(n, FLOAT, ["batch", widths[n]]) for n in OUTPUTS],
            [numpy_helper.from_array(values, name) for name, values in WEIGHTS.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        self.change(model)
        return model

    def build(self) -> bytes:
        """Build the file, with metadata and digest."""
        golden = self.golden
        if golden is None:
            gates = [0.5, 0.5]
            e = np.exp([1.0, 0.0, 0.0])
            golden = {
                "input": [[1.0, 0.0, 0.0, 0.0]],
                "probabilities": [(e / e.sum()).tolist()],
                "gate_mean": [[(0.7310586 + 0.5) / 2, gates[1]]],
                "typicality": [(e / e.sum()).tolist()],
            }
        model = self.model()
        record = {"golden": golden, "digest": "0" * 64}
        props = replace(self.metadata, verification=record).to_props()
        self.props(props)
        helper.set_model_props(model, props)
        content: bytes = model.SerializeToString()
        return content.replace(b"0" * 64, digest(content, "0" * 64).encode())


@pytest.fixture
def content() -> bytes:
    return Recipe().build()


@pytest.fixture
def classifier(content: bytes) -> Classifier:
    return Classifier(content)


@pytest.fixture
def file(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(content)
    return path


def served(*classifiers: Classifier, settings: Settings | None = None) -> Models:
    """Return models with queues, as the server makes them."""
    settings = settings or Settings()
    limits = Limits(
        max_queue_rows=settings.max_queue_rows,
        max_queue_ms=settings.max_queue_ms,
        max_batch_rows=settings.max_batch_rows,
    )
    return Models([ServedModel(classifier, limits, SharedCounters()) for classifier in classifiers])


def application(*classifiers: Classifier, **settings: Any) -> FastAPI:
    """Return an application that serves these classifiers, to clients that name any host."""
    chosen = Settings(**{"allowed_hosts": "*", **settings})
    return create_app(served(*classifiers, settings=chosen), chosen)


@pytest.fixture
def table_client() -> Iterator[TestClient]:
    classifier = Classifier(Recipe(metadata=TABLE, change=take_missing_values).build())
    app = application(classifier, max_rows=5)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def client(classifier: Classifier) -> Iterator[TestClient]:
    app = application(classifier, max_body_bytes=2000, max_rows=5)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client
