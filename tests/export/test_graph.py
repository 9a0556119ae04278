from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import ModelProto, numpy_helper

from export.graph import ServedNetwork, build_graph
from export.reference import Reference
from export.trained_run import TrainedRun
from models.data.source import Source, load
from models.gates.record import record_gates
from models.networks.blocks import (
    ConvBlock,
    DenseBlock,
    HighwayBlock,
    HighwayConvBlock,
)
from models.networks.columns import Columns
from models.networks.network import HighwayClassifier, NetworkConfig
from models.networks.preparation import Contrast, Preparation, Scale, Standardise
from models.presets import PRESETS, preset
from models.pruning.surgery import remove_layers
from models.settings import changed
from service.contract import OUTPUTS
from service.graph_rules import check_graph
from service.model_graph import read_graph
from service.runtime import onnxruntime
from tests.export.untrained import served
from tests.models.gates.conftest import untrained

OPERATORS = {
    *("Add", "Concat", "Div", "Gemm", "Mul", "ReduceMean", "Relu", "Reshape", "Sigmoid"),
    *("Softmax", "Split", "Sub"),
    *("Clip", "Exp", "Log", "Max"),  # for typicality only
    *("Gather", "MatMul", "Neg", "ReduceSum", "Squeeze", "Transpose", "Unsqueeze"),  # of layers
}
TOLERANCES = {"gate_units": 1e-6, "typicality": 1e-3, "layer_typicality": 1e-3}  # else 1e-5


def network(
    shape: tuple[int, ...] = (6,),
    preparation: Preparation | None = None,
    name: str = "dense-10",
    **changes: int,
) -> HighwayClassifier:
    torch.manual_seed(0)
    return HighwayClassifier(config_of(shape, preparation, name, **changes)).eval()


def config_of(
    shape: tuple[int, ...],
    preparation: Preparation | None = None,
    name: str = "dense-10",
    **changes: int,
) -> NetworkConfig:
    chosen = changed(preset(name), **{"depth": 3, "width": 4, **changes})
    return chosen.network(shape=shape, classes=3, preparation=preparation or Standardise())


def run_graph(model: ModelProto, *inputs: np.ndarray) -> dict[str, Any]:
    """Compute all outputs of rows, and of a gate scale if given, as the service may."""
    content = model.SerializeToString()
    check_graph(read_graph(content))
    session = onnxruntime.InferenceSession(content)
    feeds = dict(zip(("input", "gate_scale"), inputs, strict=False))
    return dict(zip(OUTPUTS, session.run(OUTPUTS, feeds), strict=True))


def assert_onnxruntime_agrees(built: HighwayClassifier, *batches: torch.Tensor) -> ModelProto:
    """Compare logits, unit gates and typicality of the graph with torch's, for each batch."""
    module = served(built)
    model = build_graph(module)
    for rows in batches:
        actual = run_graph(model, rows.numpy())
        with torch.no_grad():
            outputs = module(rows, torch.ones(1, module.layers))
        for name, expected in zip(OUTPUTS, outputs, strict=True):
            assert np.abs(actual[name] - expected.numpy()).max() < TOLERANCES.get(name, 1e-5)
    return model


@pytest.fixture(scope="module")
def model() -> ModelProto:
    return build_graph(served(network()))


@pytest.fixture(scope="module")
def run_model(run: TrainedRun) -> ModelProto:
    return build_graph(run.served)


@pytest.fixture(scope="module")
def artifact(artifact_path: Path) -> ModelProto:
    return onnx.load(artifact_path)


def axes(values: list[onnx.ValueInfoProto]) -> dict[str, list[str | int]]:
    return {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in values
    }


def products(model: ModelProto) -> list[str]:
    return [node.name for node in model.graph.node if node.op_type == "Gemm"]


def test_the_graph_has_the_contracts_inputs_and_outputs(model: ModelProto) -> None:
    assert axes(list(model.graph.input)) == {"input": ["batch", 6], "gate_scale": ["rows", 2]}
    assert axes(list(model.graph.output)) == {
        "logits": ["batch", 3],
        "probabilities": ["batch", 3],
        "gate_mean": ["batch", 2],
        "gate_units": ["batch", 8],
        "typicality": ["batch", 3],
        "layer_typicality": ["batch", 2],
    }


def test_gate_scale_has_a_default_of_ones(model: ModelProto) -> None:
    defaults = {tensor.name: tensor for tensor in model.graph.initializer}
    assert np.array_equal(numpy_helper.to_array(defaults["gate_scale"]), np.ones((1, 2)))


def test_the_graph_has_plain_operators_of_one_pinned_opset(model: ModelProto) -> None:
    assert {node.op_type for node in model.graph.node} <= OPERATORS
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 20)]
    assert model.ir_version == 10
    assert not model.functions


def test_each_layer_is_one_product(model: ModelProto) -> None:
    own = [name for name in products(model) if not name.startswith("typicality/")]
    assert own == ["dense_1/Gemm", "highway_1/Gemm", "highway_2/Gemm", "output/Gemm"]


