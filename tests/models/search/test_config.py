import json
from dataclasses import replace
from pathlib import Path

import pytest

from models.data.source import Source, load
from models.errors import ConfigError, RunError
from models.presets import preset
from models.search.config import SETTINGS, SearchConfig, keep

DIGITS = Source.of("digits")


@pytest.fixture(scope="module")
def config() -> SearchConfig:
    return SearchConfig.of(DIGITS, load(DIGITS), preset("dense-10"), "random")


def test_the_same_settings_go_on(tmp_path: Path, config: SearchConfig) -> None:
    keep(tmp_path / "search", config)
    written = (tmp_path / "search" / SETTINGS).read_bytes()
    keep(tmp_path / "search", config)
    assert (tmp_path / "search" / SETTINGS).read_bytes() == written
    assert json.loads(written)["preset"]["training"]["seed"] == 0


def test_other_settings_are_refused_by_name(tmp_path: Path, config: SearchConfig) -> None:
    keep(tmp_path, config)
    training = replace(config.preset.training, epochs=3)
    others = {
        "sampler 'random', found 'tpe'": replace(config, sampler="tpe"),
        "epochs 60, found 3": replace(config, preset=replace(config.preset, training=training)),
        "plain False, found True": replace(config, preset=replace(config.preset, plain=True)),
        f"digest '{config.data.digest}', found 'other'": replace(
            config, data=replace(config.data, digest="other")
        ),
    }
    for words, other in others.items():
        with pytest.raises(ConfigError) as caught:
            keep(tmp_path, other)
        assert str(caught.value) == (
            f"{tmp_path}: expected the settings that its search began with, {words}; "
            "give the same settings, or choose another --out"
        )


def test_a_directory_of_other_files_is_left_alone(tmp_path: Path, config: SearchConfig) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError) as caught:
        keep(tmp_path, config)
    assert str(caught.value) == (
        f"{tmp_path}: expected a new or empty directory, or that of a search, found existing "
        "files; choose another --out"
    )


def test_a_directory_that_cannot_be_made_is_one_sentence(
    tmp_path: Path, config: SearchConfig
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError) as caught:
        keep(tmp_path / "file" / "search", config)
    assert (
        str(caught.value) == f"{tmp_path / 'file' / 'search'}: cannot be created: Not a directory"
    )


def test_damaged_settings_are_one_sentence(tmp_path: Path, config: SearchConfig) -> None:
    (tmp_path / SETTINGS).write_text("{")
    with pytest.raises(RunError) as caught:
        keep(tmp_path, config)
    assert str(caught.value) == (
        f"{tmp_path / SETTINGS}: expected the settings of a search, found no JSON; "
        "choose another --out"
    )


def test_a_search_without_validation_rows_is_refused() -> None:
    source = Source.of("digits", validation_share=0)
    with pytest.raises(ConfigError) as caught:
        SearchConfig.of(source, load(source), preset("dense-10"), "random")
    assert str(caught.value) == (
        "--validation-share: expected a share above 0, for the validation rows choose the best "
        "trial, found 0"
    )
