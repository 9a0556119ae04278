import io
import pickle

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
    progress.show(loss=0.1234, validation=SCORES)
    text = shown(progress)
    for part in ("epoch 2/3", "loss 0.1234", "validation 97.00%", "openness 0.30", "-:--:--"):
        assert part in text
    progress.on_train_end(TrainerStub(), None)


def test_without_validation_rows_or_gates_only_the_loss_is_shown() -> None:
    progress = started()
    progress.show(loss=0.5, validation=None)
    assert "validation" not in shown(progress)
    plain = Evaluation(rows=1, accuracy=1.0, loss=0.0, openness=())
    progress.show(loss=0.5, validation=plain)
    assert "openness" not in shown(progress)
    progress.on_exception(TrainerStub(), None, KeyboardInterrupt())
    assert progress.bar is None


def test_outside_a_training_there_is_no_bar_and_the_callback_can_be_pickled() -> None:
    progress = TrainingProgress()
    progress.show(loss=0.5, validation=None)
    assert pickle.loads(pickle.dumps(progress)).bar is None
    progress = started()
    progress.on_train_end(TrainerStub(), None)
    assert pickle.loads(pickle.dumps(progress)).bar is None
