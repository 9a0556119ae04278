"""The line that tells how good a network is."""

import numpy as np

from models.data.dataset import Dataset
from models.evaluation import Evaluation
from models.run import Run
from models.run_config import RunConfig


def scores(found: Evaluation) -> str:
    """Word the scores of some rows."""
    low, high = found.accuracy_interval()
    return (
        f"accuracy {found.accuracy:.2%} on {found.rows} rows "
        f"(95 % interval {low:.2%} to {high:.2%}), loss {found.loss:.4f}"
    )


def one_line(run: Run, config: RunConfig, test: Evaluation) -> str:
    """Word what a training came to."""
    seconds = sum(line.get("seconds", 0.0) for line in run.metrics() if "epoch" in line)
    return (
        f"{run.path}: {config.preset} on {config.data.name}, {scores(test)}, "
        f"{seconds:.0f} s of training"
    )


def columns_in_words(dataset: Dataset) -> str:
    """Word what each column of a table was read as, for a person to see if it is what she meant."""
    parts = (dataset.train, dataset.validation, dataset.test)
    gaps = sum(np.isnan(part.x).sum(axis=0) for part in parts)
    words = []
    for column, missing in zip(dataset.input.columns, gaps, strict=True):
        kind = f"{len(column.categories)} categories" if column.categories else "number"
        words.append(f"{column.name} {kind}{f' ({missing} gaps)' if missing else ''}")
    rows = sum(len(part) for part in parts)
    labels = ", ".join(dataset.labels)
    return f"{dataset.name}: {rows} rows; {', '.join(words)}; to predict: {labels}"
