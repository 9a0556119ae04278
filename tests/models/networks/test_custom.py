import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.data.dataset import FloatRows
from models.data.source import Source, load
from models.errors import ConfigError
from models.networks import HighwayConv, HighwayDense
from models.networks.classifier import GateLayer
from models.networks.columns import ColumnPreparation
from models.networks.custom import CustomNetwork, fitted_preparation
from service.contract import Column, Input

ROW = Input(
    kind="table",
    shape=(3,),
    unit="value",
    columns=(
        Column(name="age"),
        Column(name="job", categories=("a", "b", "c")),
        Column(name="since", date="iso"),
    ),
)
EXAMPLE = np.array([[20, 1, 18_000], [30, 2, 19_000]], np.float32)


class Branches(nn.Module):
    """An embedding of a category, two branches of highway layers, the second one used first."""

    def __init__(self) -> None:
        super().__init__()
        self.spread = nn.Linear(2, 4)
        self.job = nn.Embedding(3, 4)
        self.numbers = HighwayDense(4, gate_bias=0.5)
        self.jobs = nn.Sequential(HighwayDense(4), nn.LayerNorm(4), HighwayDense(4))
        self.last = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        jobs = self.jobs(self.job(x[:, 1].long().clamp(0, 2)))
        numbers = self.numbers(torch.tanh(self.spread(x[:, [0, 2]] / 1000)))
        logits: Tensor = self.last(torch.cat([jobs, numbers], dim=1))
        return logits


class Images(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.highway = HighwayConv(4, kernel=3, gate_kernel=1)
        self.last = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        images = self.highway(self.first(x.view(-1, 1, 4, 4)))
        logits: Tensor = self.last(images.mean(dim=(2, 3)))
        return logits


class Changed(Branches):
    """The same module with another forward."""

    def __init__(self, forward: Callable[[Branches, Tensor], object]) -> None:
        super().__init__()
        self.changed = forward

    def forward(self, x: Tensor) -> Tensor:
        return self.changed(self, x)  # type: ignore[return-value]


def wrapped(module: nn.Module, example: FloatRows = EXAMPLE) -> CustomNetwork:
    return CustomNetwork(module, row=ROW, classes=2, example=example)


@pytest.fixture
def module() -> Branches:
    torch.manual_seed(0)
    return Branches().eval()


def test_the_logits_are_those_of_the_module(module: Branches) -> None:
    rows = torch.from_numpy(EXAMPLE)
    logits, _ = wrapped(module)(rows)
    assert torch.equal(logits, module(rows))


def test_the_highway_layers_are_in_the_order_of_their_first_use(module: Branches) -> None:
    network = wrapped(module)
    assert network.paths == ("jobs.0", "jobs.2", "numbers")
    assert network.gate_layers == tuple(
        GateLayer(number=number, kind="dense", width=4) for number in (1, 2, 3)
    )


def test_the_gates_are_those_of_each_layer(module: Branches) -> None:
    rows = torch.from_numpy(EXAMPLE)
    _, gates = wrapped(module)(rows)
    first = module.jobs[0].mix(module.job(torch.tensor([1, 2])))  # type: ignore[operator]
    assert [gate.shape for gate in gates] == [(2, 4)] * 3
    assert torch.equal(gates[0], first.gates)


def test_a_scale_of_zero_closes_a_layer_for_its_row_and_leaves_the_gates(
    module: Branches,
) -> None:
    rows, network = torch.from_numpy(EXAMPLE), wrapped(module)
    logits, gates = network(rows)
    scaled, same_gates = network(rows, torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]))
    open_layer, numbers = module.numbers, module.numbers
    module.numbers = nn.Identity()  # type: ignore[assignment]
    closed = module(rows)
    module.numbers = open_layer
    assert numbers is module.numbers
    torch.testing.assert_close(scaled[0], closed[0])
    assert torch.equal(scaled[1], logits[1])
    assert all(torch.equal(*pair) for pair in zip(gates, same_gates, strict=True))


def test_without_the_wrapper_the_module_computes_as_before(module: Branches) -> None:
    network = wrapped(module)
    network(torch.from_numpy(EXAMPLE), torch.zeros(1, 3))
    assert all(layer.tape is None for layer in network.layers())
    assert torch.equal(module(torch.from_numpy(EXAMPLE)), network(torch.from_numpy(EXAMPLE))[0])


