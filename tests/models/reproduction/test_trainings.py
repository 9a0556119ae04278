import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest

from models.directory import locked
from models.errors import ConfigError, DivergedError, RunError, StoppedError
from models.presets import preset
from models.reproduction.trainings import Training, has_diverged, refuse_diverged, train_run
from models.run import Run
from tests.models.reproduction.conftest import metrics, trainings, write_mnist, written, written_at


def training(name: str = "one", *, trial: bool = False, **recipe: object) -> Training:
    """Two highway layers of eight units, for two epochs of nine steps."""
    chosen = preset("dense-10")
    settings: dict[str, object] = {"epochs": 2, "batch_size": 10, "patience": None} | recipe
    small = replace(chosen.training, **settings)  # type: ignore[arg-type]
    network = replace(chosen, depth=3, width=8, training=small)
    return Training(name=name, preset=network, preset_name="custom", trial=trial)


def diverging(name: str = "lost") -> Training:
    return training(name, optimizer="sgd", learning_rate=0.3, weight_decay=1e38)


def test_a_training_is_an_ordinary_finished_run(tmp_path: Path, images: Path) -> None:
    lines: list[str] = []
    of = replace(trainings(tmp_path, images), on_finished=lines.append)
    [run] = of.finished([training()])
    assert run.path == tmp_path / "runs" / "one"
    assert run.finished
    assert run.config() == of.config(training())
    assert run.config().training.threads == 1
    assert run.checkpoint() is None
    assert (run.path / "gate_baseline.json").is_file()
    *epochs, test = run.metrics()
    assert [line["epoch"] for line in epochs] == [1, 2]
    assert lines == [f"one: {test['test_accuracy']:.2%} of 40 test rows, 0.0 minutes"]


def test_a_trial_has_no_statistics_of_its_gates(tmp_path: Path, images: Path) -> None:
    [run] = trainings(tmp_path, images).finished([training(trial=True)])
    assert run.finished
    assert not (run.path / "gate_baseline.json").exists()


def test_a_finished_training_is_read_and_not_repeated(tmp_path: Path, images: Path) -> None:
    trainings(tmp_path, images).finished([training()])
    before = written_at(tmp_path)
    lines: list[str] = []
    again = replace(trainings(tmp_path, images), on_finished=lines.append)
    [run] = again.finished([training()])
    assert run.finished
    assert (written_at(tmp_path), lines) == (before, [])


def test_two_processes_train_the_same_networks_as_one(tmp_path: Path, images: Path) -> None:
    plans = [training(f"seed-{seed}", seed=seed) for seed in (0, 1)]
    one = trainings(tmp_path / "one", images)
    two = trainings(tmp_path / "two", images, jobs=2)
    for of in (one, two):
        of.finished(plans)
    assert metrics(one, plans) == metrics(two, plans)
    weights = [[of.run(plan).weights_digest() for plan in plans] for of in (one, two)]
    assert weights[0] == weights[1]
    assert weights[0][0] != weights[0][1]


def test_a_diverged_training_is_an_outcome_that_is_not_repeated(
    tmp_path: Path, images: Path
) -> None:
    lines: list[str] = []
    of = replace(trainings(tmp_path, images), on_finished=lines.append)
    [run] = of.finished([diverging()])
    assert has_diverged(run)
    assert not run.finished
    assert run.checkpoint() is None
    reason = "epoch 1: expected a finite loss, found nan"
    assert lines == [f"lost: {reason}"]
    assert (run.path / "diverged.txt").read_text() == f"{reason}\n"
    before = written_at(tmp_path)
    of.finished([diverging()])
    assert (written_at(tmp_path), len(lines)) == (before, 1)
    with pytest.raises(DivergedError) as error:
        of.scored([diverging()])
    assert str(error.value) == (
        f"{run.path}: expected a trained network, found a training that diverged: {reason}; "
        "give other data or another --precision, and another --out"
    )


def test_a_trained_network_is_not_refused_as_diverged(tmp_path: Path) -> None:
    refuse_diverged(written(Run(tmp_path / "run"), 1.0))


def test_a_finished_training_is_found_again_after_its_data_have_moved(
    tmp_path: Path, images: Path
) -> None:
    trainings(tmp_path, images).finished([training()])
    before = written_at(tmp_path)
    moved = write_mnist(tmp_path / "moved" / "digits", 8)
    trainings(tmp_path, moved).finished([training()])
    assert {path: time for path, time in written_at(tmp_path).items() if path in before} == before


def test_other_settings_or_data_in_the_same_directory_are_refused(
    tmp_path: Path, images: Path
) -> None:
    of = trainings(tmp_path, images)
    Run.create(of.run(training()).path, of.config(training()))
    message = (
        f"{tmp_path / 'runs' / 'one'}: expected a training with the settings of this experiment, "
        "found other settings or other data; remove the directory, or choose another --out"
    )
    other_rows = trainings(tmp_path, images, validation_share=0.2)
    for other, plan in ((of, training(epochs=3)), (other_rows, training())):
        with pytest.raises(RunError) as error:
            other.finished([plan])
        assert str(error.value) == message


def test_another_source_revision_is_no_other_setting(tmp_path: Path, images: Path) -> None:
    of = trainings(tmp_path, images)
    config = replace(of.config(training()), source_revision="another")
    written_by_hand = Run.create(of.run(training()).path, config)
    (written_by_hand.path / "model.safetensors").touch()
    assert [run.path for run in of.finished([training()])] == [written_by_hand.path]


