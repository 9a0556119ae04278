from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from export.errors import GateScaleError, NumericsError, UnstableError
from export.graph import ServedNetwork
from export.yardstick import Yardstick
from models.networks.layers import HighwayDense
from models.networks.network import HighwayClassifier
from models.networks.preparation import Columns, Contrast, Scale
from models.presets import PRESETS
from models.run import Run
from tests.export.serving_networks import served, served_run


@pytest.fixture
def network(run_path: Path) -> ServedNetwork:
    return served_run(Run(run_path))


@pytest.fixture
def yardstick(network: ServedNetwork, run_path: Path) -> Yardstick:
    return Yardstick.of("test rows", network, Run(run_path).dataset().test.x)


def test_torchs_own_error_is_that_of_float32(yardstick: Yardstick) -> None:
    assert 0 < yardstick.own_error["logits"] < 1e-5
    assert yardstick.exact["logits"].dtype == np.float64
    assert yardstick.torch["logits"].dtype == np.float32


def test_eight_times_torchs_error_is_allowed_and_eight_times_two_roundings_at_least(
    yardstick: Yardstick,
) -> None:
    yardstick.own_error["logits"] = 1e-3
    yardstick.own_error["gate_mean"] = 0.0
    assert yardstick.allowed("logits") == 8e-3
    assert yardstick.allowed("gate_mean") == 8 * 2**-22


def test_eight_times_more_again_is_allowed_of_what_is_unusual(yardstick: Yardstick) -> None:
    yardstick.own_error["unusual"] = 1e-4
    assert yardstick.allowed("unusual") == pytest.approx(64e-4)
    yardstick.own_error["unusual"] = 0.0
    assert yardstick.allowed("unusual") == 64 * 2**-22


def test_torchs_own_answers_are_within_it(yardstick: Yardstick) -> None:
    found = yardstick.errors(yardstick.torch, "torch")
    assert all(0 < found[name] <= yardstick.own_error[name] for name in found)


def test_what_rounding_could_have_done_counts_as_float32s_own_error() -> None:
    """A flat image has no contrast but what rounding leaves of it, which may be nothing."""
    shape = replace(PRESETS["cifar-19"], depth=6, width=2)
    torch.manual_seed(0)
    network = HighwayClassifier(shape.network(shape=(8, 8, 3), classes=3, preparation=Contrast()))
    yardstick = Yardstick.of("flat rows", served(network), np.full((1, 192), 64, np.float32))
    arithmetic = np.abs(yardstick.torch["logits"] - yardstick.exact["logits"]).max()
    assert yardstick.own_error["logits"] > 2 * arithmetic


def test_a_categorys_code_stays_a_code() -> None:
    network = HighwayClassifier(
        replace(PRESETS["table-10"], depth=3, width=4).network(
            shape=(2,), classes=2, preparation=Columns(categories=(0, 3), gaps=(False, False))
        )
    )
    rows = np.array([[0.5, 0], [-0.25, 1], [0.125, 2]], np.float32)
    yardstick = Yardstick.of("test rows", served(network, rows), rows)
    assert yardstick.own_error["logits"] < 1e-6


def test_numbers_further_off_are_refused_with_what_computed_them(yardstick: Yardstick) -> None:
    found = {name: values.copy() for name, values in yardstick.torch.items()}
    found["probabilities"][3, 1] += 0.5
    with pytest.raises(NumericsError) as error:
        yardstick.errors(found, "another engine")
    allowed = yardstick.allowed("probabilities")
    assert str(error.value).startswith(
        f"probabilities: expected float64's numbers to within {allowed:.1e}, 8 times float32's own "
        "error, found "
    )
    assert str(error.value).endswith(" on test rows by another engine")


def test_shares_of_usual_rows_further_off_are_refused(yardstick: Yardstick) -> None:
    found = {name: values.copy() for name, values in yardstick.torch.items()}
    yardstick.errors(found, "torch")
    found["unusual"][3, 0] += 2 * yardstick.allowed("unusual") * yardstick.scale[3, 0]
    with pytest.raises(NumericsError) as error:
        yardstick.errors(found, "another engine")
    assert str(error.value).startswith("unusual: expected float64's numbers to within ")


def test_numbers_that_are_none_are_refused(yardstick: Yardstick) -> None:
    found = {name: values * np.float32(np.nan) for name, values in yardstick.torch.items()}
    with pytest.raises(NumericsError):
        yardstick.errors(found, "another engine")


def test_the_refusal_is_the_one_that_was_asked_for(network: ServedNetwork, run_path: Path) -> None:
    rows = Run(run_path).dataset().test.x[:3]
    scaled = Yardstick.of(
        "gates scaled", network, rows, np.zeros((3, 3), np.float32), refusal=GateScaleError
    )
    unscaled = Yardstick.of("test rows", network, rows)
    with pytest.raises(GateScaleError):
        scaled.errors(unscaled.torch, "an engine that ignores gate_scale")


def test_a_network_beyond_float32_is_refused() -> None:
    """Thirty layers of open gates and steep tanh: what rounding does grows from layer to layer."""
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
        Yardstick.of("test rows", served(network), rows).check_stable()
    assert str(error.value).startswith(
        "test rows: expected a network whose probabilities float32 holds to within 0.001, found "
        "that torch's own are "
    )
    assert str(error.value).endswith(
        " from those of float64; train it with a lower --learning-rate or fewer layers"
    )
