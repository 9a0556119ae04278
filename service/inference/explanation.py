"""Why this label? The answer as it is, and what it would be with layers closed."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.classifier import FloatArray
from service.contract import GATE_UNITS, LOGITS, PROBABILITIES
from service.inference.question import Outputs

# Answers (1, features) under gate scales (n, layers): outputs of n lines.
Ask = Callable[[FloatArray], Awaitable[Outputs]]


class Explanation(NamedTuple):
    """What closing layers does to one row.

    `outputs` and `closed` have a line for the row as it is and one for each layer closed alone.
    `smallest` are the places of few layers that change the label when closed together, found
    greedily, and `other` is the label's place then; None where no layers were found to do so.
    """

    outputs: Outputs
    closed: Outputs
    label: int
    smallest: tuple[int, ...] | None
    other: int | None


async def explain(ask: Ask, layers: int) -> Explanation:
    """Ask for the row as it is and with each layer closed, in one run, then for sets of layers."""
    scales = np.ones((layers + 1, layers), np.float32)
    scales[1:][np.diag_indices(layers)] = 0
    outputs = await ask(scales)
    whole = {name: values[:1] for name, values in outputs.items()}
    closed = {name: values[1:] for name, values in outputs.items() if name != GATE_UNITS}
    label = int(whole[PROBABILITIES][0].argmax())
    search = _Search(ask, layers, label)
    smallest = await search.grown(margins(closed[LOGITS], label))
    if smallest is None:
        return Explanation(whole, closed, label, None, None)
    smallest = await search.shrunk(smallest)
    other = int((await search.logits([smallest]))[0].argmax())
    return Explanation(whole, closed, label, smallest, other)


def margins(logits: FloatArray, label: int) -> NDArray[np.float64]:
    """Return by how much the label's logit is above the best other's, for each line.

    Probabilities would not do: near 1 float32 cannot tell them apart.
    """
    rivals = np.delete(logits.astype(np.float64), label, axis=1).max(axis=1)
    return np.asarray(logits[:, label] - rivals)


class _Search:
    """Looks for few layers, by their places, whose closing changes the label."""

    def __init__(self, ask: Ask, layers: int, label: int) -> None:
        self._ask = ask
        self._layers = layers
        self._label = label

    async def grown(self, alone: NDArray[np.float64]) -> tuple[int, ...] | None:
        """Close one layer more at a time, that which leaves the label the least margin.

        `alone` are the margins with each layer closed alone.
        """
        sets: list[tuple[int, ...]] = [(layer,) for layer in range(self._layers)]
        found = alone
        while True:
            chosen = sets[int(found.argmin())]
            if found.min() < 0:
                return chosen
            sets = [(*chosen, layer) for layer in range(self._layers) if layer not in chosen]
            if not sets:
                return None
            found = margins(await self.logits(sets), self._label)

    async def shrunk(self, chosen: tuple[int, ...]) -> tuple[int, ...]:
        """Leave out again what has become needless, until no layer of the set can be spared."""
        while len(chosen) > 1:
            sets = [tuple(kept for kept in chosen if kept != layer) for layer in chosen]
            found = margins(await self.logits(sets), self._label)
            if found.min() >= 0:
                break
            chosen = sets[int(found.argmin())]
        return chosen

    async def logits(self, sets: Sequence[tuple[int, ...]]) -> FloatArray:
        """Return (sets, classes): the logits with the layers of each set closed."""
        scales = np.ones((len(sets), self._layers), np.float32)
        for scale, closed in zip(scales, sets, strict=True):
            scale[list(closed)] = 0
        return (await self._ask(scales))[LOGITS]
