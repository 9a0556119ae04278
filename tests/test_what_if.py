"""Predictions and explanations with scaled gates over HTTP agree with torch."""

import json
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models.networks.network import HighwayClassifier, unit_gates
from models.run import Run
from tests.service.serving import serving

FloatArray = NDArray[np.float32]

LAYERS = ("highway 1", "highway 2", "highway 3")


@pytest.fixture(scope="module")
def network(run_path: Path) -> HighwayClassifier:
    return Run(run_path).network()


@pytest.fixture(scope="module")
def rows(run_path: Path) -> FloatArray:
    """The first 64 test rows."""
    return Run(run_path).dataset().test.x[:64]


@pytest.fixture(scope="module")
def port(artifact_path: Path) -> Iterator[int]:
    with serving(artifact_path) as (_, port):
        yield port


def post(port: int, path: str, **body: object) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as response:
        return json.load(response)


@torch.no_grad()
def compute_in_torch(
    network: HighwayClassifier, rows: FloatArray, scale: FloatArray
) -> tuple[FloatArray, list[FloatArray]]:
    """Return probabilities (rows, 10), and each layer's gates (rows, 8)."""
    logits, gates = network(torch.from_numpy(rows), torch.from_numpy(scale))
    return torch.softmax(logits, dim=1).numpy(), [unit_gates(gate).numpy() for gate in gates]


def scale_of(closed: Sequence[str]) -> FloatArray:
    """Return (1, layers): 0 where a layer is closed, else 1."""
    return np.array([[name not in closed for name in LAYERS]], np.float32)


def assert_equal_in_torch(
    predictions: Sequence[Any], network: HighwayClassifier, rows: FloatArray, scale: FloatArray
) -> None:
    probabilities, gates = compute_in_torch(network, rows, scale)
    served = np.array([prediction["probabilities"] for prediction in predictions])
    served_gates = np.array([prediction["gate_mean"] for prediction in predictions])
    expected = np.stack([layer.mean(axis=1) for layer in gates], axis=1)
    assert np.abs(served - probabilities).max() < 1e-5
    assert np.abs(served_gates - expected).max() < 1e-5


def test_each_row_of_a_request_may_close_other_layers(
    port: int, network: HighwayClassifier, rows: FloatArray
) -> None:
    scale = np.array([[row >> layer & 1 for layer in range(3)] for row in range(64)], np.float32)
    response = post(port, "/predict", instances=rows.tolist(), gate_scale=scale.tolist())
    assert_equal_in_torch(response["predictions"], network, rows, scale)
    unscaled, _ = compute_in_torch(network, rows, np.ones((1, 3), np.float32))
    assert np.abs(compute_in_torch(network, rows, scale)[0] - unscaled).max() > 0.01


def test_layers_are_closed_by_name(port: int, network: HighwayClassifier, rows: FloatArray) -> None:
    closed = [[name for i, name in enumerate(LAYERS) if row >> i & 1] for row in range(64)]
    named = [dict.fromkeys(names, 0) for names in closed]
    response = post(port, "/predict", instances=rows.tolist(), gate_scale=named)
    scale = np.concatenate([scale_of(names) for names in closed])
    assert_equal_in_torch(response["predictions"], network, rows, scale)


def test_gates_are_scaled_by_any_factor(
    port: int, network: HighwayClassifier, rows: FloatArray
) -> None:
    scale = np.random.default_rng(0).uniform(0, 2, (64, 3)).astype(np.float32)
    response = post(port, "/predict", instances=rows.tolist(), gate_scale=scale.tolist())
    assert_equal_in_torch(response["predictions"], network, rows, scale)


def test_an_explanation_has_the_outputs_with_each_layer_closed_alone(
    port: int, network: HighwayClassifier, rows: FloatArray
) -> None:
    for row in rows[:16]:
        explanation = post(port, "/explain", instance=row.tolist(), gate_units=True)
        copies = np.tile(row, (4, 1))
        scale = np.concatenate([scale_of(()), *(scale_of((name,)) for name in LAYERS)])
        (unscaled, *closed), gates = compute_in_torch(network, copies, scale)
        (predicted,) = post(port, "/predict", instances=[row.tolist()])["predictions"]
        assert explanation["prediction"]["label"] == predicted["label"] == str(unscaled.argmax())
        assert_equal_in_torch([explanation["prediction"]], network, row[None], scale[:1])
        label = unscaled.argmax()
        for layer, name, probabilities, units in zip(
            explanation["layers"], LAYERS, closed, gates, strict=True
        ):
            assert layer["name"] == name
            assert layer["closed"] == {
                "label": str(probabilities.argmax()),
                "probability": pytest.approx(probabilities[label], abs=1e-5),
                "probability_change": pytest.approx(
                    probabilities[label] - unscaled[label], abs=1e-5
                ),
            }
            assert np.abs(np.array(layer["gate_units"]) - units[0]).max() < 1e-5
        assert explanation["decisive_layers"] == [
            name
            for name, probabilities in zip(LAYERS, closed, strict=True)
            if probabilities.argmax() != label
        ]


def test_every_layer_of_the_counterfactual_is_needed_to_change_the_label(
    port: int, network: HighwayClassifier, rows: FloatArray
) -> None:
    sizes = set()
    for row in rows[:32]:
        explanation = post(port, "/explain", instance=row.tolist())
        label = explanation["prediction"]["label"]
        counterfactual = explanation["counterfactual"]
        if counterfactual is None:
            (changed,), _ = compute_in_torch(network, row[None], scale_of(LAYERS))
            assert str(changed.argmax()) == label  # not even all layers together change it
            sizes.add(0)
            continue
        layers = counterfactual["closed_layers"]
        (changed,), _ = compute_in_torch(network, row[None], scale_of(layers))
        assert str(changed.argmax()) == counterfactual["label"] != label
        for omitted in layers:
            fewer = [name for name in layers if name != omitted]
            (kept,), _ = compute_in_torch(network, row[None], scale_of(fewer))
            assert str(kept.argmax()) == label
        assert (len(layers) == 1) == bool(explanation["decisive_layers"])
        sizes.add(len(layers))
    assert {1, 2} <= sizes  # some labels depend on one layer, some on two