def test_a_copy_has_layers_of_its_own(module: Branches) -> None:
    network = wrapped(module)
    twin = copy.deepcopy(network)
    with torch.no_grad():
        for layer in twin.layers():
            layer.branches.weight.zero_()
    rows = torch.from_numpy(EXAMPLE)
    assert not torch.equal(twin(rows)[1][0], network(rows)[1][0])


def test_a_convolutional_layer_has_gates_at_every_position() -> None:
    row = Input(kind="image", shape=(4, 4), unit="pixel", low=0, high=255)
    example = np.zeros((2, 16), np.float32)
    network = CustomNetwork(Images(), row=row, classes=2, example=example)
    assert network.gate_layers == (GateLayer(number=1, kind="convolution", width=4),)
    assert network(torch.zeros(5, 16))[1][0].shape == (5, 4, 4, 4)
    assert network.exact_columns == ()


def test_category_indices_and_dates_are_exact(module: Branches) -> None:
    assert wrapped(module).exact_columns == (1, 2)


def test_the_modules_are_named_by_their_paths_and_the_highway_layers_by_number(
    module: Branches,
) -> None:
    owners = wrapped(module).owners
    assert owners["module.job"] == "job"
    assert owners["module.jobs.1"] == "jobs_1"
    assert owners["module.jobs.2"] == "highway_2"
    assert owners["module.numbers"] == "highway_3"
    assert "module.numbers.branches" not in owners


def test_the_description_has_the_class_and_the_layers(module: Branches) -> None:
    description = wrapped(module).description
    assert (description.class_name, len(description.layers)) == ("Branches", 3)


def test_the_modules_mode_is_kept() -> None:
    assert wrapped(Branches().train()).module.training
    assert not wrapped(Branches().eval()).module.training


def test_a_layer_that_is_itself_the_module_is_found() -> None:
    row = Input(
        kind="table", shape=(2,), unit="value", columns=(Column(name="a"), Column(name="b"))
    )
    network = CustomNetwork(HighwayDense(2), row=row, classes=2, example=EXAMPLE[:, :2])
    assert network.paths == ("",)
    assert network.owners == {"module": "highway_1"}


def error_of(module: nn.Module) -> str:
    with pytest.raises(ConfigError) as error:
        wrapped(module)
    return str(error.value)


def test_a_module_without_highway_layers_is_refused() -> None:
    assert error_of(nn.Linear(3, 2)) == (
        "network: expected a module with highway layers, found none in Linear; use HighwayDense or "
        "HighwayConv of models.networks"
    )


def test_a_layer_that_is_never_used_is_refused() -> None:
    module = Branches()
    module.spare = HighwayDense(4)
    assert error_of(module) == (
        "network: highway layer 'spare' is never used by forward; use it or remove it"
    )


def test_a_layer_that_is_used_twice_is_refused() -> None:
    module = Branches()
    module.jobs[2] = module.numbers
    assert error_of(module) == (
        "network: a highway layer of width 4 is used twice in a forward pass; give each use a "
        "layer of its own"
    )


def test_logits_of_a_wrong_shape_are_refused() -> None:
    module = Branches()
    module.last = nn.Linear(8, 5)
    assert error_of(module) == (
        "network: expected logits of shape (2, 2), one for each label, found (2, 5); change the "
        "last layer of Branches"
    )


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (
            lambda self, x: (Branches.forward(self, x), None),
            "network: expected logits of shape (2, 2), one for each label, found tuple; return a "
            "tensor",
        ),
        (
            lambda self, x: Branches.forward(self, x).double(),
            "network: expected logits of shape (2, 2), one for each label as float32, found "
            "torch.float64; convert the module",
        ),
        (
            lambda self, x: self.last(x),
            "network: Changed cannot compute 2×3 raw values of the data: RuntimeError: mat1 and "
            "mat2 shapes cannot be multiplied (2x3 and 8x2)",
        ),
        (
            lambda self, x: self.job(x.long()),
            "network: Changed cannot compute 2×3 raw values of the data: IndexError: index out of "
            "range in self",
        ),
    ],
)
def test_a_forward_that_returns_no_logits_is_refused(
    forward: Callable[[Branches, Tensor], object], message: str
) -> None:
    assert error_of(Changed(forward)) == message


def test_the_fitted_preparation_is_that_of_the_presets() -> None:
    data = load(Source.of("digits"))
    preparation = fitted_preparation(data)
    prepared = preparation(torch.from_numpy(data.train.x))
    assert preparation.outputs == 64
    assert float(prepared.mean()) == pytest.approx(0, abs=1e-4)
    assert float(prepared.std()) == pytest.approx(1, abs=1e-4)
    assert not isinstance(preparation, ColumnPreparation)
