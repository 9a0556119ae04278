import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from models.data.dataset import Dataset, split
from models.data.source import BUNDLED, Source, load
from models.networks.network import HighwayClassifier
from models.networks.preparation import Standardise
from models.presets import preset
from models.recipe import TrainConfig
from models.run import Run
from models.training.module import HighwayTraining


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return split(BUNDLED["digits"]())


def training_of(data: Dataset, **training: object) -> HighwayTraining:
    chosen = replace(preset("dense-10"), depth=3, width=8)
    config = chosen.network(
        shape=data.input.shape, classes=len(data.labels), preparation=Standardise()
    )
    network = HighwayClassifier(config)
    settings = replace(TrainConfig(), **training)  # type: ignore[arg-type]
    return HighwayTraining(network, data, Run(Path("nowhere")), settings)


def test_the_loss_is_the_mean_cross_entropy_of_a_batch(digits: Dataset) -> None:
    training = training_of(digits, shift=0, rotate_degrees=0, scale=0)
    x, y = torch.from_numpy(digits.train.x[:5]), torch.from_numpy(digits.train.y[:5])
    loss = training.loss(x, y)
    probabilities = torch.softmax(training.network(x)[0], dim=1)
    expected = -torch.log(probabilities[torch.arange(5), y]).mean()
    assert loss.item() == pytest.approx(expected.item())


def test_balanced_classes_weigh_the_rows_of_a_batch_by_label(digits: Dataset) -> None:
    # 6 of 8 training rows have label 0: weights 8 / (2·6) and 8 / (2·2).
    rows = digits.train.take(slice(8))
    few = replace(
        digits,
        labels=("a", "b"),
        train=replace(rows, y=np.array([0, 0, 0, 0, 0, 0, 1, 1])),
    )
    training = training_of(few, shift=0, rotate_degrees=0, scale=0, class_weight="balanced")
    assert training.class_weights is not None
    assert training.class_weights.tolist() == pytest.approx([2 / 3, 2])
    x, y = torch.from_numpy(few.train.x), torch.from_numpy(few.train.y)
    losses = functional.cross_entropy(training.network(x)[0], y, reduction="none")
    expected = (losses[:6].sum() * 2 / 3 + losses[6:].sum() * 2) / 8
    assert training.loss(x, y).item() == pytest.approx(expected.item())


def test_training_images_are_augmented_unless_all_bounds_are_zero(digits: Dataset) -> None:
    x = torch.from_numpy(digits.train.x[:5])
    assert not torch.equal(training_of(digits).augmented(x), x)
    assert torch.equal(training_of(digits, shift=0, rotate_degrees=0, scale=0).augmented(x), x)
    flipped = training_of(digits, shift=0, rotate_degrees=0, scale=0, flip=True)
    assert not torch.equal(flipped.augmented(torch.cat([x] * 4)), torch.cat([x] * 4))


def test_the_rows_of_a_table_are_never_augmented(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{n},{n % 2}\n" for n in range(40)))
    data = load(Source.of(str(tmp_path / "t.csv"), target="b"))
    x = torch.from_numpy(data.train.x[:5])
    assert torch.equal(training_of(data).augmented(x), x)


def test_a_training_can_be_pickled_for_another_process(digits: Dataset) -> None:
    training = training_of(digits)
    again = pickle.loads(pickle.dumps(training))
    weights = training.network.state_dict()
    for name, weight in again.network.state_dict().items():
        assert torch.equal(weight, weights[name])
