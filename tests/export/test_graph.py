from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import ModelProto, numpy_helper

from export.graph import build_graph
from models.gates.record import gate_answers
from models.networks.network import HighwayClassifier, unit_gates
from models.networks.preparation import Columns, Contrast, Preparation, Scale, Standardise
from models.presets import PRESETS, preset
from models.run import Run
from models.settings import changed
from service.contract import OUTPUTS
from service.runtime import onnxruntime
from tests.export.serving_networks import served, served_run

ALLOWED = {
    *("Add", "Concat", "Div", "Gemm", "Mul", "ReduceMean", "Relu", "Reshape", "Sigmoid"),
    *("Softmax", "Split", "Sub"),
    *("Clip", "Exp", "Log", "Max", "ReduceMax"),  # of what is unusual alone
}


def network(
    shape: tuple[int, ...] = (6,),
    preparation: Preparation | None = None,
    name: str = "dense-10",
    **changes: int,
) -> HighwayClassifier:
    torch.manual_seed(0)
    chosen = changed(preset(name), **{"depth": 3, "width": 4, **changes})
    config = chosen.network(shape=shape, classes=3, preparation=preparation or Standardise())
    return HighwayClassifier(config).eval()


def assert_onnxruntime_agrees(built: HighwayClassifier, rows: torch.Tensor) -> ModelProto:
    """Compare all logits, unit gates and shares of usual rows of the graph with torch's."""
    whole = served(built)
    model = build_graph(whole)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    found = dict(zip(OUTPUTS, session.run(OUTPUTS, {"input": rows.numpy()}), strict=True))
    with torch.no_grad():
        logits, gates = built(rows)
        units = torch.cat([unit_gates(gate) for gate in gates], dim=1)
        shares = whole.unusualness(logits, torch.softmax(logits, dim=1), units)
    assert np.abs(found["logits"] - logits.numpy()).max() < 1e-5
    assert np.abs(found["gate_units"] - units.numpy()).max() < 1e-6
    assert np.abs(found["unusual"] - shares.numpy()).max() < 1e-3
    return model


@pytest.fixture(scope="module")
def model() -> ModelProto:
    return build_graph(served(network()))


def axes(values: list[onnx.ValueInfoProto]) -> dict[str, list[str | int]]:
    return {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in values
    }


def test_the_graph_has_the_contracts_inputs_and_outputs(model: ModelProto) -> None:
    assert axes(list(model.graph.input)) == {"input": ["batch", 6], "gate_scale": ["rows", 2]}
    assert axes(list(model.graph.output)) == {
        "logits": ["batch", 3],
        "probabilities": ["batch", 3],
        "gate_mean": ["batch", 2],
        "gate_units": ["batch", 8],
        "unusual": ["batch", 3],
    }


def test_gate_scale_has_a_default_of_ones(model: ModelProto) -> None:
    defaults = {tensor.name: tensor for tensor in model.graph.initializer}
    assert np.array_equal(numpy_helper.to_array(defaults["gate_scale"]), np.ones((1, 2)))


def test_the_graph_uses_plain_operators_of_one_pinned_opset(model: ModelProto) -> None:
    assert {node.op_type for node in model.graph.node} <= ALLOWED
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 20)]
    assert model.ir_version == 10
    assert not model.functions


def test_each_layer_is_one_product(model: ModelProto) -> None:
    products = [node.name for node in model.graph.node if node.op_type == "Gemm"]
    own = [name for name in products if not name.startswith("unusualness/")]
    assert own == ["dense_1/Gemm", "highway_1/Gemm", "highway_2/Gemm", "output/Gemm"]


def test_what_is_unusual_costs_seven_products_however_many_layers_there_are(
    model: ModelProto,
) -> None:
    for graph in (model.graph, build_graph(served(network(depth=6))).graph):
        products = [node.name for node in graph.node if node.op_type == "Gemm"]
        assert len([name for name in products if name.startswith("unusualness/")]) == 7


def test_the_graph_keeps_no_trace_of_our_source(model: ModelProto) -> None:
    content = model.SerializeToString()
    for trace in (b"site-packages", b".py", b"stack_trace", b"/models", b"HighwayClassifier"):
        assert trace not in content


