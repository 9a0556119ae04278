from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from export.errors import WriteError
from export.metadata import (
    describe,
    golden_record,
    model_version,
    serialise,
    set_description,
)
from export.trained_run import TrainedRun
from models.networks.columns import Columns
from models.networks.network import HighwayClassifier
from models.presets import preset
from service.classifier import Classifier
from service.contract import Column
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


def test_golden_rows_are_recorded_with_torchs_outputs(run: TrainedRun) -> None:
    golden = golden_record(run.served, run.rows.golden)
    assert np.array_equal(np.array(golden["input"], np.float32), run.rows.golden)
    assert np.sum(golden["probabilities"], axis=1) == pytest.approx([1, 1, 1])
    assert np.shape(golden["gate_mean"]) == (3, 3)
    assert np.shape(golden["typicality"]) == (3, 3)
    assert all(0 < p_value <= 1 for row in golden["typicality"] for p_value in row)


def test_a_missing_value_of_a_golden_row_is_null() -> None:
    table = Columns(categories=(0, 0), missing_flags=(True, False))
    config = preset("dense-10").network(shape=(2,), classes=2, preparation=table)
    rows = np.array([[1, 2], [np.nan, 2]], np.float32)
    golden = golden_record(served(HighwayClassifier(config), np.tile(rows, (30, 1))), rows)
    assert golden["input"] == [[1.0, 2.0], [None, 2.0]]


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
