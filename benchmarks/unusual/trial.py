"""One network, asked about normal rows and unusual ones."""

import time
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from benchmarks.unusual.answers import Answers, answered, layers
from benchmarks.unusual.detectors import detectors
from benchmarks.unusual.measures import auroc, share_below, uniformity
from benchmarks.unusual.results import Few, Network
from benchmarks.unusual.signs import BOTH, GATES, SIGNS, fitted, p_values
from models.data.dataset import Dataset, FloatRows, Labels
from models.gates.unusualness import GateAnswers, Unusualness
from models.networks.network import HighwayClassifier

FEW = (200, 1000)  # held-out rows
DRAWS = 10
ALARM = 0.01
Aurocs = dict[str, dict[str, float]]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a network says of its rows, and of each kind of unusual ones."""

    widths: list[int]
    labels: Labels
    trained: Answers
    held_out: Answers
    test: Answers
    kinds: Mapping[str, Answers]

    @classmethod
    def of(
        cls, network: HighwayClassifier, dataset: Dataset, kinds: Mapping[str, FloatRows]
    ) -> "Trial":
        """Ask the network about everything."""
        return cls(
            widths=[block.width for block in network.config.highway_blocks],
            labels=dataset.train.y,
            trained=answered(network, dataset.train.x),
            held_out=answered(network, dataset.validation.x),
            test=answered(network, dataset.test.x),
            kinds={name: answered(network, x) for name, x in kinds.items()},
        )

    def others(self) -> Aurocs:
        """Return the AUROC of what others use, by score and kind."""
        found: Aurocs = {}
        for name, score in detectors(self.trained).items():
            normal = score(self.test)
            found[name] = {kind: auroc(normal, score(odd)) for kind, odd in self.kinds.items()}
        return found

    def ours(self, module: Unusualness) -> tuple[Aurocs, Aurocs]:
        """Return the AUROC, and the share below 0.01, by sign and kind."""
        normal = p_values(module, self.test.gates())
        found: Aurocs = {sign: {} for sign in SIGNS}
        noticed: Aurocs = {sign: {} for sign in SIGNS}
        for kind, answers in self.kinds.items():
            odd = p_values(module, answers.gates())
            for column, sign in enumerate(SIGNS):
                found[sign][kind] = auroc(-normal[:, column], -odd[:, column])
                noticed[sign][kind] = share_below(odd[:, column], ALARM)
        return found, noticed

    def alone(self) -> Iterator[dict[str, float]]:
        """Yield, layer by layer, the mean AUROC where its gates are all there are."""
        for units in layers(self.widths):
            module = fitted(self.trained, self.labels, self.held_out, units)
            normal = p_values(module, self.test.gates(units))
            odd = [p_values(module, answers.gates(units)) for answers in self.kinds.values()]
            yield {
                SIGNS[column]: round(
                    float(np.mean([auroc(-normal[:, column], -p[:, column]) for p in odd])), 6
                )
                for column in (GATES, BOTH)
            }

    def few(self, module: Unusualness) -> Iterator[Few]:
        """Yield how the p-values do where few held-out rows calibrate."""
        for rows in FEW:
            found = np.array([self._shares(module, rows, draw) for draw in range(DRAWS)])
            yield Few(rows=rows, below_hundredth=dict(zip(SIGNS, found.T.tolist(), strict=True)))

    def _shares(self, module: Unusualness, rows: int, draw: int) -> list[float]:
        chance = np.random.default_rng(draw)
        chosen = chance.choice(len(self.held_out.logits), rows, replace=False)
        calibrated = deepcopy(module)
        calibrated.calibrate(GateAnswers(*(part[chosen] for part in self.held_out.gates())))
        told = p_values(calibrated, self.test.gates())
        return [share_below(column, ALARM) for column in told.T]


def tried(
    network: HighwayClassifier,
    dataset: Dataset,
    kinds: Mapping[str, FloatRows],
    *,
    preset: str,
    seed: int,
) -> Network:
    """Measure everything of one network."""
    began = time.perf_counter()
    trial = Trial.of(network, dataset, kinds)
    module = fitted(trial.trained, trial.labels, trial.held_out)
    aurocs, noticed = trial.ours(module)
    normal = p_values(module, trial.test.gates())
    return Network(
        preset=preset,
        seed=seed,
        accuracy=float((trial.test.logits.argmax(axis=1) == dataset.test.y).mean()),
        auroc=trial.others() | aurocs,
        noticed=noticed,
        layers=list(trial.alone()),
        uniform={sign: uniformity(p) for sign, p in zip(SIGNS, normal.T, strict=True)},
        few=list(trial.few(module)),
        seconds=round(time.perf_counter() - began, 1),
    )
