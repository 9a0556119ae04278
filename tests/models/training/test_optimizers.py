from dataclasses import replace

import pytest
import torch

from models.networks.blocks import DenseBlock, HighwayBlock
from models.networks.network import HighwayClassifier, NetworkConfig
from models.recipe import ScheduleName, TrainConfig
from models.training.optimizers import optimizer, parameter_groups, schedule


def network() -> HighwayClassifier:
    blocks = (DenseBlock(width=4), HighwayBlock(number=1, width=4))
    return HighwayClassifier(NetworkConfig(shape=(3,), classes=2, blocks=blocks))


def rates(config: TrainConfig, steps: int, group: int = 0) -> list[float]:
    """Return the learning rate of a group at every step of the schedule."""
    chosen = optimizer(network(), config)
    plan = schedule(chosen, config, steps=steps)
    by_step = []
    for _ in range(steps):
        by_step.append(float(chosen.param_groups[group]["lr"]))
        chosen.step()
        if plan is not None:
            plan["scheduler"].step()  # type: ignore[attr-defined]
    return by_step


def test_weights_decay_and_biases_do_not() -> None:
    config = TrainConfig(weight_decay=0.1, output_decay_factor=10)
    weights, output, biases = parameter_groups(network(), config)
    assert [weights["weight_decay"], output["weight_decay"], biases["weight_decay"]] == [
        0.1,
        1.0,
        0,
    ]
    assert {p.ndim for p in weights["params"]} == {2}  # type: ignore[attr-defined]
    assert {p.ndim for p in biases["params"]} == {1}  # type: ignore[attr-defined]


def test_every_parameter_is_in_exactly_one_group() -> None:
    built = network()
    grouped = [p for g in parameter_groups(built, TrainConfig()) for p in g["params"]]  # type: ignore[attr-defined]
    assert sorted(map(id, grouped)) == sorted(map(id, built.parameters()))


def test_biases_can_have_their_own_learning_rate() -> None:
    config = TrainConfig(optimizer="sgd", learning_rate=0.01, bias_rate_factor=2.0)
    groups = optimizer(network(), config).param_groups
    assert [group["lr"] for group in groups] == [0.01, 0.01, 0.02]
    assert all(group["nesterov"] and group["momentum"] == 0.9 for group in groups)


def test_without_momentum_sgd_has_no_nesterov_term() -> None:
    config = TrainConfig(optimizer="sgd", momentum=0.0)
    assert not optimizer(network(), config).param_groups[0]["nesterov"]


def test_one_cycle_rises_to_the_rate_of_each_group_and_falls_to_zero() -> None:
    config = TrainConfig(learning_rate=0.01, bias_rate_factor=2.0)
    weights, biases = rates(config, steps=100), rates(config, steps=100, group=2)
    assert max(weights) == pytest.approx(0.01)
    assert weights.index(max(weights)) in (29, 30)
    assert weights[-1] < 1e-6
    assert biases == pytest.approx([2 * rate for rate in weights])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("constant", [1.0, 1.0, 1.0, 1.0]),
        ("exponential", [1.0, 0.5, 0.25, 0.125]),
        ("steps", [1.0, 0.5, 0.5, 0.25]),
    ],
)
def test_schedules_by_epoch_match_a_hand_calculation(
    name: ScheduleName, expected: list[float]
) -> None:
    config = TrainConfig(
        optimizer="sgd", schedule=name, learning_rate=1.0, drop_factor=0.5, drop_epochs=(1, 3)
    )
    assert rates(config, steps=4) == pytest.approx(expected)


def test_the_fused_adamw_takes_the_same_steps_as_the_default_one() -> None:
    torch.manual_seed(0)
    fused, plain = network(), network()
    plain.load_state_dict(fused.state_dict())
    config, x = TrainConfig(), torch.randn(8, 3)
    for built, chosen in (
        (fused, optimizer(fused, config)),
        (plain, optimizer(plain, replace(config, precision="bf16-mixed"))),
    ):
        for _ in range(3):
            chosen.zero_grad()
            built(x)[0].square().sum().backward()
            chosen.step()
    torch.testing.assert_close(fused.state_dict(), plain.state_dict())


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_one_cycle_does_not_change_the_momentum_of_sgd(momentum: float) -> None:
    config = TrainConfig(optimizer="sgd", momentum=momentum)
    chosen = optimizer(network(), config)
    plan = schedule(chosen, config, steps=10)
    assert plan is not None
    for _ in range(9):
        chosen.step()
        plan["scheduler"].step()  # type: ignore[attr-defined]
        assert {group["momentum"] for group in chosen.param_groups} == {momentum}
