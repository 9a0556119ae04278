"""Scores of rows, higher for less typical ones: this project's typicality, and four others."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.covariance import ShrunkCovariance
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from models.data.dataset import FloatRows, Labels, Part
from models.gates.directions import tensor_log_odds
from models.gates.record import MAX_ROWS, gate_outputs
from models.gates.typicality import GateOutputs, Typicality, fit_typicality
from models.networks.network import HighwayClassifier
from service.contract import TYPICALITY_COLUMNS

Scores = NDArray[np.float64]
NEIGHBOURS = 50  # as Sun et al. use for CIFAR-10
SHRINKAGE = 1e-3  # towards equal variances
GATES, _, COMBINED = range(len(TYPICALITY_COLUMNS))
ALL_UNITS = slice(None)


class Outputs(NamedTuple):
    """logits (rows, classes), gate_units (rows, units), features (rows, inputs of the output)."""

    logits: FloatRows
    gate_units: FloatRows
    features: FloatRows

    def gates(self, units: slice = ALL_UNITS) -> GateOutputs:
        """Return the inputs of typicality, with the gates of all units or of a layer."""
        return GateOutputs(self.logits, np.ascontiguousarray(self.gate_units[:, units]))


Detector = Callable[[Outputs], Scores]


def outputs_of(network: HighwayClassifier, x: FloatRows) -> Outputs:
    """Run the network on rows (n, values), at least one."""
    features: list[FloatRows] = []
    hook = network.output.register_forward_pre_hook(
        lambda _, inputs: features.append(inputs[0].numpy())
    )
    outputs = gate_outputs(network, Part(x=x, y=np.zeros(len(x), np.int64)))
    hook.remove()
    return Outputs(*outputs, np.concatenate(features))


def fitted(
    trained: Outputs,
    labels: Labels,
    normal: Outputs,
    widths: Sequence[int],
    units: slice = ALL_UNITS,
) -> Typicality:
    """Fit typicality as a finished training does, optionally to some units alone.

    `widths` are those of the layers of these units.
    """
    step = -(-len(labels) // MAX_ROWS)
    some = GateOutputs(*(part[::step] for part in trained.gates(units)))
    return fit_typicality(
        some,
        labels[::step],
        normal.gates(units),
        classes=trained.logits.shape[1],
        widths=widths,
    )


@torch.no_grad()
def p_values(module: Typicality, outputs: GateOutputs) -> Scores:
    """Return the typicality (rows, 3), in the order of `TYPICALITY_COLUMNS`."""
    logits = torch.from_numpy(outputs.logits)
    log_odds = tensor_log_odds(torch.from_numpy(outputs.gate_units))
    shares = module(logits, torch.softmax(logits, dim=1), log_odds)
    return np.asarray(shares.numpy(), np.float64)


def softmax(outputs: Outputs) -> Scores:
    """Return log(1 − p) of the predicted label's probability p, without ties by rounding."""
    logits = np.sort(outputs.logits.astype(np.float64), axis=1)
    return np.asarray(logsumexp(logits[:, :-1], axis=1) - logsumexp(logits, axis=1))


def energy(outputs: Outputs) -> Scores:
    """Return minus the log-sum-exp of the logits (Liu et al. 2020)."""
    return np.asarray(-logsumexp(outputs.logits.astype(np.float64), axis=1))


def nearest(trained: Outputs) -> Detector:
    """Fit the distance to the 50th nearest training row, features of length 1 (Sun et al. 2022)."""
    index = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(trained.features)), algorithm="brute")
    index.fit(normalize(trained.features))

    def score(outputs: Outputs) -> Scores:
        distances, _ = index.kneighbors(normalize(outputs.features))
        return np.asarray(distances[:, -1], np.float64)

    return score


def raw_mahalanobis(trained: Outputs) -> Detector:
    """Fit the Mahalanobis distance of the gates to the mean gates of the predicted label.

    As Lee et al. (2018) do with features: one mean for each label, and one covariance.
    """
    labels = trained.logits.argmax(axis=1)
    classes = trained.logits.shape[1]
    centre = trained.gate_units.mean(axis=0)
    means = np.stack(
        [_mean(trained.gate_units[labels == label], centre) for label in range(classes)]
    )
    within = trained.gate_units.astype(np.float64) - means[labels]
    covariance = ShrunkCovariance(shrinkage=SHRINKAGE, assume_centered=True).fit(within)

    def score(outputs: Outputs) -> Scores:
        off = outputs.gate_units - means[outputs.logits.argmax(axis=1)]
        return np.asarray(covariance.mahalanobis(off))

    return score


def _mean(rows: FloatRows, otherwise: FloatRows) -> Scores:
    return np.asarray(rows.mean(axis=0) if len(rows) else otherwise, np.float64)


def detectors(trained: Outputs) -> dict[str, Detector]:
    """Fit the other scores to training rows."""
    return {
        "softmax": softmax,
        "energy": energy,
        "k-NN": nearest(trained),
        "raw gates": raw_mahalanobis(trained),
    }
