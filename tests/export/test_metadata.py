from pathlib import Path

import numpy as np
import pytest

from export.metadata import describe, golden_rows
from models.networks.network import HighwayClassifier
from models.networks.preparation import Columns
from models.presets import preset
from models.run import Run
from service.contract import Column
from tests.conftest import command


def test_a_run_is_described_by_its_data_layers_and_scores(run_path: Path) -> None:
    metadata = describe(Run(run_path), name=None, version="3")
    assert (metadata.name, metadata.version) == ("digits-custom", "3")
    assert metadata.labels == tuple("0123456789")
    assert [(layer.name, layer.kind, layer.width) for layer in metadata.layers] == [
        ("highway 1", "dense", 8),
        ("highway 2", "dense", 8),
        ("highway 3", "dense", 8),
    ]
    assert (metadata.input.kind, metadata.input.shape) == ("image", (8, 8))
    assert metadata.training["data"] == "digits"
    assert metadata.training["config"]["seed"] == 1
    assert metadata.training["metrics"]["test_rows"] == 180


def test_no_time_goes_into_the_metadata(run_path: Path) -> None:
    metrics = describe(Run(run_path), name=None, version="1").training["metrics"]
    assert "seconds" not in metrics


def test_the_gate_baseline_travels_along(run_path: Path) -> None:
    run = Run(run_path)
    metadata = describe(run, name="mine", version="1")
    assert metadata.name == "mine"
    assert metadata.gate_baseline == run.baseline()
    assert len(metadata.gate_baseline["overall"]["mean"]) == 3


def test_golden_rows_are_torchs_answers_to_the_first_rows(run_path: Path) -> None:
    run = Run(run_path)
    golden = golden_rows(run.network(), run.dataset().test.x)
    assert np.array_equal(golden["input"], run.dataset().test.x[:3])
    assert np.sum(golden["probabilities"], axis=1) == pytest.approx([1, 1, 1])
    assert np.shape(golden["gate_mean"]) == (3, 3)


def test_a_missing_value_of_a_golden_row_is_null() -> None:
    table = Columns(categories=(0, 0), gaps=(True, False))
    config = preset("dense-10").network(shape=(2,), classes=2, preparation=table)
    rows = np.array([[np.nan, 0.1]], np.float32)
    golden = golden_rows(HighwayClassifier(config).eval(), rows)
    assert golden["input"] == [[None, 0.1]]


def test_a_tables_columns_and_categories_travel_along_under_a_name_for_urls(
    tmp_path: Path,
) -> None:
    lines = [f"{n},{'cat' if n % 3 else 'dog'},{'ab'[n % 2]}" for n in range(40)]
    (tmp_path / "my pets.csv").write_text("\n".join(["age,kind,owner", *lines]))
    done = command(
        *("models", "train", tmp_path / "my pets.csv", "--target", "owner"),
        *("--out", tmp_path / "run", "--epochs", "1", "--depth", "3"),
    )
    assert done.returncode == 0, done.stderr
    metadata = describe(Run(tmp_path / "run"), name=None, version="1")
    assert metadata.name == "my-pets.csv-custom"
    assert metadata.labels == ("a", "b")
    assert metadata.input.columns == (
        Column(name="age"),
        Column(name="kind", categories=("cat", "dog")),
    )
