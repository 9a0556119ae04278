"""Summary lines of data, scores and trainings."""

from models.evaluation import Evaluation
from models.gates.report import GateReport
from models.run import Run
from models.run_config import RunConfig
from models.scores import Baseline, Scores
from service.invocation import command


def scores_text(scores: Evaluation) -> str:
    """Format scores with the number of rows and the accuracy's confidence interval."""
    low, high = scores.accuracy_interval()
    return (
        f"accuracy {scores.accuracy:.2%} on {scores.rows} rows "
        f"(95 % interval {low:.2%} to {high:.2%}), loss {scores.loss:.4f}"
    )


def training_line(run: Run, config: RunConfig, test: Scores, baseline: Baseline) -> str:
    """Return the line of scores printed at the end of a training."""
    *epochs, last = run.metrics()
    seconds = sum(line.get("seconds", 0.0) for line in epochs)
    return (
        f"{run.path}: {config.preset} on {config.data.name}, {scores_text(test.overall)}, "
        f"{balance_text(test)}, always predicting {baseline.label!r} {baseline.accuracy:.2%}, "
        f"epoch {last['kept_epoch']:.0f} of {len(epochs)} kept, {seconds:.0f} s of training"
    )


def next_line(run: Run) -> str:
    """Return the last line of a training: where the result is, and what to do with it."""
    return (
        f"the run is in {run.path}; next: {command('evaluate', run.path)}  or  "
        f"{command('export', run.path, 'model.onnx')}"
    )


def least_useful_text(report: GateReport, layers: int) -> str:
    """Name the first `layers` of the least useful layers, and those equal to the first."""
    first, *others = report.joint_lesions[-1].closed[:layers]
    low, high = next(layer for layer in report.layers if layer.number == first).lesion.change
    text = (
        f"least useful layers: {', '.join(map(str, (first, *others)))}; closing layer {first} "
        f"changes the accuracy by {low * 100:+.2f} to {high * 100:+.2f} points (95 % interval)"
    )
    if report.ties:
        ties = ", ".join(map(str, report.ties))
        text += f"; by accuracy it is not distinguishable from layers {ties}"
    return text


def balance_text(scores: Scores) -> str:
    """Format the scores in which each label counts the same."""
    return f"balanced accuracy {scores.balanced_accuracy:.2%}, macro F1 {scores.macro_f1:.2%}"
