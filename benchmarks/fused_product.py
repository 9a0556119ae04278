"""Speed of one matrix product for both branches of a layer, relative to two products.

    .venv/bin/python -m benchmarks.fused_product [--batch 128]

Forward and backward pass of a stack of layers. Both stacks do the same arithmetic; the second one
computes H and T separately. Rounds alternate; the result is the ratio of the medians.
"""

import argparse
import statistics
import time

import torch
from torch import Tensor, nn

from models.networks.layers import HighwayDense

ROUNDS, REPEATS = 15, 10


class SeparateProducts(nn.Module):
    """A highway layer whose branches are two products."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.transform, self.gate = nn.Linear(width, width), nn.Linear(width, width)

    def mix(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (batch, width) to the output and the gates, both of that shape."""
        gate = torch.sigmoid(self.gate(x))
        return torch.addcmul(x, gate, torch.relu(self.transform(x)) - x), gate


def seconds(layers: nn.ModuleList, x: Tensor) -> float:
    """Run the stack forward and backward; return the seconds of one pass."""
    began = time.perf_counter()
    for _ in range(REPEATS):
        y = x
        for layer in layers:
            assert isinstance(layer, HighwayDense | SeparateProducts)
            y = layer.mix(y)[0]
        y.sum().backward()
    return (time.perf_counter() - began) / REPEATS


def main() -> None:
    """Measure stacks of 10 and 100 layers of 50 units."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=128)
    batch = parser.parse_args().batch
    for depth in (10, 100):
        x = torch.randn(batch, 50)
        one = nn.ModuleList(
            HighwayDense(50, activation="relu", gate_bias=-1.0) for _ in range(depth)
        )
        two = nn.ModuleList(SeparateProducts(50) for _ in range(depth))
        times: dict[str, list[float]] = {"one": [], "two": []}
        for _ in range(ROUNDS):
            times["one"].append(seconds(one, x))
            times["two"].append(seconds(two, x))
        fused, separate = (statistics.median(times[name]) for name in ("one", "two"))
        print(
            f"{depth}×50, batch {batch}: one product {fused * 1e3:.2f} ms, "
            f"two {separate * 1e3:.2f} ms, {separate / fused:.2f} times as fast"
        )


if __name__ == "__main__":
    main()
