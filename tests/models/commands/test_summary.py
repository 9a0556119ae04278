from pathlib import Path

from models.commands.summary import (
    next_line,
    scores_text,
    training_line,
)
from models.run import Run
from service.invocation import command
from tests.models.conftest import BASELINE, GOOD, SCORES


def test_scores_have_accuracy_rows_interval_and_loss() -> None:
    assert scores_text(SCORES) == (
        "accuracy 80.00% on 100 rows (95 % interval 71.12% to 86.66%), loss 0.5123"
    )


def test_the_line_of_a_training_has_its_scores_the_baseline_the_epoch_and_the_seconds(
    run_path: Path,
) -> None:
    run = Run(run_path)
    run_seconds = sum(line["seconds"] for line in run.metrics()[:-1])
    kept = run.metrics()[-1]["kept_epoch"]
    line = training_line(run, run.config(), GOOD, BASELINE)
    assert line.startswith(f"{run_path}: custom on digits, accuracy 80.00% ")
    assert line.endswith(
        ", balanced accuracy 75.00%, macro F1 70.00%, always predicting 'yes' 60.00%, "
        f"epoch {kept} of 2 kept, {run_seconds:.0f} s of training"
    )


def test_the_last_line_of_a_training_has_the_next_commands(run_path: Path) -> None:
    line = next_line(Run(run_path))
    assert line == (
        f"the run is in {run_path}; next: {command('evaluate', run_path)}  or  "
        f"{command('export', run_path, 'model.onnx')}"
    )
