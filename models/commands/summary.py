"""The line that tells how good a network is."""

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
