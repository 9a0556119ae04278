"""Summary lines of data, scores and trainings."""

import numpy as np

from models.data.dataset import Dataset
from models.evaluation import Evaluation
from models.run import Run
from models.run_config import RunConfig


def scores_text(scores: Evaluation) -> str:
    """Format scores with the number of rows and the accuracy's confidence interval."""
    low, high = scores.accuracy_interval()
    return (
        f"accuracy {scores.accuracy:.2%} on {scores.rows} rows "
        f"(95 % interval {low:.2%} to {high:.2%}), loss {scores.loss:.4f}"
    )


def training_line(run: Run, config: RunConfig, test: Evaluation) -> str:
    """Return the line printed at the end of a training."""
    seconds = sum(line.get("seconds", 0.0) for line in run.metrics() if "epoch" in line)
    return (
        f"{run.path}: {config.preset} on {config.data.name}, {scores_text(test)}, "
        f"{seconds:.0f} s of training"
    )


def columns_line(dataset: Dataset) -> str:
    """Describe how each column of a table was read, so that a user can check it."""
    parts = (dataset.train, dataset.validation, dataset.test)
    gaps = sum(np.isnan(part.x).sum(axis=0) for part in parts)
    columns = []
    for column, missing in zip(dataset.input.columns, gaps, strict=True):
        kind = f"{len(column.categories)} categories" if column.categories else "number"
        columns.append(f"{column.name} {kind}{f' ({missing} missing)' if missing else ''}")
    rows = sum(len(part) for part in parts)
    labels = ", ".join(dataset.labels)
    return f"{dataset.name}: {rows} rows; {', '.join(columns)}; labels: {labels}"
