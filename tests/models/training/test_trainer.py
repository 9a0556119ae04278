import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.multiprocessing.spawn import ProcessRaisedException

from models.data.dataset import Dataset
from models.data.source import Source, load
from models.errors import ConfigError, DivergedError, RunError, StoppedError
from models.evaluation import evaluate
from models.networks.network import HighwayClassifier
from models.networks.preparation import Standardise
from models.presets import preset
from models.recipe import Hardware, TrainConfig
from models.run import Run
from models.run_config import DataConfig, RunConfig
from models.training.checkpoints import load_checkpoint
from models.training.trainer import _user_error, train

UNAUGMENTED: dict[str, Any] = {"shift": 0.0, "rotate_degrees": 0.0, "scale": 0.0}
DIGITS = Source.of("digits")


def small(source: Source = DIGITS, **training: Any) -> RunConfig:
    network = replace(preset("dense-10"), depth=3, width=8)
    return RunConfig(
        preset="custom",
        source_revision="unknown",
        data=DataConfig.of(source, load(source)),
        network=network.network(shape=(8, 8), classes=10, preparation=Standardise()),
        training=replace(TrainConfig(epochs=2), **training),
    )


def trained(path: Path, config: RunConfig, hardware: Hardware | None = None) -> Run:
    run = Run.create(path, config)
    train(run, config, load(config.data.source), hardware)
    return run


def weights(run: Run) -> bytes:
    return (run.path / "model.safetensors").read_bytes()


def losses(run: Run, name: str = "train_loss") -> list[float]:
    return [line[name] for line in run.metrics() if "epoch" in line]


def learned_by_heart(**training: Any) -> RunConfig:
    """A training after whose first epochs the validation loss of `sixty_rows` rises."""
    few: dict[str, Any] = {"epochs": 16, "schedule": "constant", "learning_rate": 0.1}
    return small(**few, **UNAUGMENTED, **training)


def sixty_rows() -> Dataset:
    digits = load(DIGITS)
    return replace(digits, train=digits.train.take(slice(60)))


def test_training_reaches_an_accuracy_far_above_chance(tmp_path: Path) -> None:
    config = small(epochs=12, **UNAUGMENTED)
    scores = train(Run.create(tmp_path / "run", config), config, load(DIGITS))
    assert scores is not None
    assert scores.rows == 180
    assert scores.accuracy > 0.7  # by chance: 0.1


def test_without_gates_a_run_has_the_same_weights_and_no_statistics(tmp_path: Path) -> None:
    config = small(epochs=1)
    complete = trained(tmp_path / "complete", config)
    trial = Run.create(tmp_path / "trial", config)
    scores = train(trial, config, load(DIGITS), with_gates=False)
    assert scores is not None
    assert weights(trial) == weights(complete)
    assert losses(trial) == losses(complete)
    written = [{path.name for path in run.path.iterdir()} for run in (complete, trial)]
    assert written[0] - written[1] == {"gate_baseline.json", "typicality.safetensors"}
    with pytest.raises(RunError, match=r"gate_baseline\.json is missing"):
        trial.baseline()


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_the_same_seed_gives_the_same_files_byte_for_byte(tmp_path: Path, optimizer: str) -> None:
    first, second = (
        trained(tmp_path / name, small(optimizer=optimizer)) for name in ("first", "second")
    )
    other = trained(tmp_path / "other", small(optimizer=optimizer, seed=1))
    assert weights(first) == weights(second) != weights(other)
    for name in ("config.json", "gate_baseline.json"):
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes()


@pytest.mark.parametrize(
    "training",
    [
        {"optimizer": "sgd", "schedule": "steps", "drop_epochs": (2,), "learning_rate": 0.05},
        {"schedule": "exponential", "drop_factor": 0.9},
        {"schedule": "constant", "gradient_clip": 0.0},
        {"precision": "bf16-mixed", "learning_rate": 0.01},
    ],
)
def test_every_schedule_and_precision_lowers_the_loss(
    tmp_path: Path, training: dict[str, Any]
) -> None:
    run = trained(tmp_path / "run", small(epochs=4, **UNAUGMENTED, **training))
    assert losses(run)[-1] < 0.9 * losses(run)[0]


def test_two_processes_reach_the_losses_of_one_and_keep_the_best_epoch(tmp_path: Path) -> None:
    config = learned_by_heart()
    one, two = (Run.create(tmp_path / name, config) for name in ("one", "two"))
    train(one, config, sixty_rows())
    train(two, config, sixty_rows(), Hardware(devices=2))
    assert losses(two) == pytest.approx(losses(one), rel=0.05)
    validation = losses(two, "validation_loss")
    assert validation == pytest.approx(losses(one, "validation_loss"), rel=0.1)
    assert len(two.metrics()) == 17
    kept = int(two.metrics()[-1]["kept_epoch"])
    assert kept < 16  # else this test could not fail
    assert validation[kept - 1] == min(validation)
    scores = evaluate(two.network(), two.dataset().validation)
    assert scores.loss == pytest.approx(min(validation), abs=2e-6)
    assert two.network()(torch.from_numpy(two.dataset().test.x))[0].isfinite().all()


