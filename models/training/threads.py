"""The number of torch's threads for a training.

torch divides every product between its threads and waits for all of them, hundreds of times in a
step. For small products the waiting costs more than the division saves; beside another busy process
a step with two threads took up to ten times as long (docs/measurements/training.md).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.utils.flop_counter import FlopCounterMode

from models.networks.classifier import GatedClassifier
from models.networks.network import HighwayClassifier

FORWARD_AND_BACKWARD = 3  # times the forward pass
FLOPS_PER_THREAD = 5e7  # in a block of the network, in a step
GROUP_FLOPS = 3e9  # below a second on one slow core
MAX_GROUP = 50


def step_flops(network: GatedClassifier, batch_size: int) -> int:
    """Return the floating-point operations of the products in one optimizer step.

    The network may be on the meta device.
    """
    row = torch.zeros(1, network.features, device=network.device)
    was_training = network.training
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(row)
    network.train(was_training)
    return int(counter.get_total_flops()) * batch_size * FORWARD_AND_BACKWARD


def threads_for(network: GatedClassifier, batch_size: int) -> int:
    """Return a number of threads that suits the products, at most that of torch.

    It depends on sizes only, so that it is the same in each training of a network.
    """
    parts = network.blocks if isinstance(network, HighwayClassifier) else network.owners
    for_block = step_flops(network, batch_size) / len(parts)
    return max(1, min(torch.get_num_threads(), int(for_block / FLOPS_PER_THREAD)))


def steps_per_group(network: GatedClassifier, batch_size: int) -> int:
    """Return the number of optimizer steps between two calls from Lightning.

    Lightning's calls take about a third of a small network's step. A signal waits for the end of a
    group.
    """
    return max(1, min(MAX_GROUP, int(GROUP_FLOPS / max(1, step_flops(network, batch_size)))))


@contextmanager
def torch_threads(threads: int | None) -> Iterator[None]:
    """Use that number of threads inside the block; None leaves it unchanged."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