def test_a_run_that_another_process_trains_is_refused(tmp_path: Path, images: Path) -> None:
    of = trainings(tmp_path, images)
    run = Run.create(of.run(training()).path, of.config(training()))
    with locked(run.path, "training this run"), pytest.raises(RunError) as error:
        of.finished([training()])
    assert str(error.value) == (
        f"{run.path}: another process is training this run; wait for it, or choose another --out"
    )
    assert not run.finished
    of.finished([training()])
    assert run.finished


def test_a_run_that_has_ended_meanwhile_is_not_trained_again(tmp_path: Path, images: Path) -> None:
    of = trainings(tmp_path, images)
    [run] = of.finished([training()])
    before = written_at(run.path)
    line = train_run(run.path, of.config(training()), of.hardware, False)
    assert line.endswith(" of 40 test rows, 0.0 minutes")
    assert written_at(run.path) == before


def test_a_run_killed_at_its_first_file_starts_again(tmp_path: Path, images: Path) -> None:
    of = trainings(tmp_path, images)
    path = of.run(training()).path
    path.mkdir(parents=True)
    (path / "config.json.partial").write_text("{")
    [run] = of.finished([training()])
    assert run.finished
    assert not list(path.glob("*.partial"))


def test_the_checkpoint_of_a_run_killed_at_its_end_is_removed(tmp_path: Path, images: Path) -> None:
    of = trainings(tmp_path, images)
    [run] = of.finished([training()])
    (run.path / "checkpoint.ckpt").touch()
    of.finished([training()])
    assert run.checkpoint() is None


def test_the_source_revisions_of_all_trainings_are_known(tmp_path: Path, images: Path) -> None:
    of = trainings(tmp_path, images)
    plans = [training(name) for name in ("old", "new")]
    old = replace(of.config(plans[0]), source_revision="another")
    Run.create(of.run(plans[0]).path, old)
    of.finished([*plans, plans[0]])
    assert of.revisions == ("another", of.config(plans[1]).source_revision)


def test_settings_that_contradict_the_hardware_leave_no_directory(
    tmp_path: Path, images: Path
) -> None:
    with pytest.raises(ConfigError) as error:
        trainings(tmp_path, images).finished([training(precision="16-mixed")])
    assert str(error.value).startswith("--precision: 16-mixed needs --accelerator gpu")
    assert not (tmp_path / "runs").exists()


def test_after_an_interrupt_the_finished_trainings_are_kept_and_no_process_is_left(
    tmp_path: Path, images: Path
) -> None:
    plans = [training("short"), training("long", epochs=30)]
    whole, of = trainings(tmp_path / "whole", images), trainings(tmp_path / "parts", images)

    def interrupt(_line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(StoppedError) as error:
        replace(of, on_finished=interrupt).finished(plans)
    assert str(error.value) == (
        f"stopped: complete epochs are kept in {tmp_path / 'parts' / 'runs'}; run the same command "
        "again to resume"
    )
    assert multiprocessing.active_children() == []
    assert of.run(plans[0]).finished
    kept = written_at(of.run(plans[0]).path)
    of.finished(plans)
    assert written_at(of.run(plans[0]).path) == kept
    whole.finished(plans)
    for plan in plans:
        assert of.run(plan).weights_digest() == whole.run(plan).weights_digest()


def test_a_training_killed_in_its_first_epoch_starts_again(tmp_path: Path, images: Path) -> None:
    of = trainings(tmp_path, images)
    killed = Run.create(of.run(training()).path, of.config(training()))
    killed.append_metrics(epoch=1, seconds=9.0, train_loss=9.0)
    [run] = of.finished([training()])
    assert [line.get("epoch") for line in run.metrics()] == [1, 2, None]
    assert run.metrics()[0]["train_loss"] < 9


def test_a_killed_worker_process_is_a_sentence(tmp_path: Path, images: Path) -> None:
    of = trainings(tmp_path, images)
    with pytest.raises(StoppedError) as error:
        replace(of, on_finished=lambda _line: _kill_workers()).finished(
            [training("short"), training("long", epochs=100)]
        )
    assert str(error.value).startswith(
        "stopped: the system ended a worker process, possibly for lack of memory: complete epochs "
    )


def _kill_workers() -> None:
    for child in multiprocessing.active_children():
        child.kill()


def test_the_line_of_a_training_has_its_scores(tmp_path: Path, images: Path) -> None:
    of = trainings(tmp_path, images)
    path = of.run(training()).path
    line = train_run(path, of.config(training()), of.hardware, True)
    accuracy = Run(path).metrics()[-1]["test_accuracy"]
    assert line == f"{accuracy:.2%} of 40 test rows, 0.0 minutes"


def test_the_minutes_count_the_epochs_of_each_run_once(tmp_path: Path, images: Path) -> None:
    of = trainings(tmp_path, images)
    assert of.minutes == 0
    one = written(of.run(training("one")), 1.0, 0.5)  # 60 s and 120 s
    lost = written(of.run(training("lost")), 1.0, diverged=True)  # 60 s
    never = of.run(training("never"))  # diverged in its first epoch: no metrics
    empty = written(of.run(training("empty")), diverged=True)
    (empty.path / "metrics.jsonl").touch()
    of.used.extend([one, lost, one, never, empty])
    assert of.minutes == 4