def test_a_loss_that_is_not_finite_in_another_process_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        trained(tmp_path / "run", small(learning_rate=1e30), Hardware(devices=2))
    assert str(error.value) == "epoch 1: expected a finite loss, found nan; lower --learning-rate"


def test_patience_stops_early_and_keeps_the_best_epochs_weights(tmp_path: Path) -> None:
    rising: dict[str, Any] = {
        "optimizer": "sgd",
        "schedule": "constant",
        "learning_rate": 2.0,
        "momentum": 0.9,
    }
    run = trained(tmp_path / "run", small(epochs=40, patience=2, gradient_clip=0.0, **rising))
    validation = losses(run, "validation_loss")
    best = validation.index(min(validation))
    assert len(validation) == best + 3 < 40
    assert run.metrics()[-1]["kept_epoch"] == best + 1
    assert not (run.path / "best.ckpt").exists()
    kept = evaluate(run.network(), load(DIGITS).validation)
    assert kept.loss == pytest.approx(min(validation), abs=2e-6)


@pytest.mark.parametrize("keep", ["best", "last"])
def test_the_best_epoch_is_kept_unless_the_last_is_wanted(tmp_path: Path, keep: str) -> None:
    config = learned_by_heart(keep=keep)
    run = Run.create(tmp_path / "run", config)
    train(run, config, sixty_rows())
    validation = losses(run, "validation_loss")
    best = validation.index(min(validation))
    assert best < 15  # else this test could not fail
    expected = best if keep == "best" else 15
    assert run.metrics()[-1]["kept_epoch"] == expected + 1
    scores = evaluate(run.network(), load(DIGITS).validation)
    assert scores.loss == pytest.approx(validation[expected], abs=2e-6)


class StoppedRun(Run):
    """A run directory that stops the training while the fourth epoch's metrics are written."""

    def append_metrics(self, **values: float | int) -> None:
        super().append_metrics(**values)
        if values.get("epoch") == 4:
            raise KeyboardInterrupt


def test_a_stopped_training_keeps_its_complete_epochs_and_resumes_to_the_same_weights(
    tmp_path: Path,
) -> None:
    config = small(epochs=6, learning_rate=0.02, keep="best")
    expected = trained(tmp_path / "expected", config)
    run = StoppedRun(Run.create(tmp_path / "run", config).path)
    with pytest.raises(StoppedError):
        train(run, config, load(DIGITS))
    assert load_checkpoint(run.path / "checkpoint.ckpt")["epoch"] == 2  # the third, from 0
    resumed = Run(run.path)
    train(resumed, config, load(DIGITS))
    assert weights(resumed) == weights(expected)
    assert [{**line, "seconds": 0} for line in resumed.metrics()] == [
        {**line, "seconds": 0} for line in expected.metrics()
    ]


def test_a_preset_with_patience_keeps_the_last_epoch_without_validation_rows(
    tmp_path: Path,
) -> None:
    source = Source.of("digits", validation_share=0.0)
    run = trained(tmp_path / "run", small(source, patience=1, epochs=3))
    assert run.metrics()[-1]["kept_epoch"] == 3


