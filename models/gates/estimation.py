"""Estimation errors: how far each layer's output is from the last output of its stage.

A stage refines one estimate (Greff, Srivastava, Schmidhuber 2016, arXiv 1612.07771):
the error of a layer, its output minus that of the stage's last layer, has a mean near 0 in every
unit, and its spread decreases from layer to layer.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.data.dataset import Part
from models.evaluation import rows_in_order
from models.gates.stages import layer_stages, stages
from models.networks.network import HighwayClassifier
from models.progress import OnProgress


@dataclass(frozen=True, kw_only=True)
class LayerEstimation:
    """Estimation error of one layer, which `layer` counts from 0 and whose `stage` counts from 1.

    `mean` is the mean over units of |mean error over rows|. `spread` is the standard deviation of
    the error around each unit's mean, over rows and units. Both are in the unit of the outputs; a
    convolution's positions count as rows, and its channels as units. The relative numbers are
    divided by the spread of the stage's last output; None if that output is constant.
    """

    layer: int
    stage: int
    mean: float
    spread: float
    relative_mean: float | None
    relative_spread: float | None


class Moments:
    """Mean and variance of each unit, joined batch by batch in float64.

    Chan, Golub, LeVeque 1983: no rows are kept, and no large sums of squares are subtracted.
    """

    def __init__(self) -> None:
        self.count = 0
        self.unit_mean = torch.zeros((), dtype=torch.float64)
        self.unit_squares = torch.zeros((), dtype=torch.float64)  # deviations from the mean

    def add(self, values: Tensor) -> None:
        """Add a batch of values, (batch, units, …); further dimensions count as rows."""
        rows = [dimension for dimension in range(values.dim()) if dimension != 1]
        variance, mean = torch.var_mean(values, dim=rows, correction=0)
        count = values.numel() // values.shape[1]
        total = self.count + count
        step = mean.cpu().double() - self.unit_mean  # not every device has float64
        self.unit_mean = self.unit_mean + step * (count / total)
        self.unit_squares = (
            self.unit_squares
            + variance.cpu().double() * count
            + step**2 * (self.count * count / total)
        )
        self.count = total

    @property
    def mean(self) -> float:
        """The mean over units of the absolute mean."""
        return float(self.unit_mean.abs().mean())

    @property
    def spread(self) -> float:
        """The standard deviation around each unit's mean, over all values."""
        return float((self.unit_squares / self.count).mean().sqrt())


@torch.no_grad()
def estimation_errors(
    network: HighwayClassifier, part: Part, on_progress: OnProgress, *, batch_size: int = 1000
) -> tuple[LayerEstimation, ...]:
    """Measure the layers of all stages of at least two layers on the rows of `part`, at least one.

    The layers are those of `stages`, so a plain network can be measured too. `on_progress` is
    called once a batch.
    """
    network.eval()
    several = [stage for stage in stages(network) if len(stage) > 1]
    errors = {position: Moments() for stage in several for position in stage}
    finals = {stage[-1]: Moments() for stage in several}
    stage_of = {position: stage for stage in several for position in stage}
    for x, y in rows_in_order(network, part, batch_size=batch_size):
        x = network.prepare(x)
        outputs: dict[int, Tensor] = {}
        for position, block in enumerate(network.blocks):
            x = block(x)
            if position in stage_of:
                outputs[position] = x
            if position in finals:
                finals[position].add(x)
                for layer in stage_of[position]:
                    errors[layer].add(outputs.pop(layer) - x)
        on_progress(len(y))
    return tuple(
        _layer_estimation(layer, number, errors[position], finals[positions[-1]])
        for number, (layers, positions) in enumerate(
            zip(layer_stages(network), stages(network), strict=True), start=1
        )
        for layer, position in zip(layers, positions, strict=True)
        if position in errors
    )


def _layer_estimation(layer: int, stage: int, error: Moments, final: Moments) -> LayerEstimation:
    whole = final.spread
    return LayerEstimation(
        layer=layer,
        stage=stage,
        mean=error.mean,
        spread=error.spread,
        relative_mean=error.mean / whole if whole else None,
        relative_spread=error.spread / whole if whole else None,
    )
