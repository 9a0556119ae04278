from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from export.errors import WriteError
from export.metadata import (
    describe,
    golden_rows,
    model_version,
    serialise,
    set_description,
    typical_row,
)
from export.trained_run import TrainedRun
from models.data.source import Source, load
from models.networks.network import HighwayClassifier
from models.networks.preparation import Columns
from models.presets import preset
from service.classifier import Classifier
from service.contract import Column, Input
from tests.conftest import command
from tests.export.untrained import served


def test_a_run_is_described_by_its_data_layers_and_scores(run: TrainedRun) -> None:
    metadata = describe(run, name=None, version="3")
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
    assert metadata.gate_baseline == run.gate_baseline


def test_the_metadata_contain_no_time(run: TrainedRun) -> None:
    metrics = describe(run, name="mine", version="1").training["metrics"]
    assert "seconds" not in metrics


def test_golden_rows_are_the_mean_rows_of_the_first_labels_with_torchs_outputs(
    run: TrainedRun,
) -> None:
    golden = golden_rows(run.served, run.dataset)
    train = run.dataset.train
    assert np.shape(golden["input"]) == (3, 64)
    assert golden["input"][2] == pytest.approx(train.x[train.y == 2].mean(axis=0), abs=1e-5)
    assert np.sum(golden["probabilities"], axis=1) == pytest.approx([1, 1, 1])
    assert np.shape(golden["gate_mean"]) == (3, 3)
    assert np.shape(golden["typicality"]) == (3, 3)
    assert all(0 < p_value <= 1 for row in golden["typicality"] for p_value in row)


def test_no_golden_row_is_a_row_of_the_data(run: TrainedRun) -> None:
    golden = np.array(golden_rows(run.served, run.dataset)["input"], np.float32)
    for part in (run.dataset.train, run.dataset.validation, run.dataset.test):
        assert not (part.x[:, None] == golden).all(axis=2).any()


def test_a_typical_row_has_means_of_numbers_and_the_most_frequent_categories() -> None:
    columns = (Column(name="age"), Column(name="job", categories=("a", "b", "c")))
    table = Input(kind="table", shape=(2,), unit="value", columns=columns)
    nan = np.nan
    rows = np.array([[10, 2], [30, 0], [nan, 2], [20, nan]], np.float32)
    assert typical_row(table, rows).tolist() == [20, 2]
    assert np.isnan(typical_row(table, np.full((2, 2), nan, np.float32))).all()


def test_the_last_golden_row_of_a_table_lacks_all_values_that_can_be_missing(
    tmp_path: Path,
) -> None:
    lines = [f"{n if n % 4 else ''},{n % 7},{'ab'[n % 2]}" for n in range(60)]
    (tmp_path / "gaps.csv").write_text("\n".join(["age,size,owner", *lines]))
    source = Source.of(str(tmp_path / "gaps.csv"), target="owner")
    data = load(source)
    table = Columns(categories=(0, 0), missing_flags=(True, False))
    config = preset("dense-10").network(shape=(2,), classes=2, preparation=table)
    golden = golden_rows(served(HighwayClassifier(config), data.train.x), data)
    assert [row[0] is None for row in golden["input"]] == [False, False, True]
    assert golden["input"][2][1] == golden["input"][0][1]


def test_a_tables_columns_are_described_and_its_file_name_made_fit_for_urls(
    tmp_path: Path,
) -> None:
    lines = [f"{n},{'cat' if n % 3 else 'dog'},{'ab'[n % 2]}" for n in range(40)]
    (tmp_path / "my pets.csv").write_text("\n".join(["age,kind,owner", *lines]))
    done = command(
        *("models", "train", tmp_path / "my pets.csv", "--target", "owner"),
        *("--out", tmp_path / "run", "--epochs", "1", "--depth", "3"),
    )
    assert done.returncode == 0, done.stderr
    metadata = describe(TrainedRun.read(tmp_path / "run"), name=None, version="1")
    assert metadata.name == "my-pets.csv-custom"
    assert metadata.labels == ("a", "b")
    assert metadata.input.columns == (
        Column(name="age"),
        Column(name="kind", categories=("cat", "dog")),
    )


@pytest.mark.parametrize(
    ("version", "stored"),
    [
        ("1", 1),
        ("20", 20),
        ("1.2.3", (1 << 48) + (2 << 32) + 3),
        ("1.2", 0),
        ("2026-11-rc1", 0),
        ("99999.0.0", 0),
        ("123456789012", 0),
    ],
)
def test_a_version_is_stored_as_an_integer_where_onnx_has_one_for_it(
    version: str, stored: int
) -> None:
    assert model_version(version) == stored
    assert onnx.ModelProto(model_version=stored).model_version == stored


def test_the_file_has_a_description_for_any_onnx_tool(artifact_path: Path) -> None:
    model = onnx.load(artifact_path)
    description = model.doc_string
    assert model.model_version == 1
    assert model.producer_name == "highway-networks"
    assert description.startswith(
        "digits-custom, version 1: a highway network of 3 highway layers that classifies images of "
        "8×8 values (brightness) into 10 labels. Each layer mixes "
    )
    set_description(model, Classifier.load(artifact_path).metadata)
    assert model.doc_string == description


def test_a_name_that_looks_like_the_digests_placeholder_is_rejected(artifact_path: Path) -> None:
    model = onnx.load(artifact_path)
    metadata = replace(Classifier.load(artifact_path).metadata, name="0" * 64)
    with pytest.raises(WriteError) as error:
        serialise(model, metadata, {})
    assert str(error.value) == (
        "64 zeros, the placeholder of the digest, occur in the file more than once; choose another "
        "--name"
    )
