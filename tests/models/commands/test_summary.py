from pathlib import Path

from models.commands.summary import columns_line, scores_text, training_line
from models.data.source import Source, load
from models.evaluation import Evaluation
from models.run import Run

SCORES = Evaluation(rows=100, accuracy=0.8, loss=0.51234, openness=())


def test_scores_have_accuracy_rows_interval_and_loss() -> None:
    assert scores_text(SCORES) == (
        "accuracy 80.00% on 100 rows (95 % interval 71.12% to 86.66%), loss 0.5123"
    )


def test_the_line_of_a_training_has_the_seconds_of_all_epochs(run_path: Path) -> None:
    run = Run(run_path)
    run_seconds = sum(line["seconds"] for line in run.metrics()[:-1])
    line = training_line(run, run.config(), SCORES)
    assert line.startswith(f"{run_path}: custom on digits, accuracy 80.00% ")
    assert line.endswith(f", {run_seconds:.0f} s of training")


def test_the_columns_of_a_table_are_listed_as_they_were_read(tmp_path: Path) -> None:
    lines = [f"{n if n % 5 else ''},{'ab'[n % 2]},{'yn'[n // 10]}" for n in range(20)]
    (tmp_path / "t.csv").write_text("\n".join(["age,kind,y", *lines]))
    data = load(Source.of(str(tmp_path / "t.csv"), target="y"))
    assert columns_line(data) == (
        "t.csv: 20 rows; age number (4 missing), kind 2 categories; labels: n, y"
    )
