from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from export import export_model
from export.errors import LayerError
from export.graph import build_graph
from export.layers import SOURCES, check_operators
from export.reference import Reference
from models.data.dataset import Dataset
from models.data.source import Source, load
from models.errors import RunError
from models.networks import HighwayDense
from models.networks.custom import CustomNetwork
from models.run import Run
from service.classifier import Classifier
from service.contract import Column, Input
from service.operators import OPERATORS
from service.trial import try_artifact
from tests.conftest import command
from tests.export.custom import Digits, trained_run
from tests.export.untrained import served

DIGITS = Source.of("digits")


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load(DIGITS)


@pytest.fixture(scope="module")
def run(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained_run(tmp_path_factory.mktemp("custom") / "run", Digits(), DIGITS, digits)


@pytest.fixture(scope="module")
def file(run: Run) -> Path:
    path = run.path.parent / "digits.onnx"
    report = export_model(run.path, path, network=Digits()).report  # weights are those of the run
    assert report.test_rows == 180
    assert report.labels.accuracy == report.labels.torch_accuracy > 0.3
    return path


def test_a_network_of_ones_own_is_exported_with_its_gates(
    file: Path, run: Run, digits: Dataset
) -> None:
    rows = digits.test.x[:20]
    classifier = Classifier.load(file)
    outputs = classifier.run(rows)
    with torch.no_grad():
        logits, gates = run.classifier(Digits())(torch.from_numpy(rows))
    assert np.abs(outputs.logits - logits.numpy()).max() < 1e-4
    assert np.abs(outputs.gate_mean[:, 1] - gates[1].mean(dim=1).numpy()).max() < 1e-5
    assert [(layer.kind, layer.width) for layer in classifier.metadata.layers] == [
        ("convolution", 4),
        ("dense", 8),
        ("dense", 8),
    ]
    closed = classifier.run(rows, np.array([[1, 0, 1]] * 20, np.float32))
    assert np.abs(closed.logits - outputs.logits).max() > 1e-3


def test_the_graph_names_the_modules_of_the_user(file: Path) -> None:
    names = {node.name.partition("/")[0] for node in onnx.load(file).graph.node}
    assert {"first_1", "highway_1", "highway_2", "highway_3", "dense_1", "head"} <= names
    assert b"Digits" not in file.read_bytes()


def test_the_service_accepts_the_file(file: Path) -> None:
    try_artifact(file.read_bytes(), seconds=60, memory_bytes=1 << 30)


def test_such_a_run_is_exported_to_int8(run: Run, tmp_path: Path) -> None:
    report = export_model(
        run.path,
        tmp_path / "int8.onnx",
        network=Digits(),
        precision="int8",
        max_label_changes=100,
    )
    assert report.quantised is not None


def test_the_command_cannot_export_a_class_that_the_run_does_not_hold(
    run: Run, tmp_path: Path
) -> None:
    done = command("export", "export", run.path, tmp_path / "no.onnx")
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {run.path}: its network is the class 'Digits' of your own, which the run does not "
        "hold; in Python, `export_model` and `Run.classifier` take a module of that class\n"
    )


def test_a_module_of_other_highway_layers_is_refused(run: Run) -> None:
    module = Digits()
    module.dense[5] = nn.Linear(8, 8)
    with pytest.raises(RunError) as error:
        run.classifier(module)
    assert str(error.value) == (
        f"{run.path}: expected a module with the 3 highway layers of the training, found others in "
        "'Digits'"
    )


def test_a_module_of_other_weights_is_refused(run: Run) -> None:
    with pytest.raises(RunError) as error:
        run.classifier(Digits(nn.Sequential(nn.Linear(8, 10))))
    assert str(error.value) == (
        f"{run.path}/model.safetensors: not the weights of config.json: Error(s) in loading "
        "state_dict for CustomNetwork"
    )


class Function(nn.Module):
    """A network with a function of torch between its layers."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.highway, self.last, self.function = HighwayDense(4), nn.Linear(4, 2), function

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.last(self.function(self.highway(x)))
        return logits


def network_of(function: Any) -> CustomNetwork:
    columns = tuple(Column(name=name) for name in "abcd")
    row = Input(kind="table", shape=(4,), unit="value", columns=columns)
    example = np.random.default_rng(0).random((2, 4), np.float32)
    return CustomNetwork(Function(function).eval(), row=row, classes=2, example=example)


def graph_of(function: Any) -> onnx.ModelProto:
    return build_graph(served(network_of(function)))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda x: x[:, torch.tensor([3, 2, 1, 0])],
            "network: the service does not serve the operator 'GatherND' of 'highway_1', which "
            "comes from an index by a tensor, such as x[:, columns]; use x.index_select(1, "
            "columns); leave it out of the network",
        ),
        (
            lambda x: x * x.std(dim=1, keepdim=True),
            "network: the service does not serve a use of a layer: node 'highway_1/Reshape_2': "
            "expected a shape by constants, found a computed one; write that layer with shapes "
            "that do not depend on the rows",
        ),
    ],
)
def test_an_operator_that_is_not_served_is_named_with_its_source(
    function: Any, message: str
) -> None:
    with pytest.raises(LayerError) as error:
        check_operators(graph_of(function))
    assert str(error.value) == message


def test_a_network_that_torch_cannot_export_is_refused_with_one_sentence() -> None:
    with pytest.raises(LayerError) as error:
        graph_of(lambda x: x if float(x.sum()) > 0 else -x)
    assert str(error.value).startswith("network: torch cannot export it: ")
    assert "\n" not in str(error.value)


def test_an_embedding_of_any_index_is_refused_with_what_to_do() -> None:
    embedding = nn.Embedding(1, 4)
    built = served(network_of(lambda x: x + embedding((x[:, 0] * 1e-6).long())))
    with pytest.raises(LayerError) as error:
        Reference("extreme rows", built, np.full((2, 4), 1e9, np.float32))
    assert str(error.value) == (
        "network: cannot compute all rows that a request may have: index out of range in self; "
        "clamp indices to the range of their embedding"
    )


def test_no_source_is_named_for_an_operator_that_is_served() -> None:
    assert not SOURCES.keys() & OPERATORS.keys()