def test_typicality_costs_seven_products_for_any_number_of_layers(model: ModelProto) -> None:
    for graph in (model, build_graph(served(network(depth=6)))):
        assert len([name for name in products(graph) if name.startswith("typicality/")]) == 7


def test_the_graph_has_no_trace_of_the_source(model: ModelProto) -> None:
    content = model.SerializeToString()
    for trace in (b"site-packages", b".py", b"stack_trace", b"/models", b"HighwayClassifier"):
        assert trace not in content


def test_the_same_weights_give_the_same_bytes(model: ModelProto) -> None:
    again = build_graph(served(network()))
    assert again.SerializeToString(deterministic=True) == model.SerializeToString(
        deterministic=True
    )


@pytest.mark.parametrize("shape", [(9, 8), (9, 8, 3)])
def test_a_convolution_layer_is_one_convolution_for_both_branches(shape: tuple[int, ...]) -> None:
    built = network(shape, name="mnist-conv-16", depth=5)
    model = assert_onnxruntime_agrees(built, torch.rand(4, built.config.features))
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    assert len(convolutions) == 1 + 3
    assert axes(list(model.graph.output))["gate_units"] == ["batch", 12]


def test_another_gate_kernel_needs_a_second_convolution() -> None:
    built = network((9, 8), name="mnist-conv-16", depth=5, gate_kernel=1)
    model = assert_onnxruntime_agrees(built, torch.rand(4, 72))
    assert len([node for node in model.graph.node if node.op_type == "Conv"]) == 1 + 2 * 3


def test_a_tables_missing_values_and_categories_are_prepared_in_the_graph() -> None:
    nan = float("nan")
    built = network((3,), Columns(categories=(0, 3, 0), missing_flags=(True, True, False)))
    rows = torch.tensor([[20.0, 0, 1], [nan, 2, 3], [40.0, nan, 2], [nan, nan, nan]])
    built.fit_preparation(rows)
    model = assert_onnxruntime_agrees(built, rows)
    assert axes(list(model.graph.input))["input"] == ["batch", 3]


@pytest.mark.parametrize("preparation", [Scale(divisor=256.0), Contrast()])
def test_every_preparation_of_images_is_in_the_graph(preparation: Preparation) -> None:
    assert_onnxruntime_agrees(network((2, 3), preparation), torch.rand(5, 6) * 255)


def small_presets() -> dict[NetworkConfig, str]:
    """Return the different networks of the presets at one depth and width, and a preset of each."""
    names = [name for name in PRESETS if not name.endswith("-plain") and name != "dense-100"]
    shapes = {name: (8, 8, 3) if name == "cifar-19" else (9, 8) for name in names}
    return {config_of(shapes[name], name=name, depth=8, width=4): name for name in reversed(names)}


@pytest.mark.parametrize("config", [pytest.param(c, id=n) for c, n in small_presets().items()])
def test_every_preset_computes_batches_of_any_size_with_the_default_scale(
    config: NetworkConfig,
) -> None:
    torch.manual_seed(0)
    built = HighwayClassifier(config).eval()
    content = build_graph(served(built)).SerializeToString()
    check_graph(read_graph(content))
    session = onnxruntime.InferenceSession(content)
    rows = torch.rand(5, built.config.features)
    with torch.no_grad():
        expected = built(rows)[0].numpy()
    for size in (1, 2, 3, 5):
        (logits,) = session.run(["logits"], {"input": rows[:size].numpy()})
        assert np.abs(logits - expected[:size]).max() < 1e-5


def test_the_typicality_of_every_row_is_that_of_torchs_module(
    run: TrainedRun, run_model: ModelProto
) -> None:
    rows = run.rows.test.x
    outputs = run_graph(run_model, rows)
    Reference("test rows", run.served, rows).errors(outputs, "onnxruntime")
    assert outputs["typicality"].shape == (180, 3)
    # 18 of 180 rows are expected in the rarest tenth.
    assert (outputs["typicality"].min(axis=0) < 0.1).all()
    assert (outputs["typicality"].max(axis=0) > 0.9).all()


@pytest.mark.parametrize(("seed", "gate_bias"), [(0, -8.0), (1, -4.0), (2, 4.0)])
def test_the_typicality_equals_torchs_for_any_weights(seed: int, gate_bias: float) -> None:
    # For nearly closed gates the relative error of onnxruntime's Sigmoid is far above torch's.
    data = load(Source.of("digits"))
    network = untrained(seed, gate_bias, logit_scale=30.0)
    module = ServedNetwork(network, record_gates(network, data).typicality)
    rows = data.test.x
    actual = run_graph(build_graph(module), rows)["typicality"]
    with torch.no_grad():
        *_, expected, _ = module(torch.from_numpy(rows), torch.ones(1, module.layers))
    assert actual == pytest.approx(expected.numpy(), rel=2e-2)


