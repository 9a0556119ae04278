from pathlib import Path

import numpy as np
import pytest

from export.metadata import describe, golden_rows, typical_row
from models.data.dataset import Column, InputSpec
from models.data.source import Source, load
from models.networks.network import HighwayClassifier
from models.networks.preparation import Columns
from models.presets import preset
from models.run import Run
from service import contract
from tests.conftest import command
from tests.export.serving_networks import served, served_run


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


def test_golden_rows_are_torchs_answers_to_the_mean_rows_of_the_first_labels(
    run_path: Path,
) -> None:
    run = Run(run_path)
    data = run.dataset()
    golden = golden_rows(served_run(run), data)
    twos = data.train.x[data.train.y == 2]
    assert np.shape(golden["input"]) == (3, 64)
    assert golden["input"][2] == pytest.approx(twos.mean(axis=0), abs=1e-5)
    assert np.sum(golden["probabilities"], axis=1) == pytest.approx([1, 1, 1])
    assert np.shape(golden["gate_mean"]) == (3, 3)
    assert np.shape(golden["unusual"]) == (3, 3)
    assert all(0 < share <= 1 for row in golden["unusual"] for share in row)


def test_no_golden_row_is_a_row_of_the_data(run_path: Path) -> None:
    data = Run(run_path).dataset()
    golden = np.array(golden_rows(served_run(Run(run_path)), data)["input"], np.float32)
    for part in (data.train, data.validation, data.test):
        assert not (part.x[:, None] == golden).all(axis=2).any()


def test_a_typical_row_has_means_of_numbers_and_the_commonest_categories() -> None:
    columns = (Column(name="age"), Column(name="job", categories=("a", "b", "c")))
    table = InputSpec(kind="table", shape=(2,), unit="value", columns=columns)
    nan = np.nan
    rows = np.array([[10, 2], [30, 0], [nan, 2], [20, nan]], np.float32)
    assert typical_row(table, rows).tolist() == [20, 2]
    assert np.isnan(typical_row(table, np.full((2, 2), nan, np.float32))).all()


def test_the_last_golden_row_of_a_table_misses_what_it_can_as_null(tmp_path: Path) -> None:
    lines = [f"{n if n % 4 else ''},{n % 7},{'ab'[n % 2]}" for n in range(60)]
    (tmp_path / "gaps.csv").write_text("\n".join(["age,size,owner", *lines]))
    source = Source.of(str(tmp_path / "gaps.csv"), target="owner")
    data = load(source)
    table = Columns(categories=(0, 0), gaps=(True, False))
    config = preset("dense-10").network(shape=(2,), classes=2, preparation=table)
    golden = golden_rows(served(HighwayClassifier(config), data.train.x), data)
    assert [row[0] is None for row in golden["input"]] == [False, False, True]
    assert golden["input"][2][1] == golden["input"][0][1]


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
        contract.Column(name="age"),
        contract.Column(name="kind", categories=("cat", "dog")),
    )
