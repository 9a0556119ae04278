from dataclasses import replace
from pathlib import Path

import pytest

from models.errors import ConfigError
from models.networks.preparation import Standardise
from models.recipe import Hardware
from models.search.config import TrialSettings
from models.search.study import Outcome
from models.search.trials import TrialContext, run_trial
from tests.models.search.conftest import digits, search_config

TRIAL_SETTINGS: TrialSettings = {
    "learning_rate": 0.3,
    "momentum": 0.9,
    "drop_factor": 0.98,
    "activation": "relu",
    "gate_bias": -2.0,
}


def trial_context(out: Path, **training: object) -> TrialContext:
    return TrialContext(
        out=out,
        config=search_config(**training),  # type: ignore[arg-type]
        preparation=Standardise(),
        hardware=Hardware(),
        threads=1,
    )


def test_a_trial_is_a_run_with_the_validation_scores_of_its_kept_epoch(
    tmp_path: Path,
) -> None:
    context = trial_context(tmp_path)
    outcome = run_trial(context, digits(), 7, TRIAL_SETTINGS)
    run = context.run(7)
    assert run.path == tmp_path / "trials" / "0007"
    assert run.finished
    assert run.config() == context.run_config(TRIAL_SETTINGS)
    assert run.checkpoint() is None
    *epochs, test = run.metrics()
    kept = epochs[int(test["kept_epoch"]) - 1]
    assert kept["validation_loss"] == min(line["validation_loss"] for line in epochs)
    assert outcome == Outcome(loss=kept["validation_loss"], accuracy=kept["validation_accuracy"])


def test_a_finished_trial_is_read_and_not_repeated(
    tmp_path: Path,
) -> None:
    context = trial_context(tmp_path)
    first = run_trial(context, digits(), 0, TRIAL_SETTINGS)
    written = (context.run(0).path / "model.safetensors").stat().st_mtime_ns
    assert run_trial(context, digits(), 0, TRIAL_SETTINGS) == first
    assert (context.run(0).path / "model.safetensors").stat().st_mtime_ns == written


def test_an_interrupted_trial_starts_again(tmp_path: Path) -> None:
    context = trial_context(tmp_path)
    first = run_trial(context, digits(), 0, TRIAL_SETTINGS)
    (context.run(0).path / "model.safetensors").unlink()
    assert run_trial(context, digits(), 0, TRIAL_SETTINGS) == first
    assert [line["epoch"] for line in context.run(0).metrics()[:-1]] == [1, 2]


def test_a_trial_that_diverges_has_a_reason(tmp_path: Path) -> None:
    context = trial_context(tmp_path, weight_decay=1000.0)
    outcome = run_trial(context, digits(), 0, TRIAL_SETTINGS)
    assert outcome.reason == "epoch 1: expected a finite loss, found nan"
    assert context.run(0).checkpoint() is None


def test_a_trial_whose_last_step_diverges_has_no_validation_loss(
    tmp_path: Path,
) -> None:
    rows = digits().train.take(slice(0, 100))  # one step per epoch, whose loss is still finite
    context = trial_context(tmp_path, weight_decay=1e38, epochs=1)
    outcome = run_trial(context, replace(digits(), train=rows), 0, TRIAL_SETTINGS)
    assert outcome.reason == "epoch 1: expected a finite validation loss, found nan"


def test_any_other_error_is_raised(tmp_path: Path) -> None:
    context = trial_context(tmp_path, precision="16-mixed")
    with pytest.raises(ConfigError) as caught:
        run_trial(context, digits(), 0, TRIAL_SETTINGS)
    assert str(caught.value) == (
        "--precision: 16-mixed needs --accelerator gpu; use bf16-mixed on a CPU"
    )
