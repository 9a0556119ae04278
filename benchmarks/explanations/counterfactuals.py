"""Counterfactuals of a table's rows: the number of columns that the greedy search changes.

One column that suffices is always found, because the search begins with all changes of one column.
Whether two would suffice where it changes more is found by trying all pairs.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from itertools import combinations, product

import numpy as np

from benchmarks.explanations.networks import Subject
from models.data.dataset import FloatRows
from service.contract import LOGITS
from service.inference.explanation import margins
from service.inference.input_search import InputCounterfactual, InputSearch
from service.inference.occlusion import occlude_columns
from service.inference.variants import Change, Variants

BATCH_ROWS = 1024


def measured(subject: Subject, rows: int) -> Mapping[str, object]:
    """Count the columns that are changed for each of the first rows."""
    sizes: Counter[int | None] = Counter()
    needless = 0
    for row in subject.rows[:rows]:
        variants = Variants(subject.compute, row, BATCH_ROWS)
        found = asyncio.run(_found(subject, variants, row))
        size = None if found is None else len(found.changes)
        sizes[size] += 1
        if size is None or size > 2:
            needless += asyncio.run(_pair_suffices(subject, variants, row))
    return {
        "network": subject.name,
        "rows": sum(sizes.values()),
        **{f"{count} changed": sizes[count] for count in range(1, 6)},
        "none found": sizes[None],
        "two would suffice, not found": needless,
    }


async def _found(
    subject: Subject, variants: Variants, row: FloatRows
) -> InputCounterfactual | None:
    label = subject.label(row)
    occlusion = await occlude_columns(variants, subject.usual, label)
    return await InputSearch(variants, subject.usual, subject.input.columns, label).find(occlusion)


async def _pair_suffices(subject: Subject, variants: Variants, row: FloatRows) -> bool:
    """Return whether changing two columns to any of their usual values changes the label."""
    choices = [subject.usual.choices(column, float(value)) for column, value in enumerate(row)]
    changes = [
        Change([first, second], values)
        for first, second in combinations(range(len(row)), 2)
        for values in product(choices[first], choices[second])
    ]
    logits = (await variants.compute(changes))[LOGITS]
    return bool(np.any(margins(logits, subject.label(row)) < 0))
