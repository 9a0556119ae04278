"""All kinds of unusual input, always the same ones."""

import numpy as np

from benchmarks.unusual.corruptions import CORRUPTIONS, corrupted
from benchmarks.unusual.outsiders import letters, photographs
from models.data.dataset import FloatRows, Part

ROWS = 2000  # of the test, for the corruptions
SEED = 20261125
KINDS = (*CORRUPTIONS, "letters", "photographs")
CHOSEN_ON, OTHERS = KINDS[0::2], KINDS[1::2]  # the statistics were chosen on the first half


def unusual_inputs(test: Part) -> dict[str, FloatRows]:
    """Return rows (n, 784) of each kind; the corruptions spoil rows of the MNIST test."""
    chance = np.random.default_rng(SEED)
    some = test.take(chance.permutation(len(test))[:ROWS])
    told = corrupted(some.x, some.y, chance)
    return told | {"letters": letters(), "photographs": photographs(chance)}
