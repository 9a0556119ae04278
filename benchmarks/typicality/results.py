"""Results of the benchmark, their file, and the measures that they hold."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter
from scipy.stats import kstest
from sklearn.metrics import roc_auc_score

from benchmarks.serving.results import json_list
from benchmarks.typicality.inputs import KINDS
from benchmarks.typicality.outsiders import NOTMNIST
from benchmarks.typicality.scores import Scores

SHARES = (0.05, 0.01, 0.001)
LEVELS = np.geomspace(1e-4, 1.0, 81)  # shares of rows, for the pictures
DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class Uniformity:
    """Distribution of the p-values of normal rows that nothing was fitted to.

    `shares`: of rows with a p-value below 0.05, 0.01 and 0.001. `quantiles`: the p-values below
    which the shares in `LEVELS` lie.
    """

    distance: float  # Kolmogorov–Smirnov's, to the uniform distribution
    shares: list[float]
    quantiles: list[float]


@dataclass(frozen=True, kw_only=True)
class Recalibration:
    """Shares of p-values below 0.01 after calibration on few rows, one for each draw of them."""

    rows: int
    below_hundredth: dict[str, list[float]]  # by column


@dataclass(frozen=True, kw_only=True)
class Network:
    """Results of one network.

    `auroc` by score and kind. `detected` by column and kind: the share of rows with a p-value below
    0.01. `by_layer`: by column, the mean AUROC over the kinds with the gates of one layer alone.
    notMNIST's letters are a kind of their own, which no mean counts and which may be missing.
    """

    preset: str
    seed: int
    epochs: int
    held_out_rows: int  # that the p-values were calibrated on
    ordinary_rows: int
    accuracy: float  # on the ordinary rows
    seconds: float  # without the training
    auroc: dict[str, dict[str, float]]
    detected: dict[str, dict[str, float]]
    by_layer: list[dict[str, float]]
    uniformity: dict[str, Uniformity]
    recalibrations: list[Recalibration]


@dataclass(frozen=True, kw_only=True)
class Results:
    """All networks, in the order in which they were measured."""

    networks: list[Network] = field(default_factory=list)

    def of(self, preset: str) -> list[Network]:
        """Return the networks of the preset, one for each seed."""
        return [network for network in self.networks if network.preset == preset]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of atypical rows; notMNIST's letters are last, if any network has them."""
        measured = any(has_letters(network) for network in self.networks)
        return (*KINDS, NOTMNIST) if measured else KINDS

    def without(self, preset: str) -> "Results":
        """Return the results of the other presets."""
        return Results(networks=[one for one in self.networks if one.preset != preset])

    def write(self, path: Path) -> None:
        """Write the file, replacing an earlier one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{json_list(self.networks)}\n")

    @classmethod
    def read(cls, path: Path) -> "Results":
        """Read a file that `write` wrote."""
        return cls(networks=TypeAdapter(list[Network]).validate_json(path.read_text()))


def has_letters(network: Network) -> bool:
    """Return whether the network was measured with notMNIST's letters."""
    return all(NOTMNIST in kinds for kinds in network.auroc.values())


def auroc(normal: Scores, atypical: Scores) -> float:
    """Return the share of pairs in which the atypical row scores higher; a tie counts half."""
    kind = np.repeat([0, 1], [len(normal), len(atypical)])
    return round(float(roc_auc_score(kind, np.concatenate([normal, atypical]))), DIGITS)


def share_below(p_values: Scores, bound: float) -> float:
    """Return the share of rows whose p-value is below the bound."""
    return round(float((p_values < bound).mean()), DIGITS)


def uniformity(p_values: Scores) -> Uniformity:
    """Measure the p-values (rows,) of normal rows."""
    return Uniformity(
        distance=round(float(kstest(p_values, "uniform").statistic), DIGITS),
        shares=[share_below(p_values, share) for share in SHARES],
        quantiles=[float(f"{p:.4g}") for p in np.quantile(p_values, LEVELS)],
    )
