import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.data.source import Source
from models.reproduction.cifar import CIFAR_10, JPEG_NOTE, is_jpeg, recipe, reproduce_cifar
from models.reproduction.experiment import Effort
from models.reproduction.findings import Findings
from tests.models.reproduction.conftest import task, trainings


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """One epoch on twelve images of two classes."""
    out = tmp_path_factory.mktemp("cifar")
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (18, 32, 32, 3)).astype(np.uint8)
    y = np.arange(18) % 2
    np.savez(out / "cifar.npz", x_train=x[:12], y_train=y[:12], x_test=x[12:], y_test=y[12:])
    of = trainings(out, out / "cifar.npz")
    return reproduce_cifar(CIFAR_10, task(out / "cifar10", of, Effort(epochs=1)))


def test_the_accuracy_is_compared_with_table_3(findings: Findings) -> None:
    [test] = findings.numbers["tests"]
    rows = {comparison.quantity: comparison for comparison in findings.comparisons}
    assert rows["parameters"].paper == "2,256,838"
    assert rows["parameters"].here == f"{int(test['parameters']):,}"
    assert (rows["epochs"].paper, rows["epochs"].here) == ("400", "1")
    accuracy = rows["test accuracy on CIFAR-10, seed 0, %"]
    assert accuracy.paper == "92.31 ± 0.12"
    assert accuracy.here == f"{100 * test['test_accuracy']:.2f}"
    assert rows["hours of 400 epochs"].here.endswith(", estimated from the 1 here")


def test_the_mean_gates_of_all_highway_layers_are_kept(findings: Findings) -> None:
    gates = findings.numbers["mean_gates"]
    assert len(gates) > 10
    assert all(0 < gate < 1 for gate in gates)
    json.dumps(findings.numbers, allow_nan=False)


def test_the_picture_has_the_curve_of_each_seed(findings: Findings) -> None:
    [axes] = findings.pictures["loss"].draw().axes
    assert (axes.get_title(), len(axes.lines)) == ("CIFAR-10", 1)


def test_cifars_own_files_are_not_jpeg_whatever_is_beside_them(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "sheet.jpg").touch()
    assert is_jpeg(Source.of(str(tmp_path)))
    for name in ("batches.meta", "test_batch", *(f"data_batch_{n}" for n in range(1, 6))):
        (tmp_path / name).touch()
    assert not is_jpeg(Source.of(str(tmp_path)))


def test_images_that_are_not_jpeg_need_no_note(findings: Findings) -> None:
    assert findings.notes == ()


def test_images_stored_again_as_jpeg_are_called_so_in_every_place(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for part, label, number in product(("train", "test"), ("cat", "dog"), range(6)):
        folder = tmp_path / "images" / part / label
        folder.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (32, 32, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.jpg")
    of = trainings(tmp_path, tmp_path / "images")
    findings = reproduce_cifar(CIFAR_10, task(tmp_path / "cifar10", of, Effort(epochs=1)))
    name = "CIFAR-10, re-encoded as JPEG"
    quantities = [comparison.quantity for comparison in findings.comparisons]
    assert f"test accuracy on {name}, seed 0, %" in quantities
    [picture] = findings.pictures.values()
    assert picture.caption == f"Training loss by epoch on {name}."
    [axes] = picture.draw().axes
    assert axes.get_title() == name
    assert findings.notes == (JPEG_NOTE,)


def test_the_recipe_is_short_and_in_bfloat16() -> None:
    training = recipe().training
    assert (training.epochs, training.precision, training.patience) == (3, "bf16-mixed", None)
