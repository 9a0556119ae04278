from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.typicality.networks import EPOCHS, Networks
from models.data.dataset import Dataset, Part
from models.data.source import Source
from models.run import Run
from service.contract import Input


def networks(runs: Path) -> Networks:
    """Random images of two labels, 40 to train on."""
    random = np.random.default_rng(0)
    parts = [
        Part(x=random.uniform(0, 255, (rows, 784)).astype(np.float32), y=np.arange(rows) % 2)
        for rows in (40, 10, 10)
    ]
    image = Input(kind="image", shape=(28, 28), unit="pixel", low=0.0, high=255.0)
    data = Dataset(
        name="some",
        input=image,
        labels=("0", "1"),
        train=parts[0],
        validation=parts[1],
        test=parts[2],
    )
    return Networks(source=Source.of("digits"), dataset=data, runs=runs)


def test_a_network_is_trained_once(tmp_path: Path) -> None:
    first = networks(tmp_path).trained("dense-10", 3)
    assert first.path == tmp_path / "dense-3"
    assert first.config().training.epochs == EPOCHS["dense-10"] == len(first.metrics()) - 1
    written = (first.path / "model.safetensors").stat().st_mtime_ns
    again = networks(tmp_path).trained("dense-10", 3)
    assert (again.path / "model.safetensors").stat().st_mtime_ns == written


def test_another_training_in_its_folder_is_refused(tmp_path: Path) -> None:
    own = networks(tmp_path)
    config = own.config("dense-10", 3)
    Run.create(tmp_path / "dense-3", replace(config, training=replace(config.training, epochs=1)))
    with pytest.raises(SystemExit) as failure:
        own.trained("dense-10", 3)
    assert str(failure.value) == (
        f"{tmp_path / 'dense-3'}: expected a training of dense-10 with seed 3 and "
        "10 epochs on this data, found another one; choose another --runs"
    )
