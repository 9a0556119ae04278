import numpy as np

from benchmarks.unusual.kinds import CHOSEN_ON, KINDS, OTHERS, unusual_inputs
from models.data.dataset import Part


def test_every_kind_is_made_and_always_the_same() -> None:
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (30, 784)).astype(np.float32)
    first, second = (unusual_inputs(Part(x=x, y=np.arange(30) % 10)) for _ in range(2))
    assert tuple(first) == KINDS
    assert all((first[kind] == second[kind]).all() for kind in KINDS)


def test_the_halves_are_nine_and_eight_kinds() -> None:
    assert (
        *("inverted", "shifted", "noise", "blurred", "zoomed out", "stripe"),
        *("patches shuffled", "warped", "photographs"),
    ) == CHOSEN_ON
    assert len(OTHERS) == 8
    assert {*CHOSEN_ON, *OTHERS} == set(KINDS)
