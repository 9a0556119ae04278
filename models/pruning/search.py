"""How many layers can go within the budget: what is free, then what fine-tuning makes up for."""

from collections.abc import Callable, Iterator, Sequence

from models.errors import ModelsError

FineTuned = Callable[[int], float]  # layers removed -> validation accuracy after fine-tuning


class NothingToPruneError(ModelsError):
    """Not one layer can go within the budget."""


def most_without_finetuning(accuracy: Sequence[float], allowed: float) -> int:
    """Return the largest count of layers whose joint closing keeps `allowed` accuracy, or more."""
    return max((count for count, found in enumerate(accuracy) if found >= allowed), default=0)


def bisect(free: int, most: int, allowed: float, measure: FineTuned) -> Iterator[tuple[int, float]]:
    """Yield counts above `free` up to `most` with their accuracy, each nearer to the largest.

    The largest that keeps `allowed` accuracy is found where more removed layers never help: then
    the number of fine-tunings is the logarithm of the number of layers.
    """
    low, high = free, most
    while low < high:
        middle = (low + high + 1) // 2
        found = measure(middle)
        yield middle, found
        if found >= allowed:
            low = middle
        else:
            high = middle - 1
