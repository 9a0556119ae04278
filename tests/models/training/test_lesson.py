import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.data.bundled import BUNDLED
from models.data.dataset import Column, Dataset, InputSpec, Labelled, split
from models.networks.network import HighwayClassifier
from models.networks.preparation import Standardise
from models.presets import preset
from models.recipe import TrainConfig
from models.run import Run
from models.training.lesson import HighwayTraining


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return split(BUNDLED["digits"]())


def lesson(data: Dataset, **training: float) -> HighwayTraining:
    chosen = replace(preset("dense-10"), depth=3, width=8)
    config = chosen.network(
        shape=data.input.shape, classes=len(data.labels), preparation=Standardise()
    )
    network = HighwayClassifier(config)
    settings = replace(TrainConfig(), **training)  # type: ignore[arg-type]
    return HighwayTraining(network, data, Run(Path("nowhere")), settings)


def test_a_step_returns_the_mean_cross_entropy_of_its_batch(digits: Dataset) -> None:
    training = lesson(digits, shift=0, turn_degrees=0, stretch=0)
    x, y = torch.from_numpy(digits.train.x[:5]), torch.from_numpy(digits.train.y[:5])
    loss = training.training_step((x, y), 0)
    shares = torch.softmax(training.network(x)[0], dim=1)
    expected = -torch.log(shares[torch.arange(5), y]).mean()
    assert loss.item() == pytest.approx(expected.item())
    assert training.loss_sum.item() == pytest.approx(expected.item())


def test_images_move_during_training_unless_told_not_to(digits: Dataset) -> None:
    x = torch.from_numpy(digits.train.x[:5])
    assert not torch.equal(lesson(digits).augmented(x), x)
    assert torch.equal(lesson(digits, shift=0, turn_degrees=0, stretch=0).augmented(x), x)
    mirrored = lesson(digits, shift=0, turn_degrees=0, stretch=0, mirror=True)
    assert not torch.equal(mirrored.augmented(torch.cat([x] * 4)), torch.cat([x] * 4))


def test_a_tables_rows_never_move(digits: Dataset) -> None:
    columns = tuple(Column(name=str(number)) for number in range(64))
    table = InputSpec(kind="table", shape=(64,), unit="value", columns=columns)
    rows = BUNDLED["digits"]().rows
    data = split(Labelled(name="rows", input=table, labels=digits.labels, rows=rows))
    x = torch.from_numpy(rows.x[:5])
    assert torch.equal(lesson(data).augmented(x), x)


def test_a_lesson_can_be_sent_to_another_process(digits: Dataset) -> None:
    training = lesson(digits)
    again = pickle.loads(pickle.dumps(training))
    assert torch.equal(again.network.output.weight, training.network.output.weight)
