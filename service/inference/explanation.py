"""The effect of closed layers on a row's label, and a small set of layers that changes it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.arrays import FloatArray, Outputs
from service.contract import GATE_UNITS, LOGITS, PROBABILITIES

# Computes one row, (1, features), under each of the gate scales (n, layers): the named outputs.
Compute = Callable[[FloatArray, frozenset[str]], Awaitable[Outputs]]
SEARCHED = frozenset({LOGITS})


class Counterfactual(NamedTuple):
    """Indices of a few layers, found greedily, and the label's index with all of them closed."""

    closed_layers: tuple[int, ...]
    label: int


class Explanation(NamedTuple):
    """The outputs for one row, and with layers closed.

    `outputs` has one row, `closed` one for each layer closed alone. `label` is the index of the
    predicted label. `counterfactual` is None if no set of layers was found to change it.
    """

    outputs: Outputs
    closed: Outputs
    label: int
    counterfactual: Counterfactual | None


async def explain(compute: Compute, layers: int, outputs: frozenset[str]) -> Explanation:
    """Compute the row unchanged and with each layer closed, at once, then with sets of layers.

    `outputs` are those of the explanation; the sets of layers need the logits alone.
    """
    scales = np.ones((layers + 1, layers), np.float32)
    scales[1:][np.diag_indices(layers)] = 0
    results = await compute(scales, outputs)
    unchanged = {name: values[:1] for name, values in results.items()}
    closed = {name: values[1:] for name, values in results.items() if name != GATE_UNITS}
    label = int(unchanged[PROBABILITIES][0].argmax())
    search = _Search(compute, layers, label)
    layer_set = await search.grow(margins(closed[LOGITS], label))
    if layer_set is None:
        return Explanation(unchanged, closed, label, None)
    layer_set = await search.shrink(layer_set)
    new_label = int((await search.logits([layer_set]))[0].argmax())
    return Explanation(unchanged, closed, label, Counterfactual(layer_set, new_label))


def margins(logits: FloatArray, label: int) -> NDArray[np.float64]:
    """Return the label's logit minus the largest other logit, for each row.

    Probabilities are no substitute: near 1 float32 cannot distinguish them.
    """
    rivals = np.delete(logits.astype(np.float64), label, axis=1).max(axis=1)
    return np.asarray(logits[:, label] - rivals)


class _Search:
    """Greedy search for a few layers, given by index, that change the label when closed."""

    def __init__(self, compute: Compute, layers: int, label: int) -> None:
        self._compute = compute
        self._layers = layers
        self._label = label

    async def grow(self, single_margins: NDArray[np.float64]) -> tuple[int, ...] | None:
        """Add the layer that leaves the smallest margin until the label changes.

        `single_margins` are the margins with each layer closed alone.
        """
        sets: list[tuple[int, ...]] = [(layer,) for layer in range(self._layers)]
        set_margins = single_margins
        while True:
            chosen = sets[int(set_margins.argmin())]
            if set_margins.min() < 0:
                return chosen
            sets = [(*chosen, layer) for layer in range(self._layers) if layer not in chosen]
            if not sets:
                return None
            set_margins = margins(await self.logits(sets), self._label)

    async def shrink(self, chosen: tuple[int, ...]) -> tuple[int, ...]:
        """Remove layers that are not needed, until each remaining one is needed."""
        while len(chosen) > 1:
            sets = [tuple(kept for kept in chosen if kept != layer) for layer in chosen]
            set_margins = margins(await self.logits(sets), self._label)
            if set_margins.min() >= 0:
                break
            chosen = sets[int(set_margins.argmin())]
        return chosen

    async def logits(self, sets: Sequence[tuple[int, ...]]) -> FloatArray:
        """Return (sets, classes): the logits with the layers of each set closed."""
        scales = np.ones((len(sets), self._layers), np.float32)
        for scale, closed in zip(scales, sets, strict=True):
            scale[list(closed)] = 0
        return (await self._compute(scales, SEARCHED))[LOGITS]