def test_the_same_weights_give_the_same_bytes(model: ModelProto) -> None:
    again = build_graph(served(network()))
    assert again.SerializeToString(deterministic=True) == model.SerializeToString(
        deterministic=True
    )


@pytest.mark.parametrize("shape", [(9, 8), (9, 8, 3)])
def test_convolutions_are_exported_one_for_both_branches(shape: tuple[int, ...]) -> None:
    built = network(shape, name="mnist-conv-16", depth=5)
    rows = torch.rand(4, built.config.features)
    model = assert_onnxruntime_agrees(built, rows)
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    assert len(convolutions) == 1 + 3
    assert axes(list(model.graph.output))["gate_units"] == ["batch", 12]


def test_a_gate_kernel_of_its_own_is_a_convolution_of_its_own() -> None:
    built = network((9, 8), name="mnist-conv-16", depth=5, gate_kernel=1)
    model = assert_onnxruntime_agrees(built, torch.rand(4, 72))
    assert len([node for node in model.graph.node if node.op_type == "Conv"]) == 1 + 2 * 3


def test_a_tables_gaps_and_categories_are_handled_inside_the_graph() -> None:
    nan = float("nan")
    built = network((3,), Columns(categories=(0, 3, 0), gaps=(True, True, False)))
    rows = torch.tensor([[20.0, 0, 1], [nan, 2, 3], [40.0, nan, 2], [nan, nan, nan]])
    built.measure(rows)
    model = assert_onnxruntime_agrees(built, rows)
    assert axes(list(model.graph.input))["input"] == ["batch", 3]


@pytest.mark.parametrize("preparation", [Scale(divisor=256.0), Contrast()])
def test_every_preparation_of_images_is_inside_the_graph(preparation: Preparation) -> None:
    assert_onnxruntime_agrees(network((2, 3), preparation), torch.rand(5, 6) * 255)


@pytest.mark.parametrize(
    "name", [name for name in PRESETS if not name.endswith("-plain") and name != "dense-100"]
)
def test_every_preset_answers_batches_of_any_size_without_being_told_a_scale(name: str) -> None:
    shape = (8, 8, 3) if name == "cifar-19" else (9, 8)
    built = network(shape, name=name, depth=8, width=4)
    session = onnxruntime.InferenceSession(build_graph(served(built)).SerializeToString())
    rows = torch.rand(5, built.config.features)
    with torch.no_grad():
        expected = built(rows)[0].numpy()
    for size in (1, 2, 3, 5):
        (logits,) = session.run(["logits"], {"input": rows[:size].numpy()})
        assert np.abs(logits - expected[:size]).max() < 1e-5


def test_every_row_is_as_unusual_as_torchs_module_says(model: ModelProto, run_path: Path) -> None:
    run = Run(run_path)
    whole, rows = served_run(run), run.dataset().test.x
    session = onnxruntime.InferenceSession(build_graph(whole).SerializeToString())
    (found,) = session.run(["unusual"], {"input": rows})
    normal = gate_answers(whole.network, run.dataset().test)
    logits, units = torch.from_numpy(normal.logits), torch.from_numpy(normal.gate_units)
    expected = whole.unusualness(logits, torch.softmax(logits, dim=1), units).numpy()
    assert found.shape == (180, 3)
    assert np.abs(found - expected).max() < 1e-3
    assert (expected.min(axis=0) < 0.1).all()  # of 180 usual rows some are in the rarest tenth
    assert (expected.max(axis=0) > 0.9).all()


def test_a_closed_layer_makes_a_row_as_unusual_as_its_changed_gates_are(run_path: Path) -> None:
    run = Run(run_path)
    whole, rows = served_run(run), run.dataset().test.x[:3]
    closed = 1 - np.eye(3, dtype=np.float32)
    session = onnxruntime.InferenceSession(build_graph(whole).SerializeToString())
    (found,) = session.run(["unusual"], {"input": rows, "gate_scale": closed})
    with torch.no_grad():
        *_, expected = whole(torch.from_numpy(rows), torch.from_numpy(closed))
    assert np.abs(found - expected.numpy()).max() < 1e-3


def test_no_shape_inside_the_graph_comes_from_the_scale(model: ModelProto) -> None:
    readers = {node.op_type for node in model.graph.node if "gate_scale" in node.input}
    assert readers <= {"Split"}