@pytest.mark.parametrize("more", [{}, {"patience": 1, "epochs": 30, "schedule": "constant"}])
def test_resuming_after_the_last_epoch_writes_only_the_missing_files(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    config = small(**more)
    run = trained(tmp_path / "run", config)
    expected, lines = weights(run), run.metrics()
    (run.path / "model.safetensors").unlink()
    with (run.path / "metrics.jsonl").open("a") as metrics:
        metrics.write('{"test_rows": 18')
    train(run, config, load(DIGITS))
    assert weights(run) == expected
    assert [{**line, "seconds": 0} for line in run.metrics()] == [
        {**line, "seconds": 0} for line in lines
    ]


def test_only_user_errors_of_another_process_are_converted() -> None:
    text = "-- Process 1 terminated:\nTraceback …\nmodels.errors.DivergedError: epoch 1: too far"
    error = _user_error(ProcessRaisedException(text, 1, 7))
    assert type(error) is DivergedError
    assert str(error) == "epoch 1: too far"
    fault = ProcessRaisedException("Traceback …\nIndexError: Target 20 is out of bounds.", 1, 7)
    assert _user_error(fault) is fault


def test_without_validation_rows_the_metrics_lack_validation_scores(tmp_path: Path) -> None:
    source = Source.of("digits", validation_share=0.0)
    run = trained(tmp_path / "run", small(source))
    assert set(run.metrics()[0]) == {"epoch", "train_loss", "seconds"}


def test_a_plain_network_has_no_openness_and_no_gate_baseline(tmp_path: Path) -> None:
    config = small()
    plain = replace(preset("dense-10"), depth=3, width=8, plain=True)
    network = plain.network(shape=(8, 8), classes=10, preparation=Standardise())
    run = trained(tmp_path / "run", replace(config, network=network))
    assert "openness" not in run.metrics()[0]
    assert not (run.path / "gate_baseline.json").exists()


def test_each_epoch_appends_a_line_of_metrics(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", small())
    first = json.loads((run.path / "metrics.jsonl").read_text().splitlines()[0])
    assert set(first) == {
        *("epoch", "train_loss", "validation_loss", "validation_accuracy", "openness", "seconds")
    }
    assert 0 < first["openness"] < 1


def test_tensorboard_has_the_same_losses_as_the_metrics(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = trained(tmp_path / "run", small())
    events = EventAccumulator(str(run.path / "tensorboard"))
    events.Reload()
    logged = [event.value for event in events.Scalars("train_loss")]
    assert logged == pytest.approx(losses(run), abs=1e-5)


@pytest.mark.parametrize(
    ("training", "hardware", "message"),
    [
        (
            {"precision": "16-mixed"},
            Hardware(),
            "--precision: 16-mixed needs --accelerator gpu; use bf16-mixed on a CPU",
        ),
        (
            {"precision": "16-mixed"},
            Hardware(accelerator="auto"),
            "--precision: 16-mixed needs --accelerator gpu; use bf16-mixed on a CPU",
        ),
        (
            {"batch_size": 99},
            Hardware(devices=2),
            "--batch-size: expected a multiple of 2, the number of processes that share each "
            "batch, found 99",
        ),
        (
            {"learning_rate": 1e30},
            Hardware(),
            "epoch 1: expected a finite loss, found nan; lower --learning-rate",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused(
    tmp_path: Path, training: dict[str, Any], hardware: Hardware, message: str
) -> None:
    with pytest.raises(ConfigError) as error:
        trained(tmp_path / "run", small(**training), hardware)
    assert str(error.value) == message


def test_a_missing_accelerator_is_reported(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        assert trained(tmp_path / "run", small(), Hardware(accelerator="gpu")).finished
        return
    with pytest.raises(ConfigError) as error:
        trained(tmp_path / "run", small(), Hardware(accelerator="gpu"))
    assert str(error.value).startswith("--accelerator: No supported gpu backend found!")


def test_the_last_line_of_metrics_has_finite_test_scores(tmp_path: Path) -> None:
    last = trained(tmp_path / "run", small()).metrics()[-1]
    assert last["test_rows"] == 180
    assert math.isfinite(last["test_loss"])


def few_rows() -> Dataset:
    digits = load(DIGITS)
    return replace(digits, train=digits.train.take(slice(200)))


def start_network(config: RunConfig, spread: float) -> HighwayClassifier:
    """A network with weights and a preparation that no training would start with."""
    network = HighwayClassifier(config.network)
    for number, value in enumerate(network.state_dict().values()):
        value.fill_(spread / (number + 1))
    return network


def test_a_training_can_start_with_the_weights_and_preparation_of_a_network(tmp_path: Path) -> None:
    config = small(epochs=1, learning_rate=1e-9, **UNAUGMENTED)
    start = start_network(config, 0.5)
    run = Run.create(tmp_path / "run", config)
    train(run, config, few_rows(), start=start)
    for name, value in run.network().state_dict().items():
        torch.testing.assert_close(value, start.state_dict()[name], rtol=0, atol=1e-6)
        if name.startswith("preparation"):
            assert torch.equal(value, start.state_dict()[name])


def test_the_start_network_determines_the_result_and_stays_unchanged(tmp_path: Path) -> None:
    config = small(epochs=1)
    runs = []
    for name, spread in (("one", 0.5), ("same", 0.5), ("other", 0.25)):
        start = start_network(config, spread)
        before = {key: value.clone() for key, value in start.state_dict().items()}
        runs.append(Run.create(tmp_path / name, config))
        train(runs[-1], config, few_rows(), start=start)
        for key, value in start.state_dict().items():
            assert torch.equal(value, before[key])
    one, same, other = map(weights, runs)
    assert one == same != other


def test_a_checkpoint_has_precedence_over_the_start_network(tmp_path: Path) -> None:
    config = small()
    run = Run.create(tmp_path / "run", config)
    train(run, config, few_rows(), start=start_network(config, 0.5))
    expected = weights(run)
    (run.path / "model.safetensors").unlink()
    train(run, config, few_rows(), start=start_network(config, 0.25))
    assert weights(run) == expected
