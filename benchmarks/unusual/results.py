"""What is found, and the file that keeps it."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Uniform:
    """How p-values of normal rows that decided nothing are spread; they should be uniform.

    `shares`: of rows with a p-value below 0.05, 0.01 and 0.001. `quantiles`: the p-values below
    which the shares in `LEVELS` lie.
    """

    distance: float  # Kolmogorov–Smirnov's, to the uniform distribution
    shares: list[float]
    quantiles: list[float]


@dataclass(frozen=True, kw_only=True)
class Few:
    """The share of p-values below 0.01 where few held-out rows calibrate, of each draw of them."""

    rows: int
    below_hundredth: dict[str, list[float]]  # by sign


@dataclass(frozen=True, kw_only=True)
class Network:
    """All that is found of one network.

    `auroc` by score and kind. `noticed` by sign and kind: the share of rows with a p-value below
    0.01. `layers`: the mean AUROC over the kinds where the gates are one layer's, by sign.
    """

    preset: str
    seed: int
    accuracy: float
    seconds: float  # without the training
    auroc: dict[str, dict[str, float]]
    noticed: dict[str, dict[str, float]]
    layers: list[dict[str, float]]
    uniform: dict[str, Uniform]
    few: list[Few]


@dataclass(frozen=True, kw_only=True)
class Results:
    """The networks, in the order in which they were asked."""

    networks: list[Network] = field(default_factory=list)

    def of(self, preset: str) -> list[Network]:
        """Return the networks of the preset, one for each seed."""
        return [network for network in self.networks if network.preset == preset]

    def write(self, path: Path) -> None:
        """Write everything, a network a line; a later call replaces the file."""
        lines = ",\n".join(json.dumps(asdict(network)) for network in self.networks)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"[\n{lines}\n]\n")

    @classmethod
    def read(cls, path: Path) -> "Results":
        """Read what `write` wrote."""
        return cls(networks=[_network(found) for found in json.loads(path.read_text())])


def _network(found: dict[str, object]) -> Network:
    told = dict(found)
    told["uniform"] = {sign: Uniform(**one) for sign, one in found["uniform"].items()}  # type: ignore[attr-defined]
    told["few"] = [Few(**one) for one in found["few"]]  # type: ignore[attr-defined]
    return Network(**told)  # type: ignore[arg-type]
