"""Scores that others use, each higher where a row is less usual."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.covariance import ShrunkCovariance
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from benchmarks.unusual.answers import Answers
from models.data.dataset import FloatRows

Scores = NDArray[np.float64]
Detector = Callable[[Answers], Scores]

NEIGHBOURS = 50  # as Sun et al. have it for CIFAR-10
SHRINKAGE = 1e-3  # towards equal variances


def softmax(answers: Answers) -> Scores:
    """Return log(1 − p) of the predicted label's probability p; so rounding makes no ties."""
    logits = np.sort(answers.logits.astype(np.float64), axis=1)
    return np.asarray(logsumexp(logits[:, :-1], axis=1) - logsumexp(logits, axis=1))


def energy(answers: Answers) -> Scores:
    """Return minus the log-sum-exp of the logits (Liu et al. 2020)."""
    return np.asarray(-logsumexp(answers.logits.astype(np.float64), axis=1))


def nearest(trained: Answers) -> Detector:
    """Fit the distance to the 50th nearest training row, features of length 1 (Sun et al. 2022)."""
    index = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(trained.features)), algorithm="brute")
    index.fit(normalize(trained.features))

    def score(answers: Answers) -> Scores:
        distances, _ = index.kneighbors(normalize(answers.features))
        return np.asarray(distances[:, -1], np.float64)

    return score


def raw_distance(trained: Answers) -> Detector:
    """Fit Mahalanobis's distance of the gates to those of the predicted label: the first try.

    As Lee et al. (2018) do with features: the labels' own means, and one covariance.
    """
    labels = trained.logits.argmax(axis=1)
    classes = trained.logits.shape[1]
    centre = trained.gate_units.mean(axis=0)
    means = np.stack(
        [_mean(trained.gate_units[labels == label], centre) for label in range(classes)]
    )
    within = trained.gate_units.astype(np.float64) - means[labels]
    covariance = ShrunkCovariance(shrinkage=SHRINKAGE, assume_centered=True).fit(within)

    def score(answers: Answers) -> Scores:
        off = answers.gate_units - means[answers.logits.argmax(axis=1)]
        return np.asarray(covariance.mahalanobis(off))

    return score


def _mean(rows: FloatRows, otherwise: FloatRows) -> Scores:
    return np.asarray(rows.mean(axis=0) if len(rows) else otherwise, np.float64)


def detectors(trained: Answers) -> dict[str, Detector]:
    """Fit all of them to training rows."""
    return {
        "softmax": softmax,
        "energy": energy,
        "k-NN": nearest(trained),
        "first try": raw_distance(trained),
    }
