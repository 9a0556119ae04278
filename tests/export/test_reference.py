from dataclasses import replace

import numpy as np
import pytest
import torch

import export.reference as reference_module
from export.backends import runtime_engine
from export.errors import GateScaleError, NumericsError, UnstableError
from export.graph import ServedNetwork, build_graph
from export.reference import Reference, _relative_roundings, torch_engine
from export.trained_run import TrainedRun
from models.data.source import Source, load
from models.gates.record import record_gates
from models.networks.columns import Columns
from models.networks.layers import HighwayDense
from models.networks.network import HighwayClassifier
from models.networks.preparation import Contrast, Scale
from models.presets import PRESETS
from tests.export.untrained import served
from tests.models.gates.conftest import untrained


@pytest.fixture
def reference(run: TrainedRun) -> Reference:
    return Reference("test rows", run.served, run.rows.test.x)


def test_float32s_error_is_the_difference_between_float32_and_float64(
    reference: Reference,
) -> None:
    assert 0 < reference.float32_error["logits"] < 1e-5
    assert reference.exact["logits"].dtype == np.float64
    assert reference.float32["logits"].dtype == np.float32


@pytest.mark.parametrize("scaled_rows", [0, 1, 7])
def test_torch_computes_many_rows_in_parts(
    run: TrainedRun, monkeypatch: pytest.MonkeyPatch, scaled_rows: int
) -> None:
    rows = run.rows.test.x[:7].astype(np.float64)
    random = np.random.default_rng(0)
    scale = random.random((scaled_rows, run.served.layers), np.float32) if scaled_rows else None
    engine = torch_engine(run.served, torch.float64)
    whole = engine(rows, scale)
    monkeypatch.setattr(reference_module, "TORCH_VALUES", 3 * rows.shape[1])  # of 3, 3 and 1 rows
    for name, values in engine(rows, scale).items():
        np.testing.assert_allclose(values, whole[name], rtol=0, atol=1e-12)
    monkeypatch.setattr(reference_module, "TORCH_VALUES", 1)  # one row is the least
    assert engine(rows, scale)["logits"].shape == whole["logits"].shape


@pytest.mark.parametrize(("output", "multiple"), [("logits", 8), ("typicality", 64)])
def test_the_allowed_error_is_a_multiple_of_float32s_error_or_of_two_roundings(
    output: str, multiple: float, reference: Reference
) -> None:
    reference.float32_error[output] = 1e-3
    assert reference.allowed(output) == pytest.approx(multiple * 1e-3)
    reference.float32_error[output] = 0.0
    assert reference.allowed(output) == multiple * 2**-22


def test_torchs_float32_outputs_are_within_float32s_error(reference: Reference) -> None:
    errors = reference.errors(reference.float32, "torch")
    assert all(0 < errors[name] <= reference.float32_error[name] for name in errors)


def test_roundings_that_cancel_by_chance_count_as_float32s_error() -> None:
    """A flat image has no contrast but rounding errors, which may be zero."""
    shape = replace(PRESETS["cifar-19"], depth=6, width=2)
    torch.manual_seed(0)
    network = HighwayClassifier(shape.network(shape=(8, 8, 3), classes=3, preparation=Contrast()))
    reference = Reference("flat rows", served(network), np.full((1, 192), 64, np.float32))
    difference = np.abs(reference.float32["logits"] - reference.exact["logits"]).max()
    assert reference.float32_error["logits"] > 2 * difference


def test_typicality_of_nearly_closed_gates_allows_for_onnxruntimes_sigmoid() -> None:
    """Near 0 onnxruntime's gates are less exact than torch's, and typicality takes their log."""
    network, data = untrained(seed=2, gate_bias=-9.0, logit_scale=30.0), load(Source.of("digits"))
    built = ServedNetwork(network, record_gates(network, data).typicality)
    engine = runtime_engine(build_graph(built).SerializeToString())
    reference = Reference("digits", built, data.test.x)
    assert reference.errors(engine(data.test.x, None), "onnxruntime")["typicality"] < 2e-3
    difference = np.abs(reference.float32["typicality"] - reference.exact["typicality"]).max()
    assert reference.float32_error["typicality"] > 10 * difference


def test_category_indices_are_not_moved() -> None:
    network = HighwayClassifier(
        replace(PRESETS["table-5"], depth=3, width=4).network(
            shape=(2,),
            classes=2,
            preparation=Columns(categories=(0, 3), missing_flags=(False, False)),
        )
    )
    rows = np.array([[0.5, 0], [-0.25, 1], [0.125, 2]], np.float32)
    reference = Reference("test rows", served(network, rows), rows)
    assert reference.float32_error["logits"] < 1e-6


def test_dates_are_not_moved() -> None:
    network = HighwayClassifier(
        replace(PRESETS["table-5"], depth=3, width=4).network(
            shape=(2,),
            classes=2,
            preparation=Columns(
                categories=(0, 0), missing_flags=(False, False), dates=(False, True)
            ),
        )
    )
    rows = np.array([[0.5, 20_000], [-0.25, 18_000], [0.125, 19_000]], np.float32)
    roundings = _relative_roundings(network, rows, np.random.default_rng(0))
    assert (roundings[:, 1] == 0).all()
    assert (roundings[:, 0] != 0).all()


@pytest.mark.parametrize("output", ["probabilities", "typicality"])
def test_outputs_too_far_off_are_rejected_with_the_rows_and_the_backend(
    output: str, reference: Reference
) -> None:
    outputs = {name: values.copy() for name, values in reference.float32.items()}
    allowed = reference.allowed(output)
    outputs[output][3, 1] += 3 * allowed * reference.scale[3, 0]
    with pytest.raises(NumericsError) as error:
        reference.errors(outputs, "another engine")
    assert str(error.value).startswith(
        f"{output}: expected float64's values to within {allowed:.1e}, 8 times float32's own "
        "error, found an error of "
    )
    assert str(error.value).endswith(" on test rows with another engine")


def test_nan_is_rejected(reference: Reference) -> None:
    outputs = {name: values * np.float32(np.nan) for name, values in reference.float32.items()}
    with pytest.raises(NumericsError):
        reference.errors(outputs, "another engine")


def test_the_error_class_is_the_given_one(run: TrainedRun) -> None:
    rows = run.rows.test.x[:3]
    zeros = np.zeros((3, 3), np.float32)
    scaled = Reference("gates scaled", run.served, rows, zeros, error_class=GateScaleError)
    unscaled = Reference("test rows", run.served, rows)
    with pytest.raises(GateScaleError):
        scaled.errors(unscaled.float32, "an engine that ignores gate_scale")


def test_a_network_too_unstable_for_float32_is_rejected() -> None:
    """In thirty layers of open gates and steep tanh, rounding errors grow from layer to layer."""
    shape = replace(PRESETS["dense-50"], depth=30, width=16, gate_bias=2.0)
    torch.manual_seed(0)
    network = HighwayClassifier(
        shape.network(shape=(4, 4), classes=3, preparation=Scale(divisor=1.0))
    )
    for block in network.blocks:
        if isinstance(block, HighwayDense):
            block.branches.weight.data *= 8
    rows = np.random.default_rng(0).random((200, 16), np.float32)
    with pytest.raises(UnstableError) as error:
        Reference("test rows", served(network), rows).check_stable()
    assert str(error.value).startswith(
        "test rows: expected torch's probabilities in float32 and float64 to agree to within "
        "0.001, found a difference of "
    )
    assert str(error.value).endswith(
        "; train the network with a lower --learning-rate or fewer layers"
    )
