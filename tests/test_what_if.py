"""What would the network say with other gates? Asked over HTTP, and answered as torch does."""

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
from tests.service.test_server import serving

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


def asked(port: int, path: str, **body: object) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


@torch.no_grad()
def in_torch(
    network: HighwayClassifier, rows: FloatArray, scale: FloatArray
) -> tuple[FloatArray, list[FloatArray]]:
    """Return probabilities (rows, 10), and each layer's gates (rows, 8)."""
    logits, gates = network(torch.from_numpy(rows), torch.from_numpy(scale))
    return torch.softmax(logits, dim=1).numpy(), [unit_gates(gate).numpy() for gate in gates]


def scale_of(closed: Sequence[str]) -> FloatArray:
    """Return (1, layers): 0 where a layer is closed, else 1."""
    return np.array([[name not in closed for name in LAYERS]], np.float32)


def assert_answered_as_in_torch(
    predictions: Sequence[Any], network: HighwayClassifier, rows: FloatArray, scale: FloatArray
) -> None:
    probabilities, gates = in_torch(network, rows, scale)
    found = np.array([prediction["probabilities"] for prediction in predictions])
    opened = np.array([prediction["gate_mean"] for prediction in predictions])
    expected = np.stack([layer.mean(axis=1) for layer in gates], axis=1)
    assert np.abs(found - probabilities).max() < 1e-5
    assert np.abs(opened - expected).max() < 1e-5


def test_each_row_of_a_batch_closes_other_layers_as_in_torch(
    port: int, network: HighwayClassifier, rows: FloatArray
) -> None:
    scale = np.array([[row >> layer & 1 for layer in range(3)] for row in range(64)], np.float32)
    answer = asked(port, "/predict", instances=rows.tolist(), gate_scale=scale.tolist())
    assert_answered_as_in_torch(answer["predictions"], network, rows, scale)
    open_everywhere, _ = in_torch(network, rows, np.ones((1, 3), np.float32))
    assert np.abs(in_torch(network, rows, scale)[0] - open_everywhere).max() > 0.01


def test_layers_closed_by_name_are_those_closed_in_torch(
    port: int, network: HighwayClassifier, rows: FloatArray
) -> None:
    closed = [[name for i, name in enumerate(LAYERS) if row >> i & 1] for row in range(64)]
    named = [dict.fromkeys(names, 0) for names in closed]
    answer = asked(port, "/predict", instances=rows.tolist(), gate_scale=named)
    scale = np.concatenate([scale_of(names) for names in closed])
    assert_answered_as_in_torch(answer["predictions"], network, rows, scale)


def test_gates_may_be_scaled_to_any_share_as_in_torch(
    port: int, network: HighwayClassifier, rows: FloatArray
) -> None:
    scale = np.random.default_rng(0).uniform(0, 2, (64, 3)).astype(np.float32)
    answer = asked(port, "/predict", instances=rows.tolist(), gate_scale=scale.tolist())
    assert_answered_as_in_torch(answer["predictions"], network, rows, scale)


def test_an_explanation_tells_what_torch_says_with_each_layer_closed_alone(
    port: int, network: HighwayClassifier, rows: FloatArray
) -> None:
    for row in rows[:16]:
        told = asked(port, "/explain", instance=row.tolist(), gate_units=True)
        same = np.tile(row, (4, 1))
        scale = np.concatenate([scale_of(()), *(scale_of((name,)) for name in LAYERS)])
        (whole, *closed), gates = in_torch(network, same, scale)
        (predicted,) = asked(port, "/predict", instances=[row.tolist()])["predictions"]
        assert told["prediction"]["label"] == predicted["label"] == str(whole.argmax())
        assert_answered_as_in_torch([told["prediction"]], network, row[None], scale[:1])
        label = whole.argmax()
        for layer, name, probabilities, units in zip(
            told["layers"], LAYERS, closed, gates, strict=True
        ):
            assert layer["name"] == name
            assert layer["closed"] == {
                "label": str(probabilities.argmax()),
                "probability": pytest.approx(probabilities[label], abs=1e-5),
                "change": pytest.approx(probabilities[label] - whole[label], abs=1e-5),
            }
            assert np.abs(np.array(layer["gate_units"]) - units[0]).max() < 1e-5
        assert told["hangs_on"] == [
            name for name, each in zip(LAYERS, closed, strict=True) if each.argmax() != label
        ]


def test_closing_the_smallest_set_changes_the_label_in_torch_and_no_layer_of_it_can_be_spared(
    port: int, network: HighwayClassifier, rows: FloatArray
) -> None:
    sizes = set()
    for row in rows[:32]:
        told = asked(port, "/explain", instance=row.tolist())
        label, smallest = told["prediction"]["label"], told["smallest_set"]
        if smallest is None:
            (changed,), _ = in_torch(network, row[None], scale_of(LAYERS))
            assert str(changed.argmax()) == label  # not even all layers together change it
            sizes.add(0)
            continue
        layers = smallest["layers"]
        (changed,), _ = in_torch(network, row[None], scale_of(layers))
        assert str(changed.argmax()) == smallest["label"] != label
        for spared in layers:
            fewer = [name for name in layers if name != spared]
            (kept,), _ = in_torch(network, row[None], scale_of(fewer))
            assert str(kept.argmax()) == label
        assert (len(layers) == 1) == bool(told["hangs_on"])
        sizes.add(len(layers))
    assert {1, 2} <= sizes  # some labels hang on one layer, some on two
