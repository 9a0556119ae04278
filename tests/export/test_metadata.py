from pathlib import Path

import numpy as np
import pytest

from export.metadata import describe, golden_rows
from models.run import Run


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
