from dataclasses import replace
from pathlib import Path

from models.reproduction.networks import dense, trained
from tests.models.reproduction.conftest import task, trainings, written_at


def test_the_network_has_the_gate_bias_of_the_papers_figures(tmp_path: Path, images: Path) -> None:
    planned = dense(task(tmp_path, trainings(tmp_path, images)), 50)
    assert planned.preset.gate_bias == -2.0
    assert (planned.preset.depth, planned.preset.activation) == (50, "tanh")
    assert not planned.trial


def test_the_name_of_a_training_has_its_kind_depth_and_epochs(tmp_path: Path, images: Path) -> None:
    one = task(tmp_path, trainings(tmp_path, images))
    longer = replace(one, effort=replace(one.effort, epochs=30))
    shipped = replace(one, effort=replace(one.effort, epochs=None))
    assert dense(longer, 10).name == "dense/highway-10/preset-epochs-30"
    assert dense(longer, 10).preset.training.epochs == 30
    assert dense(shipped, 10, plain=True).name == "dense/plain-10/preset-epochs-20"
    assert dense(shipped, 10, plain=True).preset.plain


def test_a_network_is_trained_once(tmp_path: Path, images: Path) -> None:
    one = task(tmp_path, trainings(tmp_path, images))
    run, network = trained(one, 3)
    before = written_at(tmp_path)
    again, _ = trained(one, 3)
    assert again.path == run.path
    assert written_at(tmp_path) == before
    assert len(network.gate_layers) == 2