def test_a_closed_layer_changes_typicality_as_in_torch(
    run: TrainedRun, run_model: ModelProto
) -> None:
    rows, closed = run.rows.test.x[:3], 1 - np.eye(3, dtype=np.float32)
    outputs = run_graph(run_model, rows, closed)
    Reference("a layer closed", run.served, rows, closed).errors(outputs, "onnxruntime")
    opened = run_graph(run_model, rows)
    assert (outputs["typicality"] != opened["typicality"]).any()


def test_no_inner_shape_depends_on_the_scale(model: ModelProto) -> None:
    readers = {node.op_type for node in model.graph.node if "gate_scale" in node.input}
    assert readers <= {"Split"}


def test_every_node_is_named_after_its_layer(artifact: ModelProto) -> None:
    owners = Counter(node.name.partition("/")[0] for node in artifact.graph.node)
    assert list(owners) == [
        *("gate_scale", "preparation", "dense_1", "highway_1", "highway_2", "highway_3"),
        *("output", "results", "typicality", "layer_typicality"),
    ]
    assert [node.name for node in artifact.graph.node if node.name.startswith("highway_2/")] == [
        *("highway_2/Gemm", "highway_2/Split", "highway_2/Sigmoid", "highway_2/Mul"),
        *("highway_2/Relu", "highway_2/Sub", "highway_2/Mul_2", "highway_2/Add"),
    ]


def test_every_weight_is_named_after_its_layer(artifact: ModelProto) -> None:
    assert [tensor.name for tensor in artifact.graph.initializer] == [
        *("dense_1/linear.weight", "dense_1/linear.bias"),
        *(f"highway_{n}/branches.{part}" for n in (1, 2, 3) for part in ("weight", "bias")),
        *("output/weight", "output/bias", "preparation/mean", "preparation/spread"),
        *(f"typicality/{part}" for part in ("weight", "bias", "to_means", "means_square")),
        *("typicality/adders", "typicality/score_bends", "typicality/score_knots"),
        *("typicality/score_slopes", "typicality/sum_bends", "typicality/sum_knots"),
        *("typicality/sum_slopes", "typicality/floor"),
        *(f"layer_typicality/{part}" for part in ("weight", "bias", "to_means", "means_square")),
        *(f"layer_typicality/{part}" for part in ("knots", "slopes", "floor")),
        *("results/Reshape/constant_1", "results/ReduceMean/constant_1"),
        *(f"typicality/Clip/constant_{index}" for index in (1, 2)),
        *("typicality/Clip_2/constant_1", "typicality/Clip_3/constant_1"),
        *(f"layer_typicality/Clip/constant_{index}" for index in (1, 2)),
        *("layer_typicality/Sub/constant_0", "layer_typicality/Gather/constant_1", "gate_scale"),
    ]


def test_the_last_node_of_typicality_computes_the_output(artifact: ModelProto) -> None:
    (last,) = [node for node in artifact.graph.node if "typicality" in node.output]
    assert last.name == "typicality/Exp"
    own = [node for node in artifact.graph.node if node.name.startswith("typicality/Gemm")]
    assert [node.input[1] for node in own] == [
        f"typicality/{part}"
        for part in (
            *("weight", "to_means", "adders"),
            *("score_bends", "score_slopes", "sum_bends", "sum_slopes"),
        )
    ]


def test_no_two_tensors_have_the_same_name(artifact: ModelProto) -> None:
    graph = artifact.graph
    names = [tensor.name for tensor in graph.initializer if tensor.name != "gate_scale"]
    names += [value.name for value in graph.input]
    names += [name for node in graph.node for name in node.output]
    assert len(set(names)) == len(names)


def test_the_layers_of_a_pruned_network_keep_their_numbers() -> None:
    config = PRESETS["mnist-conv-16"].network(shape=(28, 28), classes=10, preparation=Standardise())
    pruned = remove_layers(HighwayClassifier(config), [0, 1, 4])
    owners = {node.name.partition("/")[0] for node in build_graph(served(pruned)).graph.node}
    assert {name for name in owners if "_" in name} == {
        *("gate_scale", "conv_1", "max_pool_1", "max_pool_2", "max_pool_3", "layer_typicality"),
        *(f"highway_{number}" for number in (3, 4, 6, 7, 8)),
    }


@pytest.mark.parametrize("constant", [(True, False), (True, True)])
@pytest.mark.parametrize("spatial", [False, True])
def test_a_layer_of_constant_gates_is_exported_for_batches_of_any_size(
    constant: tuple[bool, bool], spatial: bool
) -> None:
    torch.manual_seed(0)
    first, layer = (ConvBlock, HighwayConvBlock) if spatial else (DenseBlock, HighwayBlock)
    blocks = (
        first(width=4),
        *(layer(number=n, width=4, constant_gate=c) for n, c in enumerate(constant, start=1)),
    )
    config = NetworkConfig(shape=(6, 6), classes=3, blocks=blocks)
    built = HighwayClassifier(config).eval()
    assert_onnxruntime_agrees(built, *(torch.rand(rows, 36) for rows in (1, 2, 5)))
