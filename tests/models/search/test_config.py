import json
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from models.data.source import Source, load
from models.errors import ConfigError, RunError
from models.presets import preset
from models.search.config import (
    SETTINGS,
    SearchConfig,
    TrialSettings,
    as_options,
    keep_settings,
    rounded,
    search_space,
    with_settings,
)

DIGITS = Source.of("digits")


@pytest.fixture(scope="module")
def config() -> SearchConfig:
    return SearchConfig.of(DIGITS, load(DIGITS), preset("dense-10"), "random")


def test_a_search_with_the_same_settings_is_resumed(tmp_path: Path, config: SearchConfig) -> None:
    keep_settings(tmp_path / "search", config)
    written = (tmp_path / "search" / SETTINGS).read_bytes()
    keep_settings(tmp_path / "search", config)
    assert (tmp_path / "search" / SETTINGS).read_bytes() == written
    assert json.loads(written)["preset"]["training"]["seed"] == 0


def test_other_settings_are_refused(tmp_path: Path, config: SearchConfig) -> None:
    keep_settings(tmp_path, config)
    training = replace(config.preset.training, epochs=3)
    others = {
        "sampler 'random', found 'tpe'": replace(config, sampler="tpe"),
        "epochs 60, found 3": replace(config, preset=replace(config.preset, training=training)),
        "plain False, found True": replace(config, preset=replace(config.preset, plain=True)),
        f"digest '{config.data.digest}', found 'other'": replace(
            config, data=replace(config.data, digest="other")
        ),
    }
    for difference, other in others.items():
        with pytest.raises(ConfigError) as caught:
            keep_settings(tmp_path, other)
        assert str(caught.value) == (
            f"{tmp_path}: this search was started with {difference}; give the same settings, or "
            "choose another --out"
        )


def test_a_directory_with_other_files_is_refused(tmp_path: Path, config: SearchConfig) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError) as caught:
        keep_settings(tmp_path, config)
    assert str(caught.value) == (
        f"{tmp_path}: expected a new or empty directory, or that of a search, found existing "
        "files; choose another --out"
    )


def test_a_directory_that_cannot_be_created_is_reported(
    tmp_path: Path, config: SearchConfig
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError) as caught:
        keep_settings(tmp_path / "file" / "search", config)
    assert (
        str(caught.value) == f"{tmp_path / 'file' / 'search'}: cannot be created: Not a directory"
    )


def test_damaged_settings_are_refused(tmp_path: Path, config: SearchConfig) -> None:
    (tmp_path / SETTINGS).write_text("{")
    with pytest.raises(RunError) as caught:
        keep_settings(tmp_path, config)
    assert str(caught.value) == (
        f"{tmp_path / SETTINGS}: not the settings of a search, not even JSON; choose another --out"
    )


def test_a_search_without_validation_rows_is_refused() -> None:
    source = Source.of("digits", validation_share=0)
    with pytest.raises(ConfigError) as caught:
        SearchConfig.of(source, load(source), preset("dense-10"), "random")
    assert str(caught.value) == (
        "--validation-share: expected a number above 0, because validation rows rank the trials, "
        "found 0"
    )


TRIAL_SETTINGS: TrialSettings = {
    "learning_rate": 0.05,
    "momentum": 0.9,
    "drop_factor": 0.98,
    "activation": "tanh",
    "gate_bias": -4.0,
}


def test_the_search_space_is_that_of_the_paper() -> None:
    space = search_space(plain=False)
    assert space["activation"] == CategoricalDistribution(("relu", "tanh"))
    assert space["gate_bias"] == FloatDistribution(-10, -1)
    assert list(space) == list(TRIAL_SETTINGS)


def test_the_search_space_of_a_plain_network_has_no_gate_bias() -> None:
    assert set(search_space(plain=False)) - set(search_space(plain=True)) == {"gate_bias"}


def test_a_trial_trains_with_sgd_and_an_exponential_schedule() -> None:
    base = preset("dense-10")
    changed = with_settings(base, TRIAL_SETTINGS)
    assert (changed.activation, changed.gate_bias) == ("tanh", -4.0)
    assert changed.training == replace(
        base.training,
        optimizer="sgd",
        schedule="exponential",
        learning_rate=0.05,
        momentum=0.9,
        drop_factor=0.98,
    )


def test_settings_outside_the_search_space_are_those_of_the_preset() -> None:
    base = replace(preset("cifar-19"), depth=11, width=24)
    changed = with_settings(base, TRIAL_SETTINGS)
    assert changed == replace(base, activation="tanh", gate_bias=-4.0, training=changed.training)
    assert changed.training.flip


def test_a_trial_of_a_plain_network_does_not_change_the_gate_bias() -> None:
    settings = {name: value for name, value in TRIAL_SETTINGS.items() if name != "gate_bias"}
    assert with_settings(preset("dense-10-plain"), settings).gate_bias is None


@pytest.mark.parametrize(
    ("drawn", "kept"), [(0.0123456, 0.01235), (-9.99996, -10.0), (0.99996, 1.0), ("relu", "relu")]
)
def test_a_drawn_number_is_rounded_to_four_digits(drawn: float | str, kept: float | str) -> None:
    assert rounded({"name": drawn}) == {"name": kept}


def test_the_settings_of_a_trial_become_options_of_train() -> None:
    assert as_options(TRIAL_SETTINGS) == [
        *("--optimizer", "sgd", "--schedule", "exponential"),
        *("--learning-rate", "0.05", "--momentum", "0.9", "--drop-factor", "0.98"),
        *("--activation", "tanh", "--gate-bias", "-4.0"),
    ]
