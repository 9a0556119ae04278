"""Integrated gradients of a label's log-odds (Sundararajan, Taly, Yan 2017, arXiv 1703.01365)."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.data.dataset import FloatRows

STEPS = 64  # of the path from the baseline to the row

Values = NDArray[np.float64]


def log_odds(logits: Tensor, label: int) -> Tensor:
    """Return log p / (1 − p) of a label, (rows,); it is exact where p is near 1."""
    others = torch.cat([logits[:, :label], logits[:, label + 1 :]], dim=1)
    return logits[:, label] - torch.logsumexp(others, dim=1)


def integrated_gradients(
    network: nn.Module, row: FloatRows, baseline: FloatRows, label: int
) -> Values:
    """Return the part of each value of a row (features,) in the difference of the log-odds.

    The path is straight, and divided into `STEPS` midpoints; the parts sum to nearly the
    difference between the row and the baseline, (features,).
    """
    start, end = torch.from_numpy(baseline), torch.from_numpy(row)
    shares = (torch.arange(STEPS) + 0.5) / STEPS
    path = (start + shares[:, None] * (end - start)).requires_grad_()
    logits, _ = network(path)
    (gradients,) = torch.autograd.grad(log_odds(logits, label).sum(), path)
    parts: Values = (gradients.mean(dim=0) * (end - start)).double().numpy()
    return parts
