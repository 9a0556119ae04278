"""Optimizers and learning-rate schedules of a `TrainConfig`."""

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ExponentialLR, LRScheduler, MultiStepLR, OneCycleLR

from models.networks.classifier import GatedClassifier
from models.networks.network import HighwayClassifier
from models.recipe import TrainConfig

Group = dict[str, object]


def optimizer(network: GatedClassifier, config: TrainConfig) -> Optimizer:
    """Return the configured optimizer over all of the network's parameters."""
    groups = parameter_groups(network, config)
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            groups, lr=config.learning_rate, momentum=config.momentum, nesterov=config.momentum > 0
        )
    # One kernel for the update; in mixed precision Lightning cannot clip gradients for it.
    fused = config.precision == "32-true"
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=fused)


def parameter_groups(network: GatedClassifier, config: TrainConfig) -> list[Group]:
    """Return three groups with their own rate and decay: weights, output weights, biases.

    Biases have no weight decay: decay of b_T would open the gates. The output weights of a module
    of one's own are not known, and are among the weights.
    """
    last = network.output.weight if isinstance(network, HighwayClassifier) else None
    weights = [p for p in network.parameters() if p.ndim > 1 and p is not last]
    biases = [p for p in network.parameters() if p.ndim <= 1]
    decay, rate = config.weight_decay, config.learning_rate
    output = [] if last is None else [last]
    return [
        {"params": weights, "weight_decay": decay},
        {"params": output, "weight_decay": decay * config.output_decay_factor},
        {"params": biases, "weight_decay": 0.0, "lr": rate * config.bias_rate_factor},
    ]


def schedule(optimizer: Optimizer, config: TrainConfig, *, steps: int) -> dict[str, object] | None:
    """Return the configured schedule over `steps` optimizer steps, in Lightning's format."""
    scheduler: LRScheduler
    match config.schedule:
        case "constant":
            return None
        case "one-cycle":
            peaks = [float(group["lr"]) for group in optimizer.param_groups]
            # The momentum of AdamW falls while the rate rises (Smith 2018); that of SGD is fixed.
            cycled = config.optimizer == "adamw"
            scheduler = OneCycleLR(
                optimizer, max_lr=peaks, total_steps=steps, cycle_momentum=cycled
            )
            return {"scheduler": scheduler, "interval": "step"}
        case "steps":
            scheduler = MultiStepLR(optimizer, list(config.drop_epochs), gamma=config.drop_factor)
        case "exponential":
            scheduler = ExponentialLR(optimizer, gamma=config.drop_factor)
    return {"scheduler": scheduler, "interval": "epoch"}
