import io
import pickle

from rich.console import Console

from models.evaluation import Evaluation
from models.training.progress import TrainingProgress

SCORES = Evaluation(rows=10, accuracy=0.97, loss=0.1, openness=(0.2, 0.4))


class OneEpochIn:
    """What the bar reads of a trainer: the second of three epochs has begun."""

    max_epochs, num_training_batches = 3, 20
    global_step, current_epoch = 20, 1


def shown(progress: TrainingProgress) -> str:
    """Return what a terminal shows of the bar."""
    assert progress.bar is not None
    terminal = Console(file=io.StringIO(), width=120, force_terminal=True, color_system=None)
    terminal.print(progress.bar.get_renderable())
    assert isinstance(terminal.file, io.StringIO)
    return terminal.file.getvalue()


def begun() -> TrainingProgress:
    progress = TrainingProgress()
    progress.on_train_start(OneEpochIn(), None)  # type: ignore[arg-type]
    return progress


def test_the_bar_tells_epoch_loss_accuracy_openness_and_time_left() -> None:
    progress = begun()
    progress.show(loss=0.1234, validation=SCORES)
    words = shown(progress)
    for part in ("epoch 2/3", "loss 0.1234", "validation 97.00%", "gates open 0.30", "-:--:--"):
        assert part in words
    progress.on_train_end(OneEpochIn(), None)  # type: ignore[arg-type]


def test_without_validation_rows_or_gates_the_loss_stands_alone() -> None:
    progress = begun()
    progress.show(loss=0.5, validation=None)
    assert "validation" not in shown(progress)
    plain = Evaluation(rows=1, accuracy=1.0, loss=0.0, openness=())
    progress.show(loss=0.5, validation=plain)
    assert "gates open" not in shown(progress)
    progress.on_exception(OneEpochIn(), None, KeyboardInterrupt())  # type: ignore[arg-type]
    assert progress.bar is None


def test_before_and_after_training_there_is_nothing_to_draw_and_it_can_be_sent_elsewhere() -> None:
    progress = TrainingProgress()
    progress.show(loss=0.5, validation=None)
    assert pickle.loads(pickle.dumps(progress)).bar is None
    progress = begun()
    progress.on_train_end(OneEpochIn(), None)  # type: ignore[arg-type]
    assert pickle.loads(pickle.dumps(progress)).bar is None
