import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from models.data.source import Source, load
from models.errors import ConfigError
from models.networks.preparation import Standardise
from models.presets import preset
from models.run_config import DataConfig, RunConfig, source_revision

DIGITS = Source.of("digits")


def test_a_configuration_has_data_preset_and_source_revision() -> None:
    dataset = load(DIGITS)
    chosen = replace(preset("dense-10"), depth=4)
    config = RunConfig.of(DataConfig.of(DIGITS, dataset), chosen, Standardise(), name="mine")
    assert (config.preset, config.source_revision) == ("mine", source_revision())
    assert (config.network.shape, config.network.classes) == ((8, 8), 10)
    assert len(config.network.highway_blocks) == 3
    assert config.training == replace(chosen.training, threads=1)
    assert config.data.digest == dataset.digest()


def test_a_given_number_of_threads_is_kept() -> None:
    data, base = DataConfig.of(DIGITS, load(DIGITS)), preset("dense-10")
    chosen = replace(base, training=replace(base.training, threads=3))
    config = RunConfig.of(data, chosen, Standardise(), name="mine")
    assert config.training.threads == 3


def test_a_network_that_does_not_fit_the_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b,c,d\n" + "".join(f"{n},1,2,{n % 2}\n" for n in range(40)))
    table = Source.of(str(tmp_path / "t.csv"), target="d")
    data = DataConfig.of(table, load(table))
    with pytest.raises(ConfigError) as error:
        RunConfig.of(data, preset("cifar-19"), Standardise(), name="cifar-19")
    assert str(error.value) == (
        "network: expected images for its convolutions, found rows of 3 columns; choose a dense "
        "preset"
    )


def test_the_schema_is_that_of_the_data() -> None:
    data = DataConfig.of(DIGITS, load(DIGITS))
    assert (data.schema.input, data.schema.labels) == (data.input, data.labels)


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    result = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return result.stdout.strip()


def repository(folder: Path) -> Path:
    git(folder, "init", "--quiet")
    (folder / "file").write_text("1")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "one")
    return folder


def test_settings_are_the_same_in_another_source_revision() -> None:
    data = DataConfig.of(DIGITS, load(DIGITS))
    config = RunConfig.of(data, preset("dense-10"), Standardise(), name="mine")
    assert config.same_settings(replace(config, source_revision="another"))
    assert not config.same_settings(replace(config, preset="another"))


def test_a_clean_checkout_has_its_commit_as_revision(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    assert source_revision(folder) == git(folder, "rev-parse", "HEAD")


def test_changed_files_are_marked_in_the_revision(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    (folder / "file").write_text("2")
    assert source_revision(folder) == git(folder, "rev-parse", "HEAD") + "+changes"


def test_a_folder_outside_a_repository_has_an_unknown_revision(tmp_path: Path) -> None:
    assert source_revision(tmp_path) == "unknown"
