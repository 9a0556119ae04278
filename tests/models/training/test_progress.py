import io
import pickle

import pytest
from rich.console import Console

from models.evaluation import Evaluation
from models.training.progress import TrainingProgress

SCORES = Evaluation(rows=10, accuracy=0.97, loss=0.1, openness=(0.2, 0.4))


class TrainerStub:
    """Stand-in for a trainer at the start of the second of three epochs."""

    max_epochs, num_training_batches = 3, 20
    global_step, current_epoch = 20, 1


def shown(progress: TrainingProgress) -> str:
    """Return the bar as a terminal shows it."""
    assert progress.bar is not None
    terminal = Console(file=io.StringIO(), width=120, force_terminal=True, color_system=None)
    terminal.print(progress.bar.get_renderable())
    assert isinstance(terminal.file, io.StringIO)
    return terminal.file.getvalue()


def started() -> TrainingProgress:
    progress = TrainingProgress()
    progress.on_train_start(TrainerStub(), None)  # type: ignore[arg-type]
    return progress


def test_the_bar_shows_epoch_loss_accuracy_openness_and_time_left() -> None:
    progress = started()
    progress.show(epoch=2, loss=0.1234, validation=SCORES)
    text = shown(progress)
    scores = "loss 0.1234  validation loss 0.1000, accuracy 97.00%  openness 0.30"
    for part in ("epoch 2/3", scores, "0:00:00", "left", "-:--:--"):
        assert part in text
    progress.on_train_end(TrainerStub(), None)


def test_without_validation_rows_or_gates_only_the_loss_is_shown() -> None:
    progress = started()
    progress.show(epoch=2, loss=0.5, validation=None)
    assert "validation" not in shown(progress)
    plain = Evaluation(rows=1, accuracy=1.0, loss=0.0, openness=())
    progress.show(epoch=2, loss=0.5, validation=plain)
    assert "openness" not in shown(progress)
    progress.on_exception(TrainerStub(), None, KeyboardInterrupt())
    assert progress.bar is None


def test_outside_a_training_there_is_no_bar_and_the_callback_can_be_pickled() -> None:
    progress = TrainingProgress()
    progress.show(epoch=1, loss=0.5, validation=None)
    assert pickle.loads(pickle.dumps(progress)).bar is None
    progress = started()
    progress.on_train_end(TrainerStub(), None)
    assert pickle.loads(pickle.dumps(progress)).bar is None


def test_output_that_is_not_a_terminal_has_a_line_for_each_epoch(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = started()
    progress.began -= 4  # seconds for the second epoch, the first after resuming
    progress.show(epoch=2, loss=0.5, validation=None)
    progress.show(epoch=3, loss=0.25, validation=SCORES)
    progress.on_train_end(TrainerStub(), None)
    assert capsys.readouterr().err.splitlines() == [
        "epoch 2/3  loss 0.5000  0:00:04 elapsed, at most 0:00:04 left",
        "epoch 3/3  loss 0.2500  validation loss 0.1000, accuracy 97.00%  openness 0.30  "
        "0:00:04 elapsed",
    ]


def test_a_disabled_progress_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    progress = TrainingProgress()
    progress.disable()
    progress.on_train_start(TrainerStub(), None)  # type: ignore[arg-type]
    progress.show(epoch=3, loss=0.5, validation=None)
    progress.on_train_end(TrainerStub(), None)
    assert capsys.readouterr().err == ""


def test_in_a_notebook_a_line_replaces_the_one_before(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = started()
    progress.in_place = True
    progress.show(epoch=2, loss=0.5, validation=SCORES)
    progress.show(epoch=3, loss=0.25, validation=None)
    progress.on_train_end(TrainerStub(), None)
    first, second = capsys.readouterr().err.removeprefix("\r").split("\r")
    assert first.startswith("epoch 2/3  loss 0.5000  validation loss")
    assert second.startswith("epoch 3/3  loss 0.2500  0:00:00 elapsed ")
    assert len(second) == len(first) + 1  # the first line is covered, and the last one ends
